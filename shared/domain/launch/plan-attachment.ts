import type { PlannedChange } from '../change.ts';
import { mergeDescribed } from '../cloud/merge-describe.ts';
import type { Outcome } from '../cloud/transition.ts';
import { type Instance, keyOf, newInstance } from '../instance/instance.ts';
import { attach, type Server } from '../server/server.ts';
import type { Timing } from '../timing.ts';
import {
  assignByIndex,
  type DescribedLaunch,
  type Ec2Refusal,
  type Launch,
  type LaunchState,
  markSurplus,
} from './launch.ts';

/** What the plan reads: the records of the described instances and the launch's servers, as far as they exist. */
export interface LaunchRecords {
  /** By `keyOf`. */
  instances: ReadonlyMap<string, Instance>;
  /** By id. */
  servers: ReadonlyMap<string, Server>;
}

/** EC2 told Muster what the launch made. A launch that ended without an answer may still have made instances: EC2's answers lag. */
export const isAnswered = ({ state }: Launch): boolean => state === 'launched' || state === 'ambiguous';

/**
 * Ends a launch with the instances that EC2 says it made. Each instance is attached to the server of its index; it is
 * surplus if that server has moved on, or if another instance has the same index (docs/design/launch.md, "surplus").
 */
export function planAttachment(
  launch: Launch,
  described: readonly DescribedLaunch[],
  records: LaunchRecords,
  timing: Timing,
): PlannedChange[] {
  const { bound, surplus } = assignByIndex(launch, described);
  const after: Launch = {
    ...launch,
    state: surplus.length > 0 && bound.length === 0 ? 'ambiguous' : 'launched',
    instances: bound.map(({ account, region, instanceId }) => ({ account, region, instanceId })),
    answeredAt: described[0]?.sentAt ?? launch.requestedAt,
  };
  const ofInstances = [
    ...bound.flatMap((one) => planInstance(launch, one, launch.servers[one.amiLaunchIndex], records, timing)),
    ...surplus.flatMap((one) => planInstance(launch, one, undefined, records, timing)),
  ];
  return [{ kind: 'launch', before: launch, after }, ...ofInstances, ...leftServers(after, ofInstances, records)];
}

function planInstance(
  launch: Launch,
  described: DescribedLaunch,
  target: Launch['servers'][number] | undefined,
  { instances, servers }: LaunchRecords,
  timing: Timing,
): PlannedChange[] {
  const before = instances.get(keyOf(described));
  const server = target && servers.get(target.serverId);
  const merged = mergeDescribed(before ?? newInstance(described, described.sentAt), described, timing).instance;
  const launched: Instance = { ...merged, assignment: { ...merged.assignment, launchId: launch.id } };
  if (launched.assignment.serverId !== null) return [{ kind: 'instance', before, after: launched }];
  if (!server || server.generation !== target.generation)
    return [{ kind: 'instance', before, after: markSurplus(launched, described.sentAt) }];
  const attached: Instance = { ...launched, assignment: { ...launched.assignment, serverId: server.id } };
  return [
    { kind: 'instance', before, after: attached },
    { kind: 'server', before: server, after: { ...attach(server, described), launchState: 'launched' } },
  ];
}

/** Servers that get no instance from the answered launch do not wait for it any more: they may be launched again. */
function leftServers(launch: Launch, changes: readonly PlannedChange[], { servers }: LaunchRecords): PlannedChange[] {
  const joined = new Set(changes.flatMap((change) => (change.kind === 'server' ? [change.after.id] : [])));
  return waitingServers(launch, [...servers.values()])
    .filter(({ id, launchState }) => !joined.has(id) && launchState !== launch.state)
    .map((before) => ({ kind: 'server', before, after: { ...before, launchState: launch.state } }));
}

/** The launch's servers that were not launched again since. */
const waitingServers = (launch: Launch, servers: readonly Server[]): Server[] =>
  servers.filter(({ launchId }) => launchId === launch.id);

/** Ends a launch that made no instance. Its servers may be launched again. `failure` is what EC2 last refused it for, if it did. */
export function planFailedLaunch(
  launch: Launch,
  servers: readonly Server[],
  state: LaunchState,
  failure: Ec2Refusal | null,
): PlannedChange[] {
  return [
    { kind: 'launch', before: launch, after: { ...launch, state, failure } },
    ...waitingServers(launch, servers).map(
      (before): PlannedChange => ({ kind: 'server', before, after: { ...before, launchState: state } }),
    ),
  ];
}

/**
 * An instance that an answered launch made beyond its answer: it gets no server and is surplus. Undefined for an instance
 * that belongs to a launch or a server already.
 */
export function claimLate(
  current: Instance | undefined,
  launch: Launch,
  described: DescribedLaunch,
): Outcome | undefined {
  if (!current || current.assignment.launchId !== null || current.assignment.serverId !== null) return undefined;
  const claimed = { ...current, assignment: { ...current.assignment, launchId: launch.id } };
  return { instance: markSurplus(claimed, described.sentAt), changed: true, needsDescribe: false };
}
