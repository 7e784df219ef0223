import type { CloudRecord, Ec2State, Instance, InstanceKey } from '../instance/instance.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import { ledgerEntry, ledgerLimit } from './ledger.ts';
import { disbelief, type StateChange } from './merge-event.ts';

/**
 * One conditional update for an event, made without reading the record first. The guard lets it pass only where the event
 * comes in order; for every other record the store refuses it, and `mergeEvent` decides with the record that it read
 * (docs/design/merging.md, "the blind first write").
 */
export interface FirstTry {
  key: InstanceKey;
  /** All must hold. If there is no record, none of them holds. */
  guard: readonly GuardTest[];
  /** What changes in the record's `cloud`. */
  set: Partial<CloudRecord>;
  /** The entry to append to the ledger. */
  entry: string;
  /** When the enrollment deadline falls if the record waits for an enrollment; null takes the record out of the due index. */
  deadline: Instant | null;
}

type WordField = 'cloud.state' | 'management.status' | 'management.reason';
type TimeField = 'cloud.at' | 'management.notBefore';
type NullableField = 'cloud.verify' | 'cloud.failedStart' | 'cloud.runningAt' | 'cloud.epoch';

/** A condition on the record that a store can check in the write itself. A field that is null satisfies no comparison but `nullOrBefore`. */
export type GuardTest =
  | { field: WordField; oneOf: readonly string[] }
  | { field: WordField; noneOf: readonly string[] }
  | { field: TimeField; atMost: Instant }
  | { field: 'cloud.stoppedAt'; notBefore: 'cloud.epoch' }
  | { field: 'cloud.seenAt'; nullOrBefore: Instant }
  | { field: NullableField; is: 'null' | 'known' }
  | { field: 'cloud.ledger'; shorterThan: number };

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
      { field: 'cloud.state', oneOf: predecessors[state] },
      { field: 'cloud.at', atMost: at - seconds(timing.orderingWindowSeconds) - 1 },
      { field: 'cloud.verify', is: 'null' },
      { field: 'cloud.ledger', shorterThan: ledgerLimit },
      // A describe as late as the event may have shown its transition already.
      { field: 'cloud.seenAt', nullOrBefore: at },
      ...particulars(state, at, timing),
    ],
    set: { state, at, source: 'event', absent: null, inferred: false, ...consequences(state, at) },
    entry: ledgerEntry(state, at, event.id),
    deadline: state === 'running' ? at + seconds(timing.enrollmentDeadlineSeconds) : null,
  };
}

/** Whatever else the merge's answer depends on; none of it is met by an instance whose events come in order. */
function particulars(state: Ec2State, at: Instant, timing: Timing): readonly GuardTest[] {
  // A start changes why a record waits, if it is for anything but an enrollment.
  const waitsForEnrollment: GuardTest = { field: 'management.reason', noneOf: ['start_failed', 'ended_unenrolled'] };
  const noFailedStart: GuardTest = { field: 'cloud.failedStart', is: 'null' };
  switch (state) {
    case 'pending':
      return [
        waitsForEnrollment,
        { field: 'cloud.stoppedAt', notBefore: 'cloud.epoch' },
        // A describe of a start that failed shows `pending` and `stopped` at once, and both stamps may be off by the window.
        { field: 'cloud.seenAt', nullOrBefore: at - seconds(timing.orderingWindowSeconds) },
      ];
    case 'running':
      return [
        waitsForEnrollment,
        { field: 'cloud.epoch', is: 'known' },
        { field: 'cloud.runningAt', is: 'null' },
        // Then the deadline counts from the event's own stamp.
        { field: 'management.notBefore', atMost: at },
      ];
    case 'stopping':
      return [noFailedStart, { field: 'cloud.runningAt', is: 'known' }];
    case 'terminated':
      return [{ field: 'management.status', noneOf: ['pending'] }];
    default:
      return [noFailedStart];
  }
}

function consequences(state: Ec2State, at: Instant): Partial<CloudRecord> {
  if (state === 'pending') return { epoch: at, epochNamed: false, runningAt: null, failedStart: null };
  if (state === 'running') return { runningAt: at, failedStart: null };
  return state === 'stopping' || state === 'stopped' ? { stoppedAt: at } : {};
}

/** Whether the record meets every condition, so that the update may be applied to it. */
export function guardHolds(guard: readonly GuardTest[], record: Instance): boolean {
  return guard.every((test) => testHolds(test, record));
}

function testHolds(test: GuardTest, record: Instance): boolean {
  const value = fieldOf(record, test.field);
  if ('oneOf' in test) return test.oneOf.includes(String(value));
  if ('noneOf' in test) return !test.noneOf.includes(String(value));
  if ('is' in test) return (value === null) === (test.is === 'null');
  if ('shorterThan' in test) return record.cloud.ledger.length < test.shorterThan;
  if ('nullOrBefore' in test) return value === null || Number(value) < test.nullOrBefore;
  if ('atMost' in test) return value !== null && Number(value) <= test.atMost;
  const { stoppedAt, epoch } = record.cloud;
  return stoppedAt !== null && epoch !== null && stoppedAt >= epoch;
}

/** The value of a field that is named by its path, for example `cloud.state`. */
function fieldOf(record: Instance, path: GuardTest['field']): unknown {
  const [part = '', member = ''] = path.split('.');
  const parts: Readonly<Record<string, object>> = { cloud: record.cloud, management: record.management };
  return (parts[part] as Readonly<Record<string, unknown>> | undefined)?.[member] ?? null;
}

/** The record after the update. Every store has to write exactly this. */
export function applyFirstTry(record: Instance, { set, entry }: FirstTry): Instance {
  const cloud = { ...record.cloud, ...set, ledger: [...record.cloud.ledger, entry] };
  return { ...record, cloud, version: record.version + 1 };
}
