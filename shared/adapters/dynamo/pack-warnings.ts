import type { NotedWarning, WarningKind } from '#shared/domain/instance/instance.ts';
import { seconds } from '#shared/domain/time.ts';

/** Items hold these letters: none may change, or be given to another kind. */
const letters: Readonly<Record<WarningKind, string>> = {
  spot_interruption: 'S',
  capacity_block_interruption: 'C',
  scheduled_retirement: 'E',
  scheduled_stop: 'H',
  scheduled_reboot: 'B',
  scheduled_maintenance: 'M',
  rebalance_recommendation: 'R',
};
const kindOf = new Map(Object.entries(letters).map(([kind, letter]) => [letter, kind as WarningKind]));

/**
 * Warnings as one short text. Of each: a capital letter for its kind, since when, `+` and how much later it was last said,
 * `.` and how much after that its deadline is; all in seconds, in base 36. `since` counts from that of the first warning.
 * A repetition or a deadline that is not there is left out.
 */
export function packWarnings(warnings: readonly NotedWarning[]): string | null {
  const [first] = warnings;
  if (!first) return null;
  return warnings
    .map(({ kind, since, saidAt, deadline }) => {
      const from = kind === first.kind ? since : since - first.since;
      const again = saidAt === since ? '' : `+${short(saidAt - since)}`;
      return letters[kind] + short(from) + again + (deadline === null ? '' : `.${short(deadline - saidAt)}`);
    })
    .join('');
}

const packed = /([A-Z])(-?[0-9a-z]+)(?:\+([0-9a-z]+))?(?:\.(-?[0-9a-z]+))?/g;

/** The warnings that `packWarnings` wrote. A letter that this version does not know is left out. */
export function unpackWarnings(text: string): NotedWarning[] {
  let first: number | undefined;
  return [...text.matchAll(packed)].flatMap(([, letter = '', from = '', again = '0', ahead]) => {
    const since = long(from) + (first ?? 0);
    first ??= since;
    const kind = kindOf.get(letter);
    const saidAt = since + long(again);
    return kind ? [{ kind, since, saidAt, deadline: ahead === undefined ? null : saidAt + long(ahead) }] : [];
  });
}

const short = (ms: number): string => Math.floor(ms / 1000).toString(36);
const long = (text: string): number => seconds(Number.parseInt(text, 36));
