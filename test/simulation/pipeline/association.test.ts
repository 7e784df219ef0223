import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newKey } from '#agent/state/state.ts';
import { hex } from '#local/random.ts';
import { keyOf } from '#shared/domain/instance/instance.ts';
import { seconds } from '#shared/domain/time.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { accounts, agentImage, audience } from '../region/places.ts';
import {
  batchOf,
  heldBack,
  here,
  launch,
  launched,
  longEnough,
  minutes,
  newServer,
  record,
  type Setup,
  setup,
  told,
} from './setup.ts';

type Step = 'pending' | 'running' | 'answer' | 'enroll' | 'sweep';
const steps: readonly Step[] = ['pending', 'running', 'answer', 'enroll', 'sweep'];

/** An instance that runs and of which Muster has heard nothing yet; `byMuster`: RunInstances' answer was lost. */
async function unheardOf(byMuster: boolean) {
  const where = setup();
  const { pipeline, agents } = where;
  const events = heldBack(where);
  if (byMuster) {
    const attempt = { service: 'lambda', function: 'launch', call: 3, side: 'after' } as const;
    pipeline.faults.add({ what: 'die', where: attempt, times: 1 });
    await launch(where, await newServer(where));
  } else await runWithKey(where);
  await pipeline.clock.advanceBy(seconds(16));
  const instance = pipeline.ec2.truth()[0]!;
  return { where, events, instance, machine: agents.on(instance) };
}

async function runWithKey({ pipeline }: Setup): Promise<void> {
  const { seed, publicKeyX } = newGrantKey(() => Buffer.alloc(32, 7));
  const wanted = { publicKey: publicKeyX };
  const { id } = await pipeline.functions.operate<{ id: string }>('POST', '/v1/enrollment-keys', wanted);
  const grant = { id, seed: Buffer.from(seed).toString('base64url') };
  pipeline.ec2.runInstances(here, {
    ...{ ImageId: agentImage, InstanceType: 't4g.nano', MinCount: 1, MaxCount: 1 },
    UserData: Buffer.from(JSON.stringify({ muster: { url: audience, grant } })).toString('base64'),
  });
}

/** Plays the steps at one moment, then lets everything settle as it does by itself. */
async function play(byMuster: boolean, order: readonly Step[]) {
  const { where, events, instance, machine } = await unheardOf(byMuster);
  const { functions, clock } = where.pipeline;
  const event = (state: string) => batchOf(events.filter(({ detail }) => detail.state === state));
  const acts: Record<Step, () => Promise<unknown>> = {
    pending: () => functions.onInstanceChanged(event('pending')),
    running: () => functions.onInstanceChanged(event('running')),
    answer: () => functions.launch(batchOf([...where.watch.launches.keys()].map((launchId) => ({ launchId })))),
    enroll: () => machine.ask(),
    sweep: () => functions.sweepRegion(batchOf([here])),
  };
  for (const step of order) await acts[step]();
  await clock.advanceBy(minutes(10));
  const held = record(where, instance);
  const server = where.watch.servers.get(held?.assignment.serverId ?? '');
  return {
    record: {
      state: held?.cloud.state,
      management: held?.management.status,
      reason: held?.management.reason,
      agent: held?.agent?.id,
    },
    attached: server?.instance && keyOf(server.instance) === keyOf(instance),
    servers: where.watch.servers.size,
    enrolled: told(where, 'Instance Enrolled').length,
    discovered: told(where, 'Instance Discovered-Only').length,
    surplus: told(where, 'Instance Surplus').length,
    states: [...new Set(told(where, 'Server State Changed').map(({ state }) => state))].at(-1),
    wrong: await where.wrong(),
  };
}

