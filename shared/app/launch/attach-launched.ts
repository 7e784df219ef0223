import { mergeDescribed } from '#shared/domain/cloud/merge-describe.ts';
import { type Instance, newInstance } from '#shared/domain/instance/instance.ts';
import { assignByIndex, fitsLaunch, type Launch, launchIdOfToken, markSurplus } from '#shared/domain/launch/launch.ts';
import { attach, type Server, sameInstance } from '#shared/domain/server/server.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { readAndSaveMerged } from '../cloud/save-merged.ts';
import type { Described, Store, UserDataStore } from '../ports.ts';
import type { RecordChange } from '../records/registry.ts';

export interface AttachPorts {
  store: Store;
  /** Where only RunInstances' own answer may end a launch's user data; verify and sweep do not hold it. */
  userData?: UserDataStore;
  timing: Timing;
}

const attempts = 5;

/** EC2 said what the launch made. One that was given up may still turn out to have made something: EC2's answers lag. */
const isAnswered = ({ state }: Launch): boolean => state === 'launched' || state === 'ambiguous';

/**
 * Ends a launch with the instances that EC2 says it made: records, attachment and launch in one transaction, so that
 * no snapshot shows half of it. An instance whose server has moved on, or that shares its index with another, is
 * surplus: visible, never silently terminated. Idempotent.
 */
export async function attachLaunched(
  launchId: string,
  described: readonly Described[],
  ports: AttachPorts,
): Promise<boolean> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const launch = await ports.store.get('launch', launchId);
    if (!launch || isAnswered(launch)) return false;
    const changes = await planAttachment(launch, described, ports);
    // Before the records: no crash leaves one without its pair, which no listing and no sweep would find, or its facts.
    await ports.store.ensurePair(launch.account, launch.region);
    await Promise.all(described.map(({ facts }) => ports.store.putFacts(facts)));
    if (!(await ports.store.commit(changes))) continue;
    await ports.userData?.delete(launchId);
    return true;
  }
  return false;
}

async function planAttachment(
  launch: Launch,
  described: readonly Described[],
  ports: AttachPorts,
): Promise<RecordChange[]> {
  const byId = new Map(described.map((one) => [one.sight.instanceId, one]));
  const { bound, surplus } = assignByIndex(
    launch,
    described.map(({ sight }) => sight),
  );
  const answeredAt = described[0]?.sight.sentAt ?? launch.requestedAt;
  const perInstance = await Promise.all(
    [...bound, ...surplus].map((sight) => {
      const one = byId.get(sight.instanceId);
      const target = bound.includes(sight) ? launch.servers[sight.amiLaunchIndex] : undefined;
      return one ? planOne(launch, one, target, ports) : [];
    }),
  );
  const after: Launch = {
    ...launch,
    state: surplus.length > 0 && bound.length === 0 ? 'ambiguous' : 'launched',
    instances: bound.map(({ account, region, instanceId }) => ({ account, region, instanceId })),
    answeredAt,
  };
  const changes = perInstance.flat();
  return [{ kind: 'launch', before: launch, after }, ...changes, ...(await leftServers(after, changes, ports))];
}

/** Servers that get no instance of an answered launch wait for it no longer: they may be launched again. */
async function leftServers(
  launch: Launch,
  changes: readonly RecordChange[],
  { store }: AttachPorts,
): Promise<RecordChange[]> {
  const joined = new Set(changes.flatMap((change) => (change.kind === 'server' ? [change.after.id] : [])));
  const left = launch.servers.filter(({ serverId }) => !joined.has(serverId));
  const servers = await Promise.all(left.map(({ serverId }) => store.get('server', serverId)));
  return servers.flatMap((before): RecordChange[] => {
    if (before?.launchId !== launch.id || before.launchState === launch.state) return [];
    return [{ kind: 'server', before, after: { ...before, launchState: launch.state } }];
  });
}

async function planOne(
  launch: Launch,
  { sight }: Described,
  target: Launch['servers'][number] | undefined,
  { store, timing }: AttachPorts,
): Promise<RecordChange[]> {
  const [before, server] = await Promise.all([
    store.getInstance(sight),
    target && store.get('server', target.serverId),
  ]);
  const merged = mergeDescribed(before ?? newInstance(sight, sight.sentAt), sight, timing).instance;
  const owned: Instance = { ...merged, assignment: { ...merged.assignment, launchId: launch.id } };
  const wanted = server && target && server.generation === target.generation && owned.assignment.serverId === null;
  if (!wanted)
    return [{ kind: 'instance', before, after: owned.assignment.serverId ? owned : markSurplus(owned, sight.sentAt) }];
  const joined: Server = { ...attach(server, sight), launchState: 'launched' };
  return [
    { kind: 'instance', before, after: { ...owned, assignment: { ...owned.assignment, serverId: server.id } } },
    { kind: 'server', before: server, after: joined },
  ];
}

/**
 * Where RunInstances' own answer was lost: ends the launches that described instances carry the ClientToken of.
 * Only what fits its launch in everything that EC2 fixes at launch counts; a token alone could be anyone's text.
 */
export async function attachByToken(described: readonly Described[], ports: AttachPorts): Promise<void> {
  const byLaunch = Map.groupBy(described, ({ facts }) => launchIdOfToken(facts.clientToken));
  for (const [launchId, claimants] of byLaunch) {
    if (launchId === null) continue;
    const launch = await ports.store.get('launch', launchId);
    const fitting = launch ? claimants.filter(({ sight }) => fitsLaunch(launch, sight, ports.timing)) : [];
    if (!launch || fitting.length === 0) continue;
    if (isAnswered(launch)) await markLate(launch, fitting, ports);
    else await attachLaunched(launchId, fitting, ports);
  }
}

/** What a launch made beyond its answer: nobody's server, and visible as such. */
async function markLate(launch: Launch, fitting: readonly Described[], ports: AttachPorts): Promise<void> {
  for (const { sight } of fitting) {
    if (launch.instances.some((own) => sameInstance(own, sight))) continue;
    await readAndSaveMerged(ports.store, sight, (current) => {
      if (!current || current.assignment.launchId !== null || current.assignment.serverId !== null) return undefined;
      const instance = markSurplus(
        { ...current, assignment: { ...current.assignment, launchId: launch.id } },
        sight.sentAt,
      );
      return { instance, changed: true, needsDescribe: false };
    });
  }
}
