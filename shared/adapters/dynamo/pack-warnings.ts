import { type NotedWarning, warningKinds } from '#shared/domain/instance/instance.ts';
import { seconds } from '#shared/domain/time.ts';

/**
 * Warnings as one short text. Of each: a capital letter for its kind, since when, `+` and how much later it was last said,
 * `.` and how much after that its deadline is; all in seconds, in base 36. `since` counts from that of the first warning.
 * What is zero or null is left out after the first number, so a warning takes 4 to 16 bytes.
 */
export function packWarnings(warnings: readonly NotedWarning[]): string | null {
  const [first] = warnings;
  if (!first) return null;
  return warnings
    .map(({ kind, since, saidAt, deadline }) => {
      const from = kind === first.kind ? since : since - first.since;
      const again = saidAt === since ? '' : `+${short(saidAt - since)}`;
      return letterOf(kind) + short(from) + again + (deadline === null ? '' : `.${short(deadline - saidAt)}`);
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
    const kind = warningKinds[letter.charCodeAt(0) - firstLetter];
    const saidAt = since + long(again);
    return kind ? [{ kind, since, saidAt, deadline: ahead === undefined ? null : saidAt + long(ahead) }] : [];
  });
}

const firstLetter = 'A'.charCodeAt(0);
const letterOf = (kind: NotedWarning['kind']): string => String.fromCharCode(firstLetter + warningKinds.indexOf(kind));
const short = (ms: number): string => Math.floor(ms / 1000).toString(36);
const long = (text: string): number => seconds(Number.parseInt(text, 36));
