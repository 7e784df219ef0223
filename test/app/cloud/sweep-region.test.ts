import { CreateTagsCommand, RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { releaseRemoval } from '#shared/app/account/release-removal.ts';
import { sweepRegion } from '#shared/app/cloud/sweep-region.ts';
import type { Describer, Store } from '#shared/app/ports.ts';
import { newInstance } from '#shared/domain/instance/instance.ts';
import type { LaunchRequest } from '#shared/domain/launch/launch.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { launchNamed, leaseOf, second, serverNamed } from '#test/build/records.ts';
import { readPair } from '#test/build/whole.ts';
import { oneInstance } from '#test/local/aws/ec2/lab.ts';
import { ec2Setup, place } from './ec2-setup.ts';

type Setup = Awaited<ReturnType<typeof ec2Setup>>;
const spotWarning = (at: number) => ({
  ...{ kind: 'spot_interruption' as const, since: at, saidAt: at, deadline: at + 120 * second },
});
const period = 300 * second + 1;
const sweep = (setup: Setup, other: { store?: Store } = {}) =>
  sweepRegion(place.account, place.region, { ...setup.ports, ...other });

async function run(setup: Setup, count: number): Promise<string[]> {
  const { Instances = [] } = await setup.ec2.send(
    new RunInstancesCommand({ ...oneInstance, MinCount: count, MaxCount: count }),
  );
  return Instances.map(({ InstanceId }) => InstanceId!);
}

/** A pair with so many running instances on record, all of which EC2 then stops showing. */
async function vanished(count: number): Promise<Setup> {
  const setup = await ec2Setup();
  await run(setup, count);
  setup.clock.advance(20 * second);
  await sweep(setup);
  setup.region.faults.add({ what: 'empty', where: { service: 'ec2' } });
  return setup;
}

const states = async (setup: Setup) =>
  (await readPair(setup.store, place)).map(({ instance: { cloud } }) => cloud.state);

describe('a sweep', () => {
  it('finds what no event told of: records, facts, the pair, and how much it had to repair', async () => {
    const setup = await ec2Setup();
    const ids = await run(setup, 3);
    expect(await sweep(setup)).toEqual({ seen: 3, unreadable: 0, repaired: 3, withheld: 0, agents: 0, silent: 0 });
    expect(await states(setup)).toEqual(['pending', 'pending', 'pending']);
    expect(await setup.store.getFacts({ ...place, instanceId: ids[0]! })).toMatchObject({
      imageId: oneInstance.ImageId,
    });
    expect(await setup.store.getPair(place.account, place.region)).toMatchObject({ lastSweepAt: setup.now() });
  });

  it('that finds everything as it is on record writes the pair and nothing else', async () => {
    const setup = await ec2Setup();
    await run(setup, 3);
    await sweep(setup);
    const { length } = setup.written;
    expect(await sweep(setup)).toEqual({ seen: 3, unreadable: 0, repaired: 0, withheld: 0, agents: 0, silent: 0 });
    expect(setup.written).toHaveLength(length);
  });

  it('reads no record that ended a day before the last sweep, unless EC2 shows it; then it is alive again, and costs no write later', async () => {
    const setup = await ec2Setup();
    const [back = ''] = await run(setup, 2);
    await sweep(setup);
    const before = (await setup.store.getInstance({ ...place, instanceId: back }))!;
    const cloud = { ...before.cloud, state: 'terminated' as const, at: setup.now(), inferred: true };
    await setup.store.saveInstance(before, { ...before, cloud });
    const dead = newInstance({ ...place, instanceId: 'i-0fedcba9876543210' }, setup.now());
    await setup.store.saveInstance(undefined, {
      ...dead,
      cloud: { ...dead.cloud, state: 'terminated', at: setup.now() },
    });
    const pair = (await setup.store.getPair(place.account, place.region))!;
    setup.clock.advance(86_401 * second);
    await setup.store.savePair({ ...pair, lastSweepAt: setup.now() });
    setup.clock.advance(period);
    const reads: string[] = [];
    const store: Store = {
      ...setup.store,
      async *readPair(...asked) {
        for await (const record of setup.store.readPair(...asked)) {
          reads.push(record.instance.instanceId);
          yield record;
        }
      },
    };
    await sweep(setup, { store });
    expect(reads).not.toContain(back);
    expect(reads).not.toContain(dead.instanceId);
    expect(reads).toHaveLength(1);
    expect(await setup.store.getInstance(before)).toMatchObject({ cloud: { state: 'running', inferred: false } });
    expect(setup.alarms).toEqual(['termination_inferred_wrongly']);
    const { length } = setup.written;
    const facts: string[] = [];
    const counting: Store = {
      ...store,
      putFacts: async (one) => {
        facts.push(one.instanceId);
        await setup.store.putFacts(one);
      },
    };
    setup.clock.advance(period);
    await sweep(setup, { store: counting });
    expect(setup.written).toHaveLength(length);
    expect(facts).toEqual([]);
  });

  it('notes once that an agent became silent, and that it spoke again', async () => {
    const setup = await ec2Setup();
    const [instanceId] = await run(setup, 1);
    const key = { ...place, instanceId: instanceId! };
    setup.clock.advance(60 * second);
    await sweep(setup);
    const found = (await setup.store.getInstance(key))!;
    const agent = { id: 'a', version: '', bootId: '', enrolledAt: setup.now(), state: null, stateAt: null };
    await setup.store.saveInstance(found, { ...found, agent });
    const silentSince = setup.now();

    setup.clock.advance(261 * second);
    expect(await sweep(setup)).toMatchObject({ agents: 1, silent: 1 });
    const noted = await setup.store.getInstance(key);
    expect(noted?.agent).toEqual({ ...agent, silentSince });
    setup.clock.advance(period);
    expect(await sweep(setup)).toMatchObject({ agents: 1, silent: 1, repaired: 0 });
    expect(await setup.store.getInstance(key)).toEqual(noted);

    await setup.store.renewLease(undefined, { ...leaseOf(instanceId!), lastSeenAt: setup.now() });
    expect(await sweep(setup)).toMatchObject({ agents: 1, silent: 0 });
    expect((await setup.store.getInstance(key))?.agent).toEqual(agent);
  });

  it('tells that events do not arrive: it finds changes in ten minutes, and no event comes', async () => {
    const setup = await ec2Setup();
    await run(setup, 1);
    await sweep(setup);
    for (const _ of [1, 2, 3]) {
      setup.clock.advance(period);
      await run(setup, 1);
      await sweep(setup);
    }
    const told = setup.alarms.filter((what) => what === 'events_not_arriving');
    expect(told).toHaveLength(1);
    expect(await setup.store.getPair(place.account, place.region)).toMatchObject({
      untold: { changes: expect.any(Number) },
    });
  });

  it('deletes facts and lease of what has been over for a day, once, and not a moment sooner', async () => {
    const setup = await ec2Setup();
    const [instanceId = ''] = await run(setup, 1);
    const key = { ...place, instanceId };
    await sweep(setup);
    await setup.store.renewLease(undefined, leaseOf(instanceId, { lastSeenAt: setup.now() }));
    await setup.ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
    setup.clock.advance(20 * second);
    await sweep(setup);
    const endedAt = (await setup.store.getInstance(key))?.cloud.at ?? 0;
    const dropped: unknown[] = [];
    const store: Store = {
      ...setup.store,
      dropBeside: async (...asked) => {
        dropped.push(asked);
        await setup.store.dropBeside(...asked);
      },
    };
    const sweepAt = async (at: number) => {
      setup.clock.advance(at - setup.now());
      await sweep(setup, { store });
      return [await setup.store.getFacts(key), await setup.store.getLease(key)];
    };
    expect(await sweepAt(endedAt + 86_400 * second)).toEqual([expect.anything(), expect.anything()]);
    const { length } = setup.written;
    expect(await sweepAt(endedAt + 86_400 * second + 1)).toEqual([undefined, undefined]);
    await sweepAt(endedAt + 86_700 * second);
    expect(dropped).toHaveLength(1);
    expect(setup.written).toHaveLength(length);
    expect(await setup.store.getInstance(key)).toMatchObject({ cloud: { state: 'terminated', at: endedAt } });
  });

  it('leaves beside an instance in doubt what lies there', async () => {
    const setup = await ec2Setup();
    const [instanceId = ''] = await run(setup, 1);
    const key = { ...place, instanceId };
    await sweep(setup);
    await setup.ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
    setup.clock.advance(20 * second);
    await sweep(setup);
    setup.clock.advance(86_400 * second);
    const ended = (await setup.store.getInstance(key))!;
    const verify = { reason: 'alive_when_ended' as const, since: setup.now() };
    await setup.store.saveInstance(ended, { ...ended, cloud: { ...ended.cloud, verify } });
    setup.clock.advance(60 * second);
    await sweep(setup);
    expect(await setup.store.getFacts(key)).toBeDefined();
    // EC2 shows nothing of it: its absence settles the doubt, and then the facts may go.
    setup.clock.advance(period);
    await sweep(setup);
    expect(await setup.store.getFacts(key)).toBeUndefined();
  });

  it('of an empty pair makes no record of the pair', async () => {
    const setup = await ec2Setup();
    expect(await sweep(setup)).toEqual({ seen: 0, unreadable: 0, repaired: 0, withheld: 0, agents: 0, silent: 0 });
    expect(await setup.store.listPairs()).toEqual([]);
  });

  it('whose listing is empty asks for every live record by its id, and ends nothing that EC2 then shows', async () => {
    const setup = await ec2Setup();
    const ids = await run(setup, 3);
    await sweep(setup);
    const { ec2 } = setup.ports;
    const asked: (readonly string[])[] = [];
    const short: Describer = {
      ...ec2,
      async *describePages(...place) {
        for await (const page of ec2.describePages(...place)) yield { ...page, found: [] };
      },
      describe: (account, region, named) => {
        asked.push(named);
        return ec2.describe(account, region, named);
      },
    };
    for (let hour = 0; hour < 3; hour++) {
      setup.clock.advance(3600 * second);
      await sweepRegion(place.account, place.region, { ...setup.ports, ec2: short });
    }
    expect(asked.map((named) => named.toSorted())).toEqual([ids.toSorted(), ids.toSorted(), ids.toSorted()]);
    expect(await states(setup)).toEqual(['running', 'running', 'running']);
  });

  it('counts an instance that cannot be read as seen, raises an alarm and changes nothing of it', async () => {
    const setup = await ec2Setup();
    const [unreadable = ''] = await run(setup, 2);
    await sweep(setup);
    const { ec2 } = setup.ports;
    const alarms: string[] = [];
    const partly: Describer = {
      ...ec2,
      async *describePages(...place) {
        for await (const { found, ...answer } of ec2.describePages(...place)) {
          const readable = found.filter(({ sight }) => sight.instanceId !== unreadable);
          yield { ...answer, found: readable, unreadableIds: [unreadable] };
        }
      },
    };
    const ports = { ...setup.ports, ec2: partly, alarm: (what: string) => alarms.push(what) };
    for (let hour = 0; hour < 2; hour++) {
      setup.clock.advance(3600 * second);
      expect(await sweepRegion(place.account, place.region, ports)).toMatchObject({ seen: 1, unreadable: 1 });
    }
    const record = await setup.store.getInstance({ ...place, instanceId: unreadable });
    expect(record).toMatchObject({ cloud: { state: 'pending', absent: null } });
    expect(alarms).toEqual(['instance_unreadable', 'instance_unreadable']);
  });

  it('ends what two of them missed, and learns of an end that no event told of', async () => {
    const setup = await ec2Setup();
    const [kept = '', ended = ''] = await run(setup, 2);
    setup.clock.advance(20 * second);
    await sweep(setup);
    await setup.ec2.send(new TerminateInstancesCommand({ InstanceIds: [ended] }));
    setup.clock.advance(20 * second);
    await sweep(setup);
    expect(await setup.store.getInstance({ ...place, instanceId: ended })).toMatchObject({
      cloud: { state: 'terminated' },
    });
    expect(await setup.store.getInstance({ ...place, instanceId: kept })).toMatchObject({
      cloud: { state: 'running' },
    });
  });

  it('is not believed the first time it misses an instance', async () => {
    const setup = await vanished(2);
    setup.clock.advance(period);
    await sweep(setup);
    expect(await states(setup)).toEqual(['running', 'running']);
    setup.clock.advance(period);
    expect(await sweep(setup)).toMatchObject({ repaired: 2 });
    expect(await states(setup)).toEqual(['terminated', 'terminated']);
  });

  it('never ends an instance whose agent speaks', async () => {
    const setup = await vanished(2);
    const instances = (await readPair(setup.store, place)).map(({ instance }) => instance);
    for (let sweeps = 1; sweeps <= 4; sweeps++) {
      setup.clock.advance(period);
      const { instanceId } = instances[0]!;
      const said = { ...place, lastSeenAt: setup.now(), seq: sweeps };
      await setup.store.renewLease(await setup.store.getLease({ ...place, instanceId }), leaseOf(instanceId, said));
      await sweep(setup);
    }
    expect(await states(setup)).toEqual(['running', 'terminated']);
  });
});

describe('a listing that does not come whole', () => {
  it.each([
    ['EC2 fails', { what: 'refuse', code: 'InternalError' }, 'InternalError'],
    ['EC2 throttles', { what: 'throttle' }, 'RequestLimitExceeded'],
    ['the connection is cut', { what: 'lose-answer' }, ''],
  ] as const)('says nothing at all: %s', async (_case, fault, name) => {
    const setup = await ec2Setup();
    await run(setup, 2);
    setup.region.faults.add({ ...fault, where: { service: 'ec2', operation: 'DescribeInstances' } });
    await expect(sweep(setup)).rejects.toMatchObject(name === '' ? {} : { name });
    expect(setup.written).toEqual([]);
    expect(await setup.store.listPairs()).toEqual([]);
  });

  it('says nothing of what it lacks, and what its pages showed counts: a page token comes twice', async () => {
    const setup = await ec2Setup();
    const gone = newInstance({ ...place, instanceId: 'i-00000000000000001' }, setup.now());
    await setup.store.saveInstance(undefined, gone);
    await run(setup, 1000);
    setup.clock.advance(20 * second);
    await run(setup, 5);
    setup.clock.advance(3600 * second);
    setup.region.faults.add({ what: 'repeat-page', where: { service: 'ec2' } });
    await expect(sweep(setup)).rejects.toThrow('page token');
    expect(await setup.store.getInstance(gone)).toEqual({ ...gone, version: 1 });
    expect(await states(setup)).toHaveLength(1001);
    expect(await setup.store.getPair(place.account, place.region)).toMatchObject({ lastSweepAt: null });
  });
});

describe('a sweep that would end more than five instances and more than a tenth', () => {
  async function withheld() {
    const setup = await vanished(6);
    setup.clock.advance(period);
    await sweep(setup);
    setup.clock.advance(period);
    expect(await sweep(setup)).toMatchObject({ withheld: 6 });
    return setup;
  }
  const running = Array(6).fill('running');
  const terminated = Array(6).fill('terminated');

  it('ends none, keeps the marks and raises an alarm', async () => {
    const setup = await withheld();
    expect(await states(setup)).toEqual(running);
    expect(setup.alarms).toEqual(['mass_removal_withheld']);
    const instances = (await readPair(setup.store, place)).map(({ instance }) => instance);
    expect(instances.every(({ cloud: { absent } }) => absent?.since !== null)).toBe(true);
  });

  it('ends them after an operator’s release', async () => {
    const setup = await withheld();
    await releaseRemoval(place.account, place.region, setup.ports);
    setup.clock.advance(period);
    expect(await sweep(setup)).toMatchObject({ withheld: 0, repaired: 6 });
    expect(await states(setup)).toEqual(terminated);
    expect(await setup.store.getPair(place.account, place.region)).toMatchObject({ withheld: null });
  });

  it('ends them after an hour of sweeps that agree, and not before', async () => {
    const setup = await withheld();
    setup.clock.advance(defaultTiming.massRemovalReleaseSeconds * second - 1);
    await sweep(setup);
    expect(await states(setup)).toEqual(running);
    setup.clock.advance(1);
    await sweep(setup);
    expect(await states(setup)).toEqual(terminated);
  });

  it('keeps a release that comes while it runs', async () => {
    const setup = await withheld();
    setup.clock.advance(period);
    const store: Store = {
      ...setup.store,
      async *readPair(account, region, endedBefore) {
        yield* setup.store.readPair(account, region, endedBefore);
        await releaseRemoval(account, region, setup.ports);
      },
    };
    await sweep(setup, { store });
    setup.clock.advance(period);
    await sweep(setup);
    expect(await states(setup)).toEqual(terminated);
  });
});

describe('a sweep, overtaken by an event between its reading and its writing', () => {
  const moving = (setup: Setup, change: (instanceId: string) => Promise<unknown>): Store => ({
    ...setup.store,
    saveInstance: async (before, after) => {
      if (before) await change(after.instanceId);
      return setup.store.saveInstance(before, after);
    },
  });

  it('merges what it saw anew', async () => {
    const setup = await ec2Setup();
    const [instanceId = ''] = await run(setup, 1);
    await sweep(setup);
    setup.clock.advance(20 * second);
    const touched = once(async () => {
      const before = await setup.store.getInstance({ ...place, instanceId });
      await setup.store.saveInstance(before, {
        ...before!,
        cloud: { ...before!.cloud, warnings: [spotWarning(setup.now())] },
      });
    });
    await sweep(setup, { store: moving(setup, touched) });
    expect(await setup.store.getInstance({ ...place, instanceId })).toMatchObject({
      cloud: { state: 'running', warnings: [{ kind: 'spot_interruption' }] },
    });
  });

  it('leaves what it missed to the next one', async () => {
    const setup = await vanished(1);
    setup.clock.advance(period);
    await sweep(setup);
    setup.clock.advance(period);
    const record = (await readPair(setup.store, place))[0]?.instance;
    const touched = once(() =>
      setup.store.saveInstance(record, { ...record!, cloud: { ...record!.cloud, absent: null } }),
    );
    await sweep(setup, { store: moving(setup, touched) });
    expect(await setup.store.getInstance(record!)).toMatchObject({ cloud: { state: 'running', absent: null } });
  });
});

function once(run: () => Promise<unknown>): () => Promise<unknown> {
  let done = false;
  return async () => {
    if (done) return;
    done = true;
    await run();
  };
}

describe('an instance that carries a launch’s token', () => {
  const launchId = 'lch_0123456789abcdef0123456789abcdef';
  const token = `mst-${launchId}`;
  const window = (defaultTiming.launchToPendingSeconds + defaultTiming.clockSkewSeconds) * second;
  const request = { imageId: oneInstance.ImageId, instanceType: oneInstance.InstanceType, subnetId: null };

  async function answerLost(asked: Partial<LaunchRequest> = {}, askedLater = 0) {
    const setup = await ec2Setup();
    const requestedAt = setup.now() + askedLater;
    const common = { requestedAt, request: { ...launchNamed('').request, ...request, ...asked } };
    const launch = launchNamed(launchId, { ...common, servers: [{ serverId: 'srv_1', generation: 1 }] });
    const server = serverNamed('srv_1', { generation: 1, launchId, launchState: 'requested' });
    await setup.store.commit([{ kind: 'launch', before: undefined, after: launch }]);
    await setup.store.commit([{ kind: 'server', before: undefined, after: server }]);
    return setup;
  }

  it('is attached by the next sweep where RunInstances’ answer was lost', async () => {
    const setup = await answerLost();
    const { Instances } = await setup.ec2.send(new RunInstancesCommand({ ...oneInstance, ClientToken: token }));
    const key = { ...place, instanceId: Instances![0]!.InstanceId! };
    await sweep(setup);
    expect(await setup.store.get('launch', launchId)).toMatchObject({ state: 'launched', instances: [key] });
    expect(await setup.store.get('server', 'srv_1')).toMatchObject({ instance: key, launchState: 'launched' });
    expect(await setup.store.getInstance(key)).toMatchObject({
      assignment: { launchId, serverId: 'srv_1', surplusSince: null },
    });
  });

  it.each<[string, object, Partial<LaunchRequest>, number]>([
    ['image', { ImageId: 'ami-0fedcba9876543210' }, {}, 0],
    ['type', { InstanceType: 't4g.nano' }, {}, 0],
    ['subnet', { SubnetId: 'subnet-00000001' }, { subnetId: 'subnet-00000000' }, 0],
    ['time, being later', {}, {}, -window - second],
    ['time, being earlier', {}, {}, defaultTiming.clockSkewSeconds * second + second],
  ])(
    'is not attached if it differs in its %s: a token is anyone’s to choose',
    async (_what, made, asked, askedLater) => {
      const setup = await answerLost(asked, askedLater);
      await setup.ec2.send(new RunInstancesCommand({ ...oneInstance, ...made, ClientToken: token }));
      await sweep(setup);
      expect(await setup.store.get('launch', launchId)).toMatchObject({ state: 'requested' });
      expect(await setup.store.get('server', 'srv_1')).toMatchObject({ instance: null });
    },
  );

  it('is not attached for a tag that says so', async () => {
    const setup = await answerLost();
    const [id = ''] = await run(setup, 1);
    const Tags = [{ Key: 'muster:launch', Value: launchId }];
    await setup.ec2.send(new CreateTagsCommand({ Resources: [id], Tags }));
    await sweep(setup);
    expect(await setup.store.get('server', 'srv_1')).toMatchObject({ instance: null });
  });
});

describe('a record of an unknown instance', () => {
  it('that EC2 does not show is ended like any other', async () => {
    const setup = await ec2Setup();
    const ghost = newInstance({ ...place, instanceId: 'i-00000000000000001' }, setup.now());
    await setup.store.saveInstance(undefined, ghost);
    await setup.store.ensurePair(place.account, place.region);
    for (let sweeps = 0; sweeps < 3; sweeps++) {
      setup.clock.advance(period);
      await sweep(setup);
    }
    expect(await states(setup)).toEqual(['terminated']);
  });
});
