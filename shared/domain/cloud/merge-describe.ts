import {
  type CloudRecord,
  type Ec2State,
  type Instance,
  type InstanceKey,
  newInstance,
  rankOf,
  withCloud,
} from '../instance/instance.ts';
import { type Instant, parseTime, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import { nameFailure } from './failed-start.ts';
import { entryId, type LedgerEntry, readEntry, writeEntry } from './ledger.ts';
import { epochOf, epochToleranceMs, startIn } from './start.ts';
import { enter, entriesOf, nameEpoch, type Outcome, unchanged } from './transition.ts';

/** What one DescribeInstances answer (or RunInstances') says of one instance, as far as the merge needs it. */
export interface DescribedState extends InstanceKey {
  state: Ec2State;
  launchTime: Instant;
  /** When the last transition was asked for, where StateTransitionReason tells. */
  transitionAt: Instant | null;
  stateReason: string | null;
  /** When the request was sent: EC2 may answer with anything up to S older. */
  sentAt: Instant;
  source: 'describe' | 'launch';
}

/** `User initiated (2026-11-02 10:00:21 GMT)`: the only trace of time in StateTransitionReason. */
export function transitionTime(text: string | undefined): Instant | null {
  const match = /\((\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) (?:GMT|UTC)\)/.exec(text ?? '');
  return match ? (parseTime(`${match[1]}T${match[2]}Z`) ?? null) : null;
}

/** Compares the answer with the record by the time of its request, its LaunchTime and its transition time (docs/design/merging.md, "what an answer is worth"). */
export function mergeDescribed(current: Instance | undefined, sight: DescribedState, timing: Timing): Outcome {
  if (!isKnown(current)) return applies(current ?? newInstance(sight, sight.sentAt), sight, stampOf(sight, 0), timing);
  const { state, at } = current.cloud;
  if (state === 'terminated' && sight.state !== 'terminated') return revived(current, sight, timing);
  if (!isOver(current, sight) && sight.state === state && !isNewEpoch(current, sight)) return agrees(current, sight);
  if (isAhead(current, sight, timing)) return applies(current, sight, stampOf(sight, at), timing);
  return behind(current, sight, timing);
}

/** A record of an instance of which something is known. */
type Known = Instance & { cloud: { state: Ec2State; at: Instant } };

function isKnown(current: Instance | undefined): current is Known {
  return current !== undefined && current.cloud.state !== 'unknown' && current.cloud.at !== null;
}

const stampOf = (sight: DescribedState, at: Instant): Instant =>
  Math.max(at, sight.launchTime, sight.transitionAt ?? 0);

/** Of an epoch that is over: more than 10 s before the named start, or, unnamed, before the stop that ended the previous one. */
function isOver(record: Known, sight: DescribedState): boolean {
  const { cloud } = record;
  if (cloud.epoch === null) return false;
  if (cloud.epochNamed) return sight.launchTime < cloud.epoch - epochToleranceMs;
  const ended = endOfPrevious(record, cloud.epoch);
  if (ended === null) return false;
  // A start that `pending` opened has a LaunchTime close to that stamp, though the last stop before it may be lost.
  const byPending = cloud.runningAt !== cloud.epoch;
  return sight.launchTime < (byPending ? Math.max(ended, cloud.epoch - epochToleranceMs) : ended);
}

/** The last that the record knows of the epoch before: `stoppedAt` may be of the present one already. */
function endOfPrevious(record: Known, epoch: Instant): Instant | null {
  const { cloud } = record;
  if (cloud.stoppedAt !== null && cloud.stoppedAt <= epoch) return cloud.stoppedAt;
  return cloud.ledger.map(readEntry).findLast((entry) => entry.at < epoch)?.at ?? null;
}

/** A LaunchTime that opens an epoch: more than 10 s after a named one; unnamed, after the stop on record or 10 s after `at`. */
function isNewEpoch(record: Known, sight: DescribedState): boolean {
  const { cloud } = record;
  if (cloud.epochNamed && cloud.epoch !== null) {
    // A start from before the stop on record is over, however much later than the named one it was.
    const ended = rankOf(cloud.state) >= rankOf('stopping');
    return sight.launchTime > cloud.epoch + epochToleranceMs && !(ended && sight.launchTime < cloud.at);
  }
  if (cloud.stoppedAt !== null && sight.launchTime > cloud.stoppedAt && cloud.stoppedAt >= (cloud.epoch ?? 0))
    return true;
  return sight.launchTime > cloud.at + epochToleranceMs;
}

function isAhead(record: Known, sight: DescribedState, timing: Timing): boolean {
  const { cloud } = record;
  const before = cloud.at - seconds(timing.orderingWindowSeconds);
  // Nor does an answer know of anything that came after its request.
  const stale = (sight.transitionAt !== null && sight.transitionAt < before) || sight.sentAt < before;
  if (stale || isOver(record, sight)) return false;
  return isNewEpoch(record, sight) || rankOf(sight.state) > rankOf(cloud.state);
}

function agrees(current: Instance, sight: DescribedState): Outcome {
  // An answer to a request that went out before the doubt arose knows nothing of it.
  const settles = current.cloud.verify !== null && sight.sentAt >= current.cloud.verify.since;
  const next = withCloud(current, {
    ...(settles && settled(current.cloud)),
    absent: null,
    seenAt: Math.max(current.cloud.seenAt ?? 0, sight.sentAt),
  });
  nameEpoch(current.cloud, next.cloud, sight.launchTime);
  // A start that no event told of: it runs, so its enrollment deadline counts from the stamp of that.
  if (sight.state === 'running') next.cloud.runningAt ??= current.cloud.at;
  if (sight.state === 'terminated') next.cloud.inferred = false;
  const named = nameFailure(next, sight);
  return { instance: named, changed: !sameButSeenAt(current, named), needsDescribe: next.cloud.verify !== null };
}

/** The doubt is over, and the ledger is read with it settled: what the next event finds is what the record says. */
function settled(cloud: CloudRecord): Partial<CloudRecord> {
  const entries = cloud.ledger.map(readEntry).map(settle);
  const start = startIn(entries);
  return { verify: null, ledger: entries.map(writeEntry), ...(start && epochOf(cloud, start, undefined)) };
}

/** A new `seenAt` alone is not worth a write. */
function sameButSeenAt(before: Instance, after: Instance): boolean {
  const fields = ['verify', 'absent', 'epoch', 'epochNamed', 'runningAt', 'inferred', 'failedStart'] as const;
  return fields.every((field) => before.cloud[field] === after.cloud[field]);
}

/** The answer becomes an estimated entry that settles all before it: the transition happened at `at` or later, and before the request was sent. */
function applies(current: Instance, described: DescribedState, at: Instant, timing: Timing): Outcome {
  const { state, source, sentAt, launchTime } = described;
  const until = Math.max(at, sentAt);
  const entry: LedgerEntry = { state, at, until, id: entryId(`${source}@${sentAt}`), settled: true };
  const isInferred = (other: LedgerEntry) => current.cloud.inferred && other.state === 'terminated';
  const known = entriesOf(current.cloud).filter((other) => !isInferred(other));
  const entered = enter(
    current,
    [...known.map(settle), entry],
    entry,
    { source, learntAt: sentAt, launchTime },
    timing,
  );
  const next = withCloud(entered, { verify: null, seenAt: Math.max(current.cloud.seenAt ?? 0, sentAt) });
  return { instance: nameFailure(next, described), changed: true, needsDescribe: false };
}

const settle = (entry: LedgerEntry): LedgerEntry => ({ ...entry, settled: true });

/** Behind: it applies once EC2 has had S to catch up, stamped with the time that it surely speaks of. */
function behind(record: Known, sight: DescribedState, timing: Timing): Outcome {
  const { cloud } = record;
  const staleness = seconds(timing.stalenessSeconds);
  // EC2 tells when a transition was asked for: what a describe wrote may have come true as late as it was seen.
  const trueSince = cloud.source === 'describe' ? Math.max(cloud.at, cloud.seenAt ?? 0) : cloud.at;
  if (sight.sentAt > trueSince + staleness) return applies(record, sight, sight.sentAt - staleness, timing);
  const needsDescribe = cloud.verify !== null;
  // Whatever the answer shows, the instance was there: two sweeps have to miss it from now on.
  const missed = cloud.absent !== null && sight.sentAt > cloud.absent.seenAt && cloud.state !== 'terminated';
  if (!missed) return { ...unchanged(record), needsDescribe };
  const instance = withCloud(record, { absent: { seenAt: sight.sentAt, since: null } });
  return { instance, changed: true, needsDescribe };
}

/** Only a describe sent more than S later that shows the instance alive undoes EC2's own `terminated` (docs/design/merging.md, "termination absorbs"). */
function revived(record: Known, sight: DescribedState, timing: Timing): Outcome {
  const { cloud } = record;
  if (cloud.inferred && sight.sentAt > cloud.at) {
    // A second after the end that it undoes: consumers may order by stamps.
    const undone = applies(record, sight, stampOf(sight, cloud.at + seconds(1)), timing);
    return { ...undone, alarm: 'termination_inferred_wrongly' };
  }
  const outcome = behind(record, sight, timing);
  return outcome.changed ? { ...outcome, alarm: 'terminated_undone' } : outcome;
}
