import { formatTime, type Instant } from '#shared/domain/time.ts';
import type { Transition } from './simulated-instance.ts';

/** StateReason codes and messages: AWSEC2/latest/APIReference/API_StateReason.html */
const stateReasons = {
  'Client.UserInitiatedShutdown': 'User initiated shutdown',
  'Client.UserInitiatedHibernate': 'User initiated hibernate',
  'Client.InstanceInitiatedShutdown': 'Instance initiated shutdown',
  'Client.InternalError': 'Client error on launch',
  'Client.InvalidSnapshot.NotFound': 'The specified snapshot was not found',
  'Client.VolumeLimitExceeded': 'Volume limit exceeded',
  'Server.InsufficientInstanceCapacity': 'There was insufficient capacity available to satisfy the launch request',
  'Server.InternalError': 'Internal error on launch',
} as const;
export type StateReasonCode = keyof typeof stateReasons;

/** A stop, or the end, and who brought it about. */
export type EndCause = 'user' | 'hibernate' | 'instance';
const reasonOf: Record<EndCause, StateReasonCode> = {
  user: 'Client.UserInitiatedShutdown',
  hibernate: 'Client.UserInitiatedHibernate',
  instance: 'Client.InstanceInitiatedShutdown',
};

export const wholeSecond = (at: Instant): Instant => Math.floor(at / 1000) * 1000;

function stateReason(code: StateReasonCode): Transition['stateReason'] {
  return { code, message: `${code}: ${stateReasons[code]}` };
}

/** `User initiated (2026-11-02 10:00:21 GMT)`: the moment of the request, in whole seconds. */
function userInitiated(at: Instant): string {
  return `User initiated (${formatTime(wholeSecond(at)).replace('T', ' ').replace('Z', ' GMT')})`;
}

/**
 * A launch or a start: `pending`, then `running`, or, if it fails, `terminated` (launch) or `stopped` (start), without
 * ever having run. The first transition is now, the second after `delayMs`.
 */
export function startCourse(start: {
  at: Instant;
  delayMs: number;
  publicIpAddress: string;
  failure: { code: StateReasonCode; to: 'stopped' | 'terminated' } | null;
}): [Transition, Transition] {
  const launchTime = wholeSecond(start.at);
  const pending: Transition = {
    state: 'pending',
    at: start.at,
    launchTime,
    publicIpAddress: null,
    transitionReason: '',
    stateReason: { code: 'pending', message: 'pending' },
  };
  const later = { launchTime, at: start.at + start.delayMs };
  const { failure, publicIpAddress } = start;
  const outcome: Transition = failure
    ? {
        ...later,
        state: failure.to,
        publicIpAddress: null,
        transitionReason: failure.code,
        stateReason: stateReason(failure.code),
      }
    : { ...later, state: 'running', publicIpAddress, transitionReason: '', stateReason: null };
  return [pending, outcome];
}

/** A stop: `stopping` now, unless that is the state already, and `stopped` after `delayMs`. */
export function stopCourse(from: Transition, at: Instant, delayMs: number, cause: EndCause): Transition[] {
  const stopping = from.state === 'stopping' ? from : ending(from, 'stopping', at, cause);
  const stopped: Transition = { ...stopping, state: 'stopped', at: at + delayMs, publicIpAddress: null };
  return from.state === 'stopping' ? [stopped] : [stopping, stopped];
}

/** A termination: `shutting-down` now, `terminated` after `delayMs`. */
export function terminateCourse(from: Transition, at: Instant, delayMs: number, cause: EndCause): Transition[] {
  const shuttingDown = ending(from, 'shutting-down', at, cause);
  return [shuttingDown, { ...shuttingDown, state: 'terminated', at: at + delayMs, publicIpAddress: null }];
}

/** A stopped instance may also end in one step; AWS does not say which, and both have been seen. */
export function terminateAtOnceCourse(from: Transition, at: Instant): Transition[] {
  return [{ ...ending(from, 'terminated', at, 'user'), publicIpAddress: null }];
}

function ending(from: Transition, state: Transition['state'], at: Instant, cause: EndCause): Transition {
  return {
    ...from,
    state,
    at,
    transitionReason: cause === 'instance' ? '' : userInitiated(at),
    stateReason: stateReason(reasonOf[cause]),
  };
}
