import {
  clientTokenOf,
  type Ec2Refusal,
  fitsLaunch,
  type Launch,
  type LaunchState,
  nextLaunchStep,
} from '#shared/domain/launch/launch.ts';
import { planFailedLaunch } from '#shared/domain/launch/plan-attachment.ts';
import { Problem } from '#shared/domain/problems.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Described, Describer, UserDataStore } from '../ports.ts';
import type { AttachPorts } from './attach-launched.ts';
import { attachLaunched, readServers } from './attach-launched.ts';

/** What RunInstances came to. Whatever else goes wrong throws, and the queue delivers the message again. */
export type LaunchAnswer =
  | { outcome: 'launched'; described: readonly Described[] }
  | { outcome: 'token_mismatch' | 'token_terminated' }
  /** EC2 will never accept this request. */
  | ({ outcome: 'refused' } & Ec2Refusal)
  /** EC2 refused the request for a reason that passes: the queue delivers the message again until the launch's deadline. */
  | ({ outcome: 'refused_for_now' } & Ec2Refusal);

export interface Launcher extends Describer {
  /** Sends the frozen request under the launch's own ClientToken: however often, it launches once. */
  runInstances(launch: Launch, userData: string): Promise<LaunchAnswer>;
}

export interface LaunchPorts extends AttachPorts {
  userData: UserDataStore;
  ec2: Launcher;
}

/** One attempt at a launch. It is safe to repeat after any crash (docs/design/launch.md, "intent first"). Returns the launch's state for the log. */
export async function runLaunch(launchId: string, now: Instant, ports: LaunchPorts): Promise<LaunchState | 'unknown'> {
  const launch = await ports.store.get('launch', launchId);
  if (!launch) return 'unknown';
  const step = nextLaunchStep(launch, now, ports.timing);
  if (step.do === 'nothing') {
    await ports.userData.delete(launchId);
    return launch.state;
  }
  if (step.do === 'ask') return settle(launch, 'expired', ports);
  const userData = await ports.userData.get(launchId);
  if (userData === undefined) return settle(launch, 'expired', ports);
  const answer = await ports.ec2.runInstances(launch, userData);
  if (answer.outcome === 'launched') return finish(launch, answer.described, ports);
  if (answer.outcome === 'refused') return end(launch, 'refused_by_ec2', refusalOf(answer), ports);
  if (answer.outcome === 'refused_for_now') return keepRefusal(launch, refusalOf(answer), ports);
  return settle(launch, answer.outcome, ports);
}

const refusalOf = ({ code, message }: Ec2Refusal): Ec2Refusal => ({ code, message });

/** Notes the refusal on the launch, once however often EC2 repeats it. Throws Problem `ec2_refused`, so that the queue delivers the message again. */
async function keepRefusal(launch: Launch, failure: Ec2Refusal, { store }: LaunchPorts): Promise<never> {
  const isKnown = launch.failure?.code === failure.code && launch.failure.message === failure.message;
  if (!isKnown) await store.commit([{ kind: 'launch', before: launch, after: { ...launch, failure } }]);
  throw new Problem('ec2_refused', failure.message, { launchId: launch.id, ec2Code: failure.code });
}

/** Nothing may be sent any more: EC2 is asked what the token launched, and the launch ends with that or by name. */
async function settle(launch: Launch, otherwise: LaunchState, ports: LaunchPorts): Promise<LaunchState> {
  const { found } = await ports.ec2.describeByToken(launch.account, launch.region, clientTokenOf(launch));
  const fitting = found.filter(({ sight }) => fitsLaunch(launch, sight, ports.timing));
  return fitting.length > 0 ? finish(launch, fitting, ports) : end(launch, otherwise, launch.failure, ports);
}

async function finish(launch: Launch, described: readonly Described[], ports: LaunchPorts): Promise<LaunchState> {
  await attachLaunched(launch.id, described, ports);
  const ended = await ports.store.get('launch', launch.id);
  if (ended?.state === 'requested') throw new Error(`launch ${launch.id} was answered but could not be recorded yet`);
  return ended?.state ?? 'launched';
}

/** The launch ends without an instance; its servers may be launched again. */
async function end(
  launch: Launch,
  state: LaunchState,
  failure: Ec2Refusal | null,
  ports: LaunchPorts,
): Promise<LaunchState> {
  const servers = await readServers(launch, ports.store);
  const committed = await ports.store.commit(planFailedLaunch(launch, servers, state, failure));
  if (!committed) throw new Error(`launch ${launch.id} changed meanwhile`);
  await ports.userData.delete(launch.id);
  return state;
}
