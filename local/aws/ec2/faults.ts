import type { Ec2ErrorCode } from './ec2-error.ts';
import type { StateReasonCode } from './lifecycle.ts';
import type { Place } from './simulated-instance.ts';

export const operations = [
  'DescribeInstances',
  'RunInstances',
  'StartInstances',
  'StopInstances',
  'RebootInstances',
  'TerminateInstances',
  'CreateTags',
] as const;
export type Operation = (typeof operations)[number];

/** Narrows a fault to an account or region, and to the next so many occasions; otherwise it holds until taken out. */
interface Scope {
  account?: string;
  region?: string;
  times?: number;
}

/** What a call meets. Of several that fit, the first in the list. */
export type CallFault = Scope & { operation?: Operation } & (
    | { kind: 'error'; code: Ec2ErrorCode }
    | { kind: 'throttle' }
    /** The call takes effect and its answer never arrives. */
    | { kind: 'lose-answer' }
    /** A describe succeeds and shows nothing. */
    | { kind: 'empty' }
    /** A describe's NextToken leads to the page that it came with, again. */
    | { kind: 'repeat-page-token' }
  );

/** A launch (ends `terminated`) or a start (ends `stopped`) of one instance that will not reach `running`. */
export type StartFault = Scope & { on: 'launch' | 'start'; code: StateReasonCode };

/**
 * What goes wrong, set from outside at any time: push onto the lists, take out again. Entries with `times` are used up.
 * No snapshot keeps them.
 */
export interface Faults {
  calls: CallFault[];
  starts: StartFault[];
  /**
   * Zones that do not answer: a describe that names ids in one, or names no ids at all, fails, and so does a launch
   * into one (AWSEC2/latest/APIReference/API_DescribeInstances.html). What goes on inside goes on.
   */
  impairedZones: string[];
}

export const noFaults = (): Faults => ({ calls: [], starts: [], impairedZones: [] });

export function takeCallFault(faults: Faults, place: Place, operation: Operation): CallFault | undefined {
  return take(faults.calls, (f) => fits(f, place) && (f.operation ?? naturalOperation(f) ?? operation) === operation);
}

function naturalOperation({ kind }: CallFault): Operation | undefined {
  return kind === 'empty' || kind === 'repeat-page-token' ? 'DescribeInstances' : undefined;
}

export function takeStartFault(faults: Faults, place: Place, on: StartFault['on']): StartFault | undefined {
  return take(faults.starts, (f) => fits(f, place) && f.on === on);
}

function fits(scope: Scope, place: Place): boolean {
  return (scope.account ?? place.account) === place.account && (scope.region ?? place.region) === place.region;
}

function take<F extends Scope>(faults: F[], suits: (fault: F) => boolean): F | undefined {
  const index = faults.findIndex(suits);
  const fault = faults[index];
  if (fault?.times === undefined) return fault;
  fault.times -= 1;
  if (fault.times <= 0) faults.splice(index, 1);
  return fault;
}
