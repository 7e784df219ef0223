import type { StopInstancesRequest } from '@aws-sdk/client-ec2';
import type { Ec2State } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import { type Random, type SpanMs, within } from '../../random.ts';
import { Ec2Error } from './ec2-error.ts';
import {
  type EndCause,
  type StateReasonCode,
  startCourse,
  stopCourse,
  terminateAtOnceCourse,
  terminateCourse,
} from './lifecycle.ts';
import { publicIpAddress } from './random-ids.ts';
import { presentOf, type SimulatedInstance, type Transition } from './simulated-instance.ts';

/** How long transitions take. */
export interface Timings {
  startMs: SpanMs;
  stopMs: SpanMs;
  terminateMs: SpanMs;
}

/** About what EC2 takes for small Linux instances. */
export const usualTimings: Timings = {
  startMs: [4_000, 15_000],
  stopMs: [8_000, 40_000],
  terminateMs: [8_000, 40_000],
};

/** What a plan depends on besides the instance. */
export interface Circumstances {
  at: Instant;
  timings: Timings;
  random: Random;
}

/** What a request leads to; empty if the instance is there already. Throws IncorrectInstanceState. */
export type Plan = Transition[];

export function planStart(
  instance: SimulatedInstance,
  { at, timings, random }: Circumstances,
  fail: () => StateReasonCode | undefined,
): Plan {
  const { state } = presentOf(instance);
  if (state === 'pending' || state === 'running') return [];
  if (state !== 'stopped') throw incorrectState(instance, 'started');
  const code = fail();
  return startCourse({
    at,
    delayMs: within(timings.startMs, random),
    publicIpAddress: publicIpAddress(random),
    failure: code === undefined ? null : { code, to: 'stopped' },
  });
}

/** A pending instance cannot be stopped: AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html */
export function planStop(
  instance: SimulatedInstance,
  { at, timings, random }: Circumstances,
  { Hibernate: hibernate = false, Force: force = false }: Pick<StopInstancesRequest, 'Hibernate' | 'Force'>,
): Plan {
  const present = presentOf(instance);
  if (hibernate && !instance.configuration.hibernation) {
    throw new Ec2Error(
      'UnsupportedHibernationConfiguration',
      `The instance '${instance.instanceId}' is not configured for hibernation`,
    );
  }
  if (present.state === 'stopped' || (present.state === 'stopping' && !force)) return [];
  if (present.state !== 'running' && present.state !== 'stopping') throw incorrectState(instance, 'stopped');
  const delayMs = force ? timings.stopMs[0] : within(timings.stopMs, random);
  return stopCourse(present, at, delayMs, hibernate ? 'hibernate' : 'user');
}

/** Always possible, and again: AWSEC2/latest/APIReference/API_TerminateInstances.html */
export function planTerminate(
  instance: SimulatedInstance,
  { at, timings, random }: Circumstances,
  cause: EndCause = 'user',
): Plan {
  const present = presentOf(instance);
  if (present.state === 'terminated' || present.state === 'shutting-down') return [];
  if (present.state === 'stopped' && random() < 0.5) return terminateAtOnceCourse(present, at);
  return terminateCourse(present, at, within(timings.terminateMs, random), cause);
}

/** The operating system shuts down by itself: a stop or a termination, as the launch said. Only a running one can. */
export function planShutdownFromInside(instance: SimulatedInstance, { at, timings, random }: Circumstances): Plan {
  const present = presentOf(instance);
  if (present.state !== 'running') return [];
  if (instance.configuration.shutdownBehavior === 'terminate') {
    return planTerminate(instance, { at, timings, random }, 'instance');
  }
  return stopCourse(present, at, within(timings.stopMs, random), 'instance');
}

/** Whether a reboot reaches the instance; one that is ended ignores it (AWSEC2/latest/APIReference/API_RebootInstances.html). */
export function reboots(instance: SimulatedInstance): boolean {
  const { state } = presentOf(instance);
  if (state === 'stopping' || state === 'stopped') throw incorrectState(instance, 'rebooted');
  return isUp(state);
}

const isUp = (state: Ec2State): boolean => state === 'pending' || state === 'running';

function incorrectState({ instanceId }: SimulatedInstance, participle: string): Ec2Error {
  return new Ec2Error(
    'IncorrectInstanceState',
    `The instance '${instanceId}' is not in a state from which it can be ${participle}.`,
  );
}
