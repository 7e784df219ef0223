import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDynamoStore } from '#shared/adapters/dynamo/store.ts';
import { formatTime } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { second } from '#test/build/records.ts';
import { copyTable } from '../../cli/copy-table.ts';
import { restoreFleet } from '../../cli/restore-fleet.ts';
import { type Dynamo, startDynamo } from '../contracts/dynamodb.ts';
import { FleetAgent, foundByEc2, grantRecords, grants, musterOver } from './restored-fleet.ts';

const minute = 60 * second;
let dynamo: Dynamo;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.stop());

const never = () => Promise.reject(new Error('nothing has to be waited for'));

/** Ten at once. */
async function each<T>(all: readonly T[], run: (one: T, nth: number) => Promise<unknown>): Promise<void> {
  for (let nth = 0; nth < all.length; nth += 10)
    await Promise.all(all.slice(nth, nth + 10).map((one, more) => run(one, nth + more)));
}

it('brings a hundred agents back after the table was put back by an hour, with one command and nobody else', async () => {
  const [table, backup] = [await dynamo.makeTable('main'), await dynamo.makeTable('main')];
  const { client } = dynamo;
  const store = createDynamoStore({ client, tableName: table, timing: defaultTiming });
  const muster = musterOver(store);
  const { world, ask } = muster;
  const outside = { wait: never, now: () => world.now };
  for (const after of grantRecords) await store.commit([{ kind: 'key', before: undefined, after }]);
  const started = async (count: number, from: number, grant: string) => {
    const made = Array.from({ length: count }, (_, nth) => new FleetAgent(muster, from + nth, grant));
    await each(made, ({ key, startedAt }) => foundByEc2(store, key, startedAt));
    world.now += 30 * second;
    await each(made, (agent) => agent.turn());
    return made;
  };
  const turns = async (agents: readonly FleetAgent[], count: number) => {
    for (let turn = 0; turn < count; turn++) {
      world.now += 5 * minute;
      await each(agents, (agent) => agent.turn());
    }
  };

  const old = await started(60, 0, grants.short);
  await turns(old, 1);
  const restoredTo = world.now;
  await copyTable(client, { from: table, to: backup }, outside);

  // The hour that is lost
  world.now += minute;
  const late = [...(await started(20, 100, grants.short)), ...(await started(20, 200, grants.long))];
  const rotating = [...old.slice(0, 20), ...late.slice(0, 5)];
  for (let turn = 0; turn < 2; turn++) {
    world.now += 10 * minute;
    await each(turn === 0 ? rotating : rotating.slice(0, 5), (agent) => agent.turn({ rotates: true }));
  }
  const [released, blocked] = [old[30]!, old[31]!];
  const act = (agent: FleetAgent, what: string) =>
    ask('POST', `/v1/instances/${agent.key.account}/${agent.key.region}/${agent.key.instanceId}/${what}`);
  await act(released, 'release');
  await act(blocked, 'block');
  const others = [...old, ...late].filter((agent) => agent !== released && agent !== blocked);
  expect(await Promise.all([released, blocked].map((agent) => agent.turn()))).toEqual(['refused', 'refused']);
  await turns(others, 1);
  world.now += 35 * minute;
  const agentsBefore = new Map<FleetAgent, string | undefined>();
  const versionsBefore = new Map<FleetAgent, number>();
  await each(others, async (agent) => {
    const { agent: held, version } = (await store.getInstance(agent.key))!;
    agentsBefore.set(agent, held?.id);
    versionsBefore.set(agent, version);
  });

  // The restore. Some agents come before anybody has opened the check-ins.
  await copyTable(client, { from: backup, to: table }, outside);
  expect(await store.getInstance(late[0]!.key)).toMatchObject({ cloud: { state: 'unknown' }, agent: null });
  await each(late, ({ key, startedAt }) => foundByEc2(store, key, startedAt));
  world.now += minute;
  const [closed, open] = [late.slice(5, 8), late.slice(20, 25)];
  await each([...old.slice(40, 45), ...closed, ...open], (agent) => agent.turn());
  expect(world.twins).toBeGreaterThan(0);
  const enrolledOn = async ({ key }: FleetAgent) => (await store.getInstance(key))?.agent?.id;
  // A grant that is valid brings an agent back by itself; one whose window has closed does not.
  expect(await Promise.all(closed.map(enrolledOn))).toEqual([undefined, undefined, undefined]);
  expect(await Promise.all(open.map(enrolledOn))).toEqual(open.map((agent) => agentsBefore.get(agent)));

  world.now += minute;
  const done = await restoreFleet(ask, formatTime(restoredTo), 'a rehearsal');
  expect(done.readmitted.filter((fate) => !fate.done)).toEqual([]);
  expect(done.readmitted).toHaveLength(20 + 40 - open.length);
  expect(done.conflictsEnded.filter((fate) => fate.done)).toHaveLength(5);
  expect(done.endedAgain.filter((fate) => fate.done)).toHaveLength(2);
  await turns(others, 2);

  const wrong: object[] = [];
  await each(others, async (agent) => {
    const [held, lease] = [await store.getInstance(agent.key), await store.getLease(agent.key)];
    const isSame = held?.agent?.id !== undefined && held.agent.id === agentsBefore.get(agent);
    // Whoever listens on the bus orders what is told by it
    const isLater = held !== undefined && held.version > versionsBefore.get(agent)!;
    const isHeard = (lease?.lastSeenAt ?? 0) >= world.now - 10 * minute && lease?.agentId === held?.agent?.id;
    if (!isSame || !isHeard || !isLater || held?.identity.conflict || held?.management.status !== 'enrolled')
      wrong.push({ instanceId: agent.key.instanceId, held, lease, said: agent.said.slice(-3) });
  });
  expect(wrong).toEqual([]);
  expect(await store.getInstance(released.key)).toMatchObject({ agent: null, management: { reason: 'released' } });
  expect(await store.getInstance(blocked.key)).toMatchObject({ agent: null, management: { reason: 'blocked' } });
  expect(world.begunAnew).toBeGreaterThan(0);

  // Once more changes nothing, and the next second machine is seen as ever.
  const again = await restoreFleet(ask, formatTime(restoredTo), 'a rehearsal');
  expect([again.readmitted, again.conflictsEnded, again.endedAgain]).toEqual([[], [], []]);
});
