import { type Ec2State, type Instance, ledgerEntry, ledgerLimit } from '../instance/instance.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import { disbelief, type StateChange } from './merge-event.ts';

/**
 * An update that needs no read: right for whatever record it finds, on condition that the record is of the kind that
 * events in order meet (docs/design/merging.md, "the blind first write"). On refusal the pure merge decides with the record that stood in the way.
 */
export interface FirstTry {
  key: Pick<Instance, 'account' | 'region' | 'instanceId'>;
  /** All must hold; a record that is not there satisfies none of them. */
  guard: readonly GuardTest[];
  set: Partial<Instance>;
  entry: string;
  /** When the enrollment deadline falls, should the record be waiting for one; null takes it out of the index. */
  deadline: Instant | null;
}

/** What a record must be like, in terms that a store can check where it writes. A number that is null satisfies nothing. */
export type GuardTest =
  | { field: 'state' | 'management' | 'managementReason'; oneOf: readonly string[] }
  | { field: 'state' | 'management' | 'managementReason'; noneOf: readonly string[] }
  | { field: 'at' | 'notBefore'; atMost: Instant }
  | { field: 'stoppedAt'; notBefore: 'epoch' }
  | { field: 'verify' | 'failedStart' | 'runningAt' | 'epoch'; is: 'null' | 'known' }
  | { field: 'ledger'; shorterThan: number };

const predecessors: Record<Ec2State, readonly Ec2State[]> = {
  pending: ['stopped'],
  running: ['pending'],
  stopping: ['running'],
  stopped: ['stopping'],
  'shutting-down': ['running', 'stopping', 'stopped'],
  terminated: ['shutting-down', 'stopped', 'stopping'],
};

/** The update for an event, or undefined where only the merge can tell. It must say what `mergeEvent` would: a property test holds them together. */
export function firstTry(event: StateChange, timing: Timing): FirstTry | undefined {
  if (disbelief(event, timing)) return undefined;
  const { account, region, instanceId, state, at } = event;
  return {
    key: { account, region, instanceId },
    guard: [
      { field: 'state', oneOf: predecessors[state] },
      { field: 'at', atMost: at - seconds(timing.orderingWindowSeconds) - 1 },
      { field: 'verify', is: 'null' },
      { field: 'ledger', shorterThan: ledgerLimit },
      ...particulars(state, at),
    ],
    set: { state, at, source: 'event', absent: null, inferred: false, ...consequences(state, at) },
    entry: ledgerEntry(state, at, event.id),
    deadline: state === 'running' ? at + seconds(timing.enrollmentDeadlineSeconds) : null,
  };
}

/** Whatever else the merge's answer depends on; none of it is met by an instance whose events come in order. */
function particulars(state: Ec2State, at: Instant): readonly GuardTest[] {
  // A start changes why a record waits, if it is for anything but an enrollment.
  const waitsForEnrollment: GuardTest = { field: 'managementReason', noneOf: ['start_failed', 'ended_unenrolled'] };
  const noFailedStart: GuardTest = { field: 'failedStart', is: 'null' };
  switch (state) {
    case 'pending':
      return [waitsForEnrollment, { field: 'stoppedAt', notBefore: 'epoch' }];
    case 'running':
      return [
        waitsForEnrollment,
        { field: 'epoch', is: 'known' },
        { field: 'runningAt', is: 'null' },
        // Then the deadline counts from the event's own stamp.
        { field: 'notBefore', atMost: at },
      ];
    case 'stopping':
      return [noFailedStart, { field: 'runningAt', is: 'known' }];
    case 'terminated':
      return [{ field: 'management', noneOf: ['pending'] }];
    default:
      return [noFailedStart];
  }
}

function consequences(state: Ec2State, at: Instant): Partial<Instance> {
  if (state === 'pending') return { epoch: at, epochNamed: false, runningAt: null, failedStart: null };
  if (state === 'running') return { runningAt: at, failedStart: null };
  return state === 'stopping' || state === 'stopped' ? { stoppedAt: at } : {};
}

/** Whether a record is what the update is for. */
export function guardHolds(guard: readonly GuardTest[], record: Instance): boolean {
  return guard.every((condition) => conditionHolds(condition, record));
}

function conditionHolds(condition: GuardTest, record: Instance): boolean {
  if ('oneOf' in condition) return condition.oneOf.includes(record[condition.field]);
  if ('noneOf' in condition) return !condition.noneOf.includes(record[condition.field]);
  if ('is' in condition) return (record[condition.field] === null) === (condition.is === 'null');
  if ('shorterThan' in condition) return record.ledger.length < condition.shorterThan;
  if ('atMost' in condition) return (record[condition.field] ?? Number.POSITIVE_INFINITY) <= condition.atMost;
  return record.stoppedAt !== null && record.epoch !== null && record.stoppedAt >= record.epoch;
}

/** The record after the update: what every store must make of it. */
export function applyFirstTry(record: Instance, step: FirstTry): Instance {
  return { ...record, ...step.set, ledger: [...record.ledger, step.entry], version: record.version + 1 };
}
