import type { DescribedState } from '../cloud/merge-describe.ts';
import type { Instance, InstanceKey } from '../instance/instance.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';

/** Where a launch is: under way, or how it ended. */
export type LaunchState =
  | 'requested'
  | 'launched'
  | 'expired'
  | 'token_mismatch'
  | 'token_terminated'
  | 'ambiguous'
  | 'refused_by_ec2';

/** The resolved request of a launch: a closed set of fields, frozen; nothing in it may move between two attempts. */
export interface LaunchRequest {
  imageId: string;
  instanceType: string;
  subnetId: string | null;
  securityGroupIds: readonly string[];
  instanceProfileArn: string | null;
  keyName: string | null;
  hopLimit: number;
  tags: Readonly<Record<string, string>>;
}

/** Why EC2 refused a request: its error code, and its message, at most 500 characters of it. */
export interface Ec2Refusal {
  code: string;
  message: string;
}

/** One RunInstances request: frozen before it is sent, for an ordered list of servers. */
export interface Launch {
  id: string;
  account: string;
  region: string;
  request: LaunchRequest;
  servers: readonly { serverId: string; generation: number }[];
  /** The public half of the grant, base64url of 32 bytes. */
  grantPublicKey: string;
  state: LaunchState;
  /** In the order of AmiLaunchIndex; empty until EC2 has answered. */
  instances: readonly InstanceKey[];
  requestedAt: Instant;
  /** When EC2 answered with instances; null for a launch that ended without any. */
  answeredAt: Instant | null;
  /** EC2's error code and message of its last refusal. They stay if the launch ends for another reason. */
  failure: Ec2Refusal | null;
  version: number;
}

/** 64 ASCII characters at most: ec2/latest/devguide/ec2-api-idempotency.html. */
export const clientTokenOf = (launch: Pick<Launch, 'id'>): string => `mst-${launch.id}`;
export const launchIdOfToken = (token: string | null): string | null =>
  token?.startsWith('mst-') ? token.slice('mst-'.length) : null;

/** After this Muster sends nothing for a launch and asks EC2 what its token launched (docs/design/launch.md, "the lost answer"). */
const sendUntil = (launch: Launch, timing: Timing): Instant =>
  launch.requestedAt + seconds(timing.launchToPendingSeconds);

/** When a launch that waits for EC2's answer is asked for once more; its ClientToken makes a repetition harmless. */
export function launchDeadline(launch: Launch, timing: Timing): Instant | null {
  return launch.state === 'requested' ? launch.requestedAt + seconds(nudgeSeconds(timing)) : null;
}

const nudgeSeconds = (timing: Timing): number => Math.min(timing.launchNudgeSeconds, timing.launchToPendingSeconds);

/** The next time to ask for it after `now`: once more every while, and when its deadline has just passed. */
export function nextNudge(launch: Launch, now: Instant, timing: Timing): Instant {
  const until = sendUntil(launch, timing);
  if (now > until) return now + seconds(timing.putOffSeconds);
  return Math.min(now + seconds(nudgeSeconds(timing)), until + 1);
}

/** What the next attempt at a launch does. */
export type LaunchStep = { do: 'nothing' } | { do: 'run' } | { do: 'ask' };

export function nextLaunchStep(launch: Launch, now: Instant, timing: Timing): LaunchStep {
  if (launch.state !== 'requested') return { do: 'nothing' };
  return now <= sendUntil(launch, timing) ? { do: 'run' } : { do: 'ask' };
}

/** An instance as EC2 tells of it, with what ties it to a launch. */
export interface DescribedLaunch extends DescribedState {
  clientToken: string | null;
  amiLaunchIndex: number;
  imageId: string;
  instanceType: string;
  subnetId: string | null;
}

/**
 * Does this instance come from that launch? Asked only where RunInstances' own answer was lost: by ClientToken, image,
 * type, subnet and a LaunchTime in the launch's window (docs/design/launch.md, "the lost answer"). Tags prove nothing: everyone who may tag can write them.
 */
export function fitsLaunch(launch: Launch, sight: DescribedLaunch, timing: Timing): boolean {
  const { request } = launch;
  return (
    sight.account === launch.account &&
    sight.region === launch.region &&
    sight.clientToken === clientTokenOf(launch) &&
    sight.imageId === request.imageId &&
    sight.instanceType === request.instanceType &&
    inSubnet(sight, request.subnetId) &&
    sight.launchTime >= launch.requestedAt - seconds(timing.clockSkewSeconds) &&
    sight.launchTime <= sendUntil(launch, timing) + seconds(timing.clockSkewSeconds)
  );
}

/** A terminated instance is in no subnet any more; its token, image, type and time must do. */
function inSubnet({ state, subnetId }: DescribedLaunch, asked: string | null): boolean {
  if (asked === null || subnetId === asked) return true;
  return state === 'terminated' && subnetId === null;
}

/** Of the instances that fit a launch: the one per index, or none where two claim the same. */
export function assignByIndex<S extends DescribedLaunch>(
  launch: Launch,
  sights: readonly S[],
): { bound: S[]; surplus: S[] } {
  const byIndex = Map.groupBy(sights, (sight) => sight.amiLaunchIndex);
  const bound: S[] = [];
  const surplus: S[] = [];
  for (const [index, claimants] of [...byIndex].sort(([a], [b]) => a - b)) {
    if (claimants.length === 1 && index < launch.servers.length) bound.push(...claimants);
    else surplus.push(...claimants);
  }
  return { bound, surplus };
}

/** An instance whose server has moved on to another generation is surplus: visible, never silently terminated. */
export function markSurplus(instance: Instance, since: Instant): Instance {
  return instance.assignment.surplusSince === null
    ? { ...instance, assignment: { ...instance.assignment, surplusSince: since, serverId: null } }
    : instance;
}
