import {
  type CloudRecord,
  type Ec2State,
  type Instance,
  isLegalStep,
  ledgerEntry,
  ledgerKept,
  ledgerLimit,
  type VerifyReason,
  withCloud,
} from '../instance/instance.ts';
import type { Instant } from '../time.ts';

/** A LaunchTime and a `pending` stamp this close belong to one start (docs/design/merging.md, "order and epochs"). A property of EC2, not a setting. */
export const epochToleranceMs = 10_000;

/** What came of one observation. `instance` is the input itself where nothing changed. */
export interface Outcome {
  instance: Instance;
  /** Something worth a write changed. */
  changed: boolean;
  /** A describe is wanted: the instance is new, or in doubt. */
  needsDescribe: boolean;
  alarm?: 'terminated_undone' | 'termination_inferred_wrongly';
}

export const unchanged = (instance: Instance): Outcome => ({ instance, changed: false, needsDescribe: false });

/** A record with a state and its time: every record but one of which EC2 has said nothing yet. */
export type Known = Instance & { cloud: CloudRecord & { state: Ec2State; at: Instant } };
export const isKnown = (instance: Instance | undefined): instance is Known =>
  instance !== undefined && instance.cloud.state !== 'unknown' && instance.cloud.at !== null;

/** The doubt that a step raises, or null, for stamps in the order (from, to) (docs/design/merging.md, "doubt by legal histories"). */
export function doubtOf(from: Ec2State, to: Ec2State, apartMs: number, windowMs: number): VerifyReason | null {
  if (!isLegalStep(from, to)) return 'illegal_step';
  return apartMs <= windowMs && isLegalStep(to, from) ? 'order_unknown' : null;
}

export function withDoubt(instance: Instance, reason: VerifyReason | null, since: Instant): Instance {
  return reason === null || instance.cloud.verify ? instance : withCloud(instance, { verify: { reason, since } });
}

export function appendEntry(ledger: readonly string[], entry: string): readonly string[] {
  const kept = ledger.length >= ledgerLimit ? ledger.slice(-ledgerKept) : ledger;
  return [...kept, entry];
}

/**
 * Applies a state to a record, with everything that follows from it: epochs (rule 3), failed starts (rule 9) and the
 * management reasons that depend on them. Order and doubt are the caller's affair.
 */
export function enter(
  instance: Instance,
  step: { state: Ec2State; at: Instant; origin: string; source: CloudRecord['source']; launchTime?: Instant },
): Instance {
  const { state, at } = step;
  const next = withCloud(instance, {
    state,
    at,
    source: step.source,
    absent: null,
    inferred: false,
    ledger: appendEntry(instance.cloud.ledger, ledgerEntry(state, at, step.origin)),
  });
  if (step.launchTime !== undefined) nameEpoch(instance, next, step.launchTime);
  else if (opensEpoch(instance, state, at))
    Object.assign(next.cloud, { epoch: at, epochNamed: false, runningAt: null });
  if (state === 'pending' || state === 'running') return started(next, state, at);
  if (state === 'stopping' || state === 'stopped') next.cloud.stoppedAt = at;
  return ended(instance, next, state, at);
}

/** EC2 told the LaunchTime. A start that was provisional keeps its running time; another start has none yet. */
export function nameEpoch(before: Instance, next: Instance, launchTime: Instant): void {
  const another = before.cloud.epochNamed && launchTime - (before.cloud.epoch ?? launchTime) > epochToleranceMs;
  const afterStop = !before.cloud.epochNamed && before.cloud.runningAt !== null && launchTime > before.cloud.runningAt;
  if (another || afterStop) next.cloud.runningAt = null;
  if (before.cloud.epochNamed && !another) return;
  next.cloud.epoch = launchTime;
  next.cloud.epochNamed = true;
}

/** `pending` or `running` at first sight or after a stop opens an epoch; so does a `pending` whose stop was lost. */
function opensEpoch(instance: Instance, state: Ec2State, at: Instant): boolean {
  if (state !== 'pending' && state !== 'running') return false;
  if (instance.cloud.epoch === null) return true;
  if (instance.cloud.state !== 'pending' && instance.cloud.state !== 'running') return true;
  return state === 'pending' && at - instance.cloud.epoch > epochToleranceMs;
}

function started(next: Instance, state: Ec2State, at: Instant): Instance {
  next.cloud.failedStart = null;
  if (state === 'running') next.cloud.runningAt ??= at;
  return next.management.status === 'pending' ? reason(next, 'awaiting_enrollment', at) : next;
}

function ended(before: Instance, next: Instance, state: Ec2State, at: Instant): Instance {
  // `stopping` comes from running alone, so the start did not fail even if `running` was never seen.
  if (state === 'stopping') next.cloud.runningAt ??= at;
  const failed = before.cloud.state === 'pending' && next.cloud.runningAt === null && state !== 'stopping';
  if (failed) next.cloud.failedStart = { at, reason: 'unknown' };
  if (next.management.status !== 'pending') return next;
  if (next.cloud.failedStart) return reason(next, 'start_failed', at);
  return state === 'terminated' ? reason(next, 'ended_unenrolled', at) : next;
}

/** Changes why a pending record is pending; the time is that of the change, not of a repetition. */
export function reason(next: Instance, why: Instance['management']['reason'], at: Instant): Instance {
  return next.management.reason === why
    ? next
    : { ...next, management: { ...next.management, reason: why, since: at } };
}
