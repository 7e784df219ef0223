import { presentOf, type SimulatedInstance } from '#local/aws/ec2/simulated-instance.ts';
import { epochToleranceMs } from '#shared/domain/cloud/start.ts';
import { type Instance, keyOf } from '#shared/domain/instance/instance.ts';
import { launchIdOfToken } from '#shared/domain/launch/launch.ts';
import type { Pipeline } from './pipeline.ts';
import { registered } from './places.ts';
import { overdue, type Watch } from './watch.ts';

/** What is wrong once nothing has happened for long enough: EC2's own truth beside the records. Empty if all is well. */
export async function verdict(pipeline: Pipeline, watch: Watch): Promise<string[]> {
  const truth = pipeline.ec2.truth();
  const wrong = [
    ...watch.broken,
    ...truth.flatMap((instance) => wrongWith(instance, pipeline, watch)),
    ...strangers(truth, watch),
    ...launchesOf(truth, watch),
    ...(await addressesOf(truth, pipeline, watch)),
    ...(await eventsTold(pipeline, watch)),
    ...pipeline.defects.map((error) => `a defect: ${error instanceof Error ? error.stack : error}`),
  ];
  for (const launch of watch.launches.values()) {
    if (launch.state === 'requested') wrong.push(`20 failure is named: ${launch.id} waits for ever`);
    else if ((await pipeline.ports.userData.get(launch.id)) !== undefined)
      wrong.push(`the seed of ${launch.id} was kept`);
  }
  return wrong;
}

function wrongWith(instance: SimulatedInstance, pipeline: Pipeline, watch: Watch): string[] {
  const present = presentOf(instance);
  const record = watch.instances.get(keyOf(instance));
  if (!Object.hasOwn(registered, instance.account)) return record ? [`15 account isolation: ${keyOf(instance)}`] : [];
  const forgotten =
    present.state === 'terminated' && pipeline.now() - present.at > pipeline.ec2.visibility.terminatedMs - 900_000;
  if (forgotten && !record) return [];
  const named =
    Math.abs((record?.cloud.epoch ?? 0) - present.launchTime) <= epochToleranceMs && record?.cloud.epochNamed;
  const right = record?.cloud.state === present.state && record.cloud.verify === null && (named || forgotten);
  const wrong = right ? [] : [`2 convergence: ${keyOf(instance)} is ${stateText(record)}, not ${present.state}`];
  if (record && overdue(record, pipeline.now())) wrong.push(`22 not never: ${keyOf(instance)} waits past its deadline`);
  if (record && !forgotten) wrong.push(...failureOf(instance, record));
  return wrong;
}

const stateText = (record: Instance | undefined): string =>
  record ? JSON.stringify({ ...record, account: undefined, region: undefined }) : 'not on record';

/** What describe says beside the state follows as well: the public address goes with a stop and another comes with a start. */
async function addressesOf(truth: readonly SimulatedInstance[], { ports }: Pipeline, watch: Watch): Promise<string[]> {
  const wrong: string[] = [];
  for (const instance of truth) {
    const present = presentOf(instance);
    if (!watch.instances.has(keyOf(instance)) || present.state === 'terminated') continue;
    const facts = await ports.store.getFacts(instance);
    if (facts?.publicIp === present.publicIpAddress && facts.privateIp === instance.privateIpAddress) continue;
    wrong.push(`2 convergence: addresses of ${keyOf(instance)} are ${facts?.publicIp}, not ${present.publicIpAddress}`);
  }
  return wrong;
}

/** A launch that ended before it ran ends as a failed start with EC2's reason, never as discovered-only. */
function failureOf({ history }: SimulatedInstance, record: Instance): string[] {
  if (
    history.some(({ state }) => state === 'running') ||
    presentOf({ history } as SimulatedInstance).state !== 'terminated'
  )
    return [];
  const reason = history.at(-1)?.stateReason?.code;
  const code = reason?.startsWith('Client.User') ? undefined : reason;
  if (record.management.status === 'discovered-only' && record.management.reason === 'deadline_passed')
    return [`20 failure is named: ${keyOf(record)} is discovered-only`];
  if (!code || record.cloud.failedStart?.reason === code) return [];
  return [`20 failure is named: ${keyOf(record)} says ${JSON.stringify(record.cloud.failedStart)}, not ${code}`];
}

function strangers(truth: readonly SimulatedInstance[], watch: Watch): string[] {
  const real = new Set(truth.map(keyOf));
  return [...watch.instances.keys()].filter((key) => !real.has(key)).map((key) => `2 convergence: ${key} never was`);
}

function launchesOf(truth: readonly SimulatedInstance[], watch: Watch): string[] {
  const byLaunch = Map.groupBy(truth, ({ clientToken }) => launchIdOfToken(clientToken));
  return [...byLaunch].flatMap(([launchId, made]) => {
    if (launchId === null) return [];
    const launch = watch.launches.get(launchId);
    const [instance] = made;
    if (!launch || !instance) return [`16 intent first: no launch ${launchId} is on record`];
    if (made.length > 1) return [`17 at most one: ${launchId} made ${made.length} instances`];
    const record = watch.instances.get(keyOf(instance));
    // An end before anyone saw the instance leaves nothing to adopt.
    if (!record && launch.state !== 'launched') return [];
    const own = launch.instances.some((key) => keyOf(key) === keyOf(instance));
    if (!own) return [`18 adoption: ${launchId} is ${launch.state} without ${keyOf(instance)}`];
    const attached =
      record?.assignment.launchId === launchId &&
      (record.assignment.serverId !== null || record.assignment.surplusSince !== null);
    return attached ? [] : [`18 adoption: ${keyOf(instance)} belongs to no server and is not surplus`];
  });
}

/** Consumers got exactly the events that the changes owe, and the history tells of the same. */
async function eventsTold({ told, stream, ports }: Pipeline, { owed }: Watch): Promise<string[]> {
  if (stream.waiting > 0) return [`${stream.waiting} changes were not told yet`];
  const wrong: string[] = [];
  const records = new Set(owed.values());
  const inHistory = new Set<string>();
  for (const record of records) {
    const { items } = await ports.history.list(record, { size: 1000, after: null });
    for (const { detail } of items) inHistory.add(detail.meta.id);
  }
  for (const id of owed.keys()) {
    if (!told.has(id)) wrong.push(`12 the consumer never got ${id} of ${owed.get(id)}`);
    if (!inHistory.has(id)) wrong.push(`12 the history lacks ${id} of ${owed.get(id)}`);
  }
  for (const [id, event] of told) if (!owed.has(id)) wrong.push(`12 the consumer got ${JSON.stringify(event)}`);
  return wrong;
}
