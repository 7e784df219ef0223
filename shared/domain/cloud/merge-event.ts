import {
  type Ec2State,
  type Instance,
  type InstanceKey,
  isLegalStep,
  ledgerEntry,
  newInstance,
  orderOf,
  readLedgerEntry,
  shortHash,
  type VerifyReason,
  withCloud,
} from '../instance/instance.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import {
  appendEntry,
  doubtOf,
  enter,
  epochToleranceMs,
  isKnown,
  type Outcome,
  reason,
  unchanged,
  withDoubt,
} from './transition.ts';

/** One EC2 state-change notification, stamped in whole seconds (AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html). */
export interface StateChange extends InstanceKey {
  id: string;
  state: Ec2State;
  at: Instant;
  receivedAt: Instant;
}

/** Why an event's stamp makes it count for nothing, or null if it counts (docs/design/merging.md, "which events count"). */
export function disbelief(
  event: Pick<StateChange, 'at' | 'receivedAt'>,
  timing: Timing,
): 'too_old' | 'from_the_future' | null {
  if (event.at > event.receivedAt + seconds(timing.futureToleranceSeconds)) return 'from_the_future';
  return event.at < event.receivedAt - seconds(timing.oldestEventSeconds) ? 'too_old' : null;
}

/** The record after an event. Events may arrive in any order (docs/design/merging.md, "order and epochs", "doubt by legal histories"). */
export function mergeEvent(current: Instance | undefined, event: StateChange, timing: Timing): Outcome {
  if (disbelief(event, timing)) return unchanged(current ?? newInstance(event, event.receivedAt));
  if (!isKnown(current)) return firstSight(current, event);
  // A delivery that comes again may have died between the record and the question that it owed.
  if (isRecorded(current, event))
    return { ...unchanged(current), needsDescribe: current.cloud.verify !== null || !current.cloud.epochNamed };
  if (current.cloud.state === 'terminated') return afterTermination(current, current.cloud.at, event, timing);
  const { state, at } = current.cloud;
  if (orderOf(event, { state, at }) < 0) return late(current, state, at, event, timing);
  if (belongsToEpoch(current, event)) return unchanged(current);
  return advance(current, state, at, event, timing);
}

function firstSight(current: Instance | undefined, event: StateChange): Outcome {
  const blank = current ?? newInstance(event, event.receivedAt);
  return { instance: enter(blank, fromEvent(event)), changed: true, needsDescribe: true };
}

/** Rule 2: the ledger holds the event, or its (state, at). */
function isRecorded(current: Instance, event: StateChange): boolean {
  const origin = shortHash(event.id).slice(0, 7);
  return current.cloud.ledger.some((entry) => {
    const known = readLedgerEntry(entry);
    return known.origin === origin || (known.state === event.state && known.at === event.at);
  });
}

/** Rule 1. What was only inferred from absence gives way to any later sight; EC2's own word does not. */
function afterTermination(current: Instance, at: Instant, event: StateChange, timing: Timing): Outcome {
  if (event.state === 'terminated') {
    if (!current.cloud.inferred) return unchanged(current);
    return {
      instance: enter(current, { ...fromEvent(event), at: Math.max(at, event.at) }),
      changed: true,
      needsDescribe: false,
    };
  }
  if (current.cloud.inferred && event.at > at) {
    return {
      instance: enter(current, fromEvent(event)),
      changed: true,
      needsDescribe: true,
      alarm: 'termination_inferred_wrongly',
    };
  }
  if (event.at <= at) return withoutFailedStart(unchanged(current), event);
  const impossible = event.at > at + seconds(timing.orderingWindowSeconds);
  return doubt(current, impossible ? 'illegal_step' : null, event.receivedAt);
}

/** An event older than the record: it may raise doubt (4a) or withdraw a failed start (9), never set the state. */
function late(current: Instance, state: Ec2State, at: Instant, event: StateChange, timing: Timing): Outcome {
  const window = seconds(timing.orderingWindowSeconds);
  const near = at - event.at <= window;
  const doubtful = near ? (doubtOf(event.state, state, at - event.at, window) ?? doubtOfPlace(current, event)) : null;
  return withoutFailedStart(doubt(current, doubtful, event.receivedAt), event);
}

/** A late event takes its place in the ledger: a step to it that is not legal means that more happened in between. */
function doubtOfPlace(current: Instance, event: StateChange): VerifyReason | null {
  const before = current.cloud.ledger.map(readLedgerEntry).findLast((entry) => orderOf(entry, event) < 0);
  return before && !isLegalStep(before.state, event.state) ? 'illegal_step' : null;
}

function ranInThisEpoch(current: Instance, event: StateChange): boolean {
  if (event.state !== 'running' || current.cloud.runningAt !== null || current.cloud.epoch === null) return false;
  return event.at >= current.cloud.epoch;
}

/** Rule 9: a late `running` withdraws what looked like a failed start. */
function withoutFailedStart(outcome: Outcome, event: StateChange): Outcome {
  const current = outcome.instance;
  if (!ranInThisEpoch(current, event)) return outcome;
  // The ledger stays in the order of its steps, of which this one is not the last.
  const ledger = appendEntry(current.cloud.ledger, ledgerEntry(event.state, event.at, event.id)).toSorted((a, b) =>
    orderOf(readLedgerEntry(a), readLedgerEntry(b)),
  );
  const next = withCloud(current, { runningAt: event.at, failedStart: null, ledger });
  const why = next.cloud.state === 'terminated' ? 'ended_unenrolled' : 'awaiting_enrollment';
  const instance = next.management.reason === 'start_failed' ? reason(next, why, event.receivedAt) : next;
  return { ...outcome, instance, changed: true };
}

/**
 * Rule 3: a `pending` within 10 s of the present epoch's LaunchTime belongs to it and never takes the record back,
 * unless a stop was seen since: then it is the next start.
 */
function belongsToEpoch(current: Instance, event: StateChange): boolean {
  if (event.state !== 'pending' || !current.cloud.epochNamed || current.cloud.epoch === null) return false;
  if (current.cloud.stoppedAt !== null && current.cloud.stoppedAt >= current.cloud.epoch) return false;
  return Math.abs(event.at - current.cloud.epoch) <= epochToleranceMs;
}

function advance(current: Instance, state: Ec2State, at: Instant, event: StateChange, timing: Timing): Outcome {
  const stampedByDescribe =
    current.cloud.source !== 'event' && current.cloud.seenAt !== null && event.at <= current.cloud.seenAt;
  if (state === event.state && stampedByDescribe) return overtaken(current, event);
  const reason = doubtOf(state, event.state, event.at - at, seconds(timing.orderingWindowSeconds));
  const instance = withDoubt(enter(current, fromEvent(event)), reason, event.receivedAt);
  return { instance, changed: true, needsDescribe: instance.cloud.verify !== null && current.cloud.verify === null };
}

/** A describe stamped the record with what EC2 could tell; the event that it overtook carries the exact stamp. */
function overtaken(current: Instance, event: StateChange): Outcome {
  const instance = enter(current, fromEvent(event));
  if (event.state === 'running' && current.cloud.runningAt === current.cloud.at) instance.cloud.runningAt = event.at;
  return { instance, changed: true, needsDescribe: false };
}

function doubt(current: Instance, reason: VerifyReason | null, since: Instant): Outcome {
  const instance = withDoubt(current, reason, since);
  const changed = instance !== current;
  return { instance, changed, needsDescribe: changed };
}

function fromEvent(event: StateChange): Parameters<typeof enter>[1] {
  return { state: event.state, at: event.at, origin: event.id, source: 'event' };
}