describe('12 order-independence', () => {
  it.each([
    ['launched by Muster', true, 'launched'],
    ['adopted with an enrollment key', false, 'enrollment_key'],
  ])(
    '%s: whatever comes first, and however often, one association and its events come of it',
    async (_what, byMuster, reason) => {
      const anyOrder = fc
        .shuffledSubarray([...steps, ...steps], { minLength: 1, maxLength: 10 })
        .filter((order) => order.length > 0);
      await fc.assert(
        fc.asyncProperty(anyOrder, async (order) => {
          expect(await play(byMuster, order)).toEqual({
            record: { state: 'running', management: 'enrolled', reason, agent: expect.any(String) },
            ...{ attached: true, servers: 1, enrolled: 1, discovered: 0, surplus: 0, states: 'operational', wrong: [] },
          });
        }),
        { numRuns: 120 },
      );
    },
  );
});

describe('14 no theft', () => {
  it('an agent that shows another instance’s grant, under the same name, changes neither that instance nor its server', async () => {
    const where = setup();
    const { pipeline, watch, agents } = where;
    for (const name of ['web-1', 'web-2']) await launch(where, await newServer(where, name));
    await pipeline.clock.advanceBy(minutes(5));
    const [own, other] = launched(where);
    const before = [record(where, other!), [...watch.servers.values()]];
    const key = newKey({ randomBytes: (count) => Buffer.from(hex(pipeline.random, 2 * count), 'hex') });
    const settings = agents.on(other!).settings;
    expect(await agents.on(own!).ask({ key, settings })).toMatchObject({
      enrolled: null,
      refused: 'grant_of_other_instance',
    });
    expect([record(where, other!), [...watch.servers.values()]]).toEqual(before);
  });

  it('the same agent enrolling again gets the same answer, and nothing is written', async () => {
    const where = setup();
    const { pipeline, watch, agents } = where;
    await launch(where, await newServer(where));
    await pipeline.clock.advanceBy(minutes(5));
    const instance = launched(where)[0]!;
    const held = record(where, instance);
    const { enrolled } = await agents.on(instance).ask();
    expect(enrolled?.serverId).toBe(held?.assignment.serverId);
    expect(record(where, instance)).toBe(held);
    expect(watch.servers.size).toBe(1);
  });
});

describe('15 account isolation', () => {
  it('an event counts only for the account and region that its sender, its resource and its id agree on', async () => {
    const where = setup();
    const events = heldBack(where);
    await launch(where, await newServer(where));
    await where.pipeline.clock.advanceBy(minutes(1) - 1);
    const genuine = events[0]!;
    const before = [...where.watch.instances.values()];
    const forged = [
      { ...genuine, account: accounts.member },
      { ...genuine, region: 'eu-west-1' },
      { ...genuine, account: accounts.foreign },
      {
        ...genuine,
        account: accounts.foreign,
        resources: genuine.resources.map((arn) => arn.replace(accounts.hub, accounts.foreign)),
      },
      { ...genuine, resources: [genuine.resources[0].replace('instance/i-0', 'instance/i-1')] },
      { ...genuine, resources: [...genuine.resources, ...genuine.resources] },
      { ...genuine, source: 'someone' },
    ].map((event) => ({ ...event, id: 'forged', detail: { ...event.detail, state: 'terminated' } }));
    expect(await where.pipeline.functions.onInstanceChanged(batchOf(forged))).toEqual({ batchItemFailures: [] });
    expect([...where.watch.instances.values()]).toEqual(before);
  });
});

describe('24 reversible', () => {
  it('an agent that enrolls a day late wins over discovered-only', async () => {
    const where = setup();
    const { pipeline, agents } = where;
    await launch(where, await newServer(where));
    await pipeline.clock.advanceBy(seconds(3));
    const instance = launched(where)[0]!;
    pipeline.faults.add(
      { what: 'die', where: { service: 'lambda', function: 'enroll' } },
      { what: 'throttle', where: { service: 'ec2' } },
    );
    await pipeline.clock.advanceBy(seconds(86_400));
    expect(record(where, instance)).toMatchObject({
      management: { status: 'discovered-only', reason: 'deadline_passed' },
    });
    pipeline.faults.clear();
    await agents.on(instance).start();
    await pipeline.clock.advanceBy(longEnough);
    expect(record(where, instance)).toMatchObject({ management: { status: 'enrolled', reason: 'launched' } });
    expect(await where.wrong()).toEqual([]);
  });
});
