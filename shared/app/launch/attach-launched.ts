import { keyOf } from '#shared/domain/instance/instance.ts';
import { type DescribedLaunch, fitsLaunch, type Launch, launchIdOfToken } from '#shared/domain/launch/launch.ts';
import { claimLate, isAnswered, type LaunchRecords, planAttachment } from '#shared/domain/launch/plan-attachment.ts';
import { type Server, sameInstance } from '#shared/domain/server/server.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { readAndSaveMerged } from '../cloud/save-merged.ts';
import type { Described, Store, UserDataStore } from '../ports.ts';

export interface AttachPorts {
  store: Store;
  /** Where only RunInstances' own answer may end a launch's user data; verify and sweep do not hold it. */
  userData?: UserDataStore;
  timing: Timing;
}

const attempts = 5;

/**
 * Ends a launch with the instances that EC2 says it made (`planAttachment`): all records change in one transaction, so that
 * no reader sees half of it. Safe to repeat. False if the launch was answered already, or if others kept changing its records.
 */
export async function attachLaunched(
  launchId: string,
  described: readonly Described[],
  ports: AttachPorts,
): Promise<boolean> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const launch = await ports.store.get('launch', launchId);
    if (!launch || isAnswered(launch)) return false;
    const sights = described.map(({ sight }) => sight);
    const changes = planAttachment(launch, sights, await readRecords(launch, sights, ports.store), ports.timing);
    // Pair and facts come before the records: no sweep and no listing finds a record whose pair is missing after a crash.
    await ports.store.ensurePair(launch.account, launch.region);
    await Promise.all(described.map(({ facts }) => ports.store.putFacts(facts)));
    if (!(await ports.store.commit(changes))) continue;
    await ports.userData?.delete(launchId);
    return true;
  }
  return false;
}

async function readRecords(launch: Launch, sights: readonly DescribedLaunch[], store: Store): Promise<LaunchRecords> {
  const [instances, servers] = await Promise.all([
    Promise.all(sights.map((sight) => store.getInstance(sight))),
    readServers(launch, store),
  ]);
  return {
    instances: new Map(instances.flatMap((one) => (one ? [[keyOf(one), one]] : []))),
    servers: new Map(servers.map((server) => [server.id, server])),
  };
}

/** The servers that the launch is for, as far as they exist. */
export async function readServers(launch: Launch, store: Store): Promise<Server[]> {
  const servers = await Promise.all(launch.servers.map(({ serverId }) => store.get('server', serverId)));
  return servers.filter((server) => server !== undefined);
}

/**
 * Ends the launches whose answer was lost, by the ClientTokens of described instances. An instance counts only if it fits
 * its launch in everything that EC2 fixes at the launch: anyone may use any text as a token.
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

/** Records what an answered launch made beyond its answer. */
async function markLate(launch: Launch, fitting: readonly Described[], { store }: AttachPorts): Promise<void> {
  for (const { sight } of fitting) {
    if (launch.instances.some((own) => sameInstance(own, sight))) continue;
    await readAndSaveMerged(store, sight, (current) => claimLate(current, launch, sight));
  }
}
