import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { CreateTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { FunctionName } from '#local/topology.ts';
import { createDynamoHistory } from '#shared/adapters/dynamo/history.ts';
import { createDynamoStore } from '#shared/adapters/dynamo/store.ts';
import { mainTable, privateTable } from '#shared/adapters/dynamo/tables.ts';
import { createDynamoUserData } from '#shared/adapters/dynamo/user-data.ts';
import { seconds } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newKey, request } from '#test/simulation/region/fleet.ts';
import { Machine } from '#test/simulation/region/machine.ts';
import { Pipeline } from '#test/simulation/region/pipeline.ts';
import { accounts, agentImage, audience } from '#test/simulation/region/places.ts';
import type { Ports } from '#test/simulation/region/ports.ts';
import { type Cost, countCost } from './cost.ts';

/** One request to DynamoDB, and the function that sent it. */
export type Spent = Cost['requests'][number] & { by: FunctionName };

/** How an instance comes to be a server: launched by Muster, or adopted with an enrollment key. */
export type Origin = 'adopted' | 'launched';

const place = { account: accounts.hub, region: 'us-east-1' };
/** Slower than the ordering window, and so quick that the whole life fits between two ticks: neither tick nor sweep runs. */
const timings = { startMs: [3000, 3000], stopMs: [3000, 3000], terminateMs: [3000, 3000] } as const;

/**
 * One whole life: pending, running, enrollment, the agent's first word, stop, start and termination, every event in
 * order. What an account, a server or a key costs once comes before the counting. The ports given stand in for memory.
 */
export async function spentOnLife(client: DynamoDBClient, origin: Origin, ports: Partial<Ports>): Promise<Spent[]> {
  const watch = { changed: () => {}, called: () => {}, sent: () => {} } as Watch;
  const pipeline = new Pipeline({ seed: 1, watch });
  pipeline.ec2.timings = timings;
  Object.assign(pipeline.ports, ports);
  await pipeline.ports.store.ensurePair(place.account, place.region);
  const begin = await prepare(pipeline, origin);
  const cost = countCost(client);
  const spent: Spent[] = [];
  let by: FunctionName = 'operatorChange';
  // Functions run one after another here: what was sent since the last call was that function's.
  watch.called = ({ name }) => {
    spent.push(...cost.requests.slice(spent.length).map((one) => ({ ...one, by })));
    by = name;
  };
  await begin();
  await live(pipeline);
  watch.called({ name: by, at: 0 });
  cost.stop();
  return spent;
}

type Watch = NonNullable<ConstructorParameters<typeof Pipeline>[0]['watch']>;

/** The records' table in DynamoDB, and the private one for user data. */
export async function records(client: DynamoDBClient): Promise<Pick<Ports, 'store' | 'userData'>> {
  const [main, own] = [`main-${randomUUID()}`, `private-${randomUUID()}`];
  await client.send(new CreateTableCommand(mainTable(main)));
  await client.send(new CreateTableCommand(privateTable(own)));
  return {
    store: createDynamoStore({ client, tableName: main, timing: defaultTiming }),
    userData: createDynamoUserData({ client, tableName: own }, Date.now),
  };
}

/** The history alone in DynamoDB: it is written from the stream, which the memory's records feed. */
export async function history(client: DynamoDBClient): Promise<Pick<Ports, 'history'>> {
  const own = `private-${randomUUID()}`;
  await client.send(new CreateTableCommand(privateTable(own)));
  return { history: createDynamoHistory({ client, tableName: own }, setTimeout) };
}

/** Makes what a launch or an adoption needs; the answer sets it off. */
async function prepare(pipeline: Pipeline, origin: Origin): Promise<() => Promise<unknown>> {
  const { functions, ec2 } = pipeline;
  if (origin === 'launched') {
    const wanted = { name: 'web-1', ...place, request };
    const { id } = await functions.operate<{ id: string }>('POST', '/v1/servers', wanted);
    return () => functions.operate('POST', `/v1/servers/${id}/launch`);
  }
  const grant = await newKey(pipeline, null);
  const UserData = Buffer.from(JSON.stringify({ muster: { url: audience, grant } })).toString('base64');
  const input = { ImageId: agentImage, InstanceType: 't4g.nano' as const, MinCount: 1, MaxCount: 1, UserData };
  return async () => ec2.runInstances(place, input);
}

async function live(pipeline: Pipeline): Promise<void> {
  const { clock, ec2 } = pipeline;
  await clock.advanceBy(seconds(6));
  const [instance] = ec2.truth();
  if (!instance) throw new Error('nothing was launched');
  // Enrolls and checks in once; the next check-in would come after this life.
  await new Machine(pipeline, instance).start();
  const input = { InstanceIds: [instance.instanceId] };
  for (const change of ['stopInstances', 'startInstances', 'terminateInstances'] as const) {
    await clock.advanceBy(seconds(7));
    ec2[change](place, input);
  }
  await clock.advanceBy(seconds(10));
}

/** What a life's units went into: the figures that docs/costs.md gives. */
export interface Bill {
  /** Events, deadline and attachment. */
  life: number;
  /** Facts, lease, key and the agent's first word. */
  beside: number;
  /** What asking EC2 for the launch adds: the frozen request, its answer, the user data. */
  launch: number;
  /** Read by on-instance-changed. */
  hotReads: number;
  reads: number;
}

export function billOf(spent: readonly Spent[]): Bill {
  const bill: Bill = { life: 0, beside: 0, launch: 0, hotReads: 0, reads: 0 };
  for (const { by, items, writes, reads } of spent) {
    bill.reads += reads;
    if (by === 'onInstanceChanged') bill.hotReads += reads;
    const isTransaction = items.length > 1;
    const beside = items.filter(isBeside).length * (isTransaction ? 2 : 1);
    const agentsWord = by === 'checkin' ? writes - beside : 0;
    const isLaunch = by === 'operatorChange' || by === 'launch';
    bill.beside += beside + agentsWord;
    bill[isLaunch ? 'launch' : 'life'] += writes - beside - agentsWord;
  }
  return bill;
}

/** Facts, leases and what there is about keys are items of their own beside the instance's record, each under a kilobyte. */
const isBeside = (item: string): boolean =>
  item.endsWith('#facts') || item.endsWith('#lease') || /^(?:AGENT#|REVOKED#|KEYS )/.test(item);

/** The writes as rows of the tables in docs/costs.md: function, what it wrote, units. */
export function rowsOf(spent: readonly Spent[]): string[] {
  return spent
    .filter(({ writes }) => writes > 0)
    .map(({ by, items, writes, refused }) => {
      const what = items.map(kindOf).sort().join(', ');
      return `| ${by} | ${what}${refused ? ', refused' : ''} | ${writes} |`;
    });
}

function kindOf(item: string): string {
  const [partition = ''] = item.split('#');
  if (partition !== 'INSTANCE') return kinds[partition.split(' ')[0] ?? ''] ?? item;
  return item.endsWith('#facts') || item.endsWith('#lease') ? item.slice(item.lastIndexOf('#') + 1) : 'instance';
}

const kinds: Readonly<Record<string, string>> = {
  AGENT: 'binding',
  KEYS: 'enrollment key',
  LAUNCH: 'launch',
  REVOKED: 'revocation mark',
  SERVERS: 'server',
  USERDATA: 'user data',
};
