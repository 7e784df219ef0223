import {
  type CloudRecord,
  type Instance,
  type NotedWarning,
  type WarningKind,
  warningKinds,
  withCloud,
} from '../instance/instance.ts';
import { type Instant, wholeSecond } from '../time.ts';
import { type Outcome, unchanged } from './transition.ts';

/** What one notification warns of. `deadline` is when it happens, where AWS says so. */
export interface Warning {
  kind: WarningKind;
  at: Instant;
  deadline: Instant | null;
}

/** A warning about the present start. Severity 1 is the most severe. */
export interface PresentWarning {
  kind: WarningKind;
  severity: number;
  since: Instant;
  deadline: Instant | null;
}

/**
 * The record after a warning, which never sets a state (docs/design/merging.md, "warnings are not states"). The warnings of a record do
 * not depend on the order in which they arrived. EC2 is asked what the instance is if nothing is known of it, also when the
 * notification comes again: the first delivery may have died before it asked.
 */
export function mergeWarning(current: Instance, word: Warning): Outcome {
  const said = inWholeSeconds(word);
  const { cloud } = current;
  const needsDescribe = cloud.state === 'unknown';
  const kept = cloud.warnings.filter((warning) => !isOver(warning, cloud));
  const known = kept.find(({ kind }) => kind === said.kind);
  const noted = known
    ? joined(known, said)
    : { kind: said.kind, since: said.at, saidAt: said.at, deadline: said.deadline };
  if (noted === known || isOver(noted, cloud)) return { ...unchanged(current), needsDescribe };
  const warnings = [...kept.filter((warning) => warning !== known), noted];
  return {
    instance: withCloud(current, { warnings: warnings.toSorted((a, b) => severityOf(a.kind) - severityOf(b.kind)) }),
    changed: true,
    needsDescribe,
  };
}

/** The warnings about the present start, the most severe first. A new start ends those before it, without a write of its own. */
export function presentWarnings({ warnings, epoch }: Pick<CloudRecord, 'warnings' | 'epoch'>): PresentWarning[] {
  return warnings.flatMap(({ kind, since, saidAt, deadline }) =>
    epoch !== null && saidAt < epoch
      ? []
      : [{ kind, severity: severityOf(kind), since: epoch !== null && since < epoch ? saidAt : since, deadline }],
  );
}

const severityOf = (kind: WarningKind): number => warningKinds.indexOf(kind) + 1;

/** A warning of an earlier start is forgotten once EC2 named the present one: a provisional epoch may still move back. */
const isOver = ({ saidAt }: NotedWarning, { epoch, epochNamed }: CloudRecord): boolean =>
  epochNamed && epoch !== null && saidAt < epoch;

/** As the record keeps them, and as AWS tells them. */
const inWholeSeconds = ({ kind, at, deadline }: Warning): Warning => ({
  kind,
  at: wholeSecond(at),
  deadline: deadline === null ? null : wholeSecond(deadline),
});

/** AWS may repeat a warning, and move its deadline: the first word tells since when, the last one the deadline. */
function joined(known: NotedWarning, { at, deadline }: Warning): NotedWarning {
  const isLater = at > known.saidAt || (at === known.saidAt && (deadline ?? 0) > (known.deadline ?? 0));
  if (!isLater && at >= known.since) return known;
  return {
    kind: known.kind,
    since: Math.min(known.since, at),
    saidAt: Math.max(known.saidAt, at),
    deadline: isLater ? deadline : known.deadline,
  };
}
