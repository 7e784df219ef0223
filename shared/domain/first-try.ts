import { type Ec2State, type Instance, ledgerEntry } from './instance.ts';
import { disbelief, type StateChange } from './merge-event.ts';
import { seconds } from './time.ts';
import type { Timing } from './timing.ts';

/**
 * An update that needs no read: right for whatever record it finds, on condition that the record is of the kind that
 * events in order meet (DESIGN 4, "First try"). On refusal the pure merge decides with the record that stood in the way.
 */
export interface FirstTry {
  key: Pick<Instance, 'account' | 'region' | 'instanceId'>;
  guard: {
    /** The record's state is one of these; its `verify` is null; its ledger has room. */
    states: readonly Ec2State[];
    /** Its `at` is before this: further away than the ordering window. */
    atBefore: number;
    /** Its `notBefore` is no later than this: then the deadline counts from the event's own stamp. */
    notBeforeUpTo?: number;
    /** No failed start is on record. */
    noFailedStart?: true;
    /** It does not wait for an enrollment. */
    notWaiting?: true;
  };
  set: Partial<Instance>;
  entry: string;
  /** When the enrollment deadline falls, should the record be waiting for one; null takes it out of the index. */
  deadline: number | null;
}

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
    guard: {
      states: predecessors[state],
      atBefore: at - seconds(timing.orderingWindowSeconds),
      ...(state === 'running' && { notBeforeUpTo: at }),
      ...(state === 'pending' && { noFailedStart: true as const }),
      ...(state === 'terminated' && { notWaiting: true as const }),
    },
    set: { state, at, source: 'event', absent: null, ...consequences(state, at) },
    entry: ledgerEntry(state, at, event.id),
    deadline: state === 'running' ? at + seconds(timing.enrollmentDeadlineSeconds) : null,
  };
}

function consequences(state: Ec2State, at: number): Partial<Instance> {
  if (state === 'pending') return { epoch: at, epochNamed: false, runningAt: null };
  if (state === 'running') return { runningAt: at };
  return state === 'stopping' || state === 'stopped' ? { stoppedAt: at } : {};
}
