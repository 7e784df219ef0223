import { CreateTagsCommand, RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { releaseRemoval } from '#shared/app/account/release-removal.ts';
import { sweepRegion } from '#shared/app/cloud/sweep-region.ts';
import type { Store } from '#shared/app/ports.ts';
import { newInstance } from '#shared/domain/instance/instance.ts';
import type { LaunchRequest } from '#shared/domain/launch/launch.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { launchNamed, leaseOf, second, serverNamed } from '#test/contracts/records.ts';
import { oneInstance } from '#test/local/aws/ec2/lab.ts';
import { ec2Stage, place } from './ec2-stage.ts';

type Stage = Awaited<ReturnType<typeof ec2Stage>>;
const period = 300 * second + 1;
const sweep = (stage: Stage, other: { store?: Store } = {}) =>
  sweepRegion(place.account, place.region, { ...stage.ports, ...other });

async function run(stage: Stage, count: number): Promise<string[]> {
  const { Instances = [] } = await stage.ec2.send(
    new RunInstancesCommand({ ...oneInstance, MinCount: count, MaxCount: count }),
  );
  return Instances.map(({ InstanceId }) => InstanceId!);
}

/** A pair with so many running instances on record, all of which EC2 then stops showing. */
async function vanished(count: number): Promise<Stage> {
  const stage = await ec2Stage();
  await run(stage, count);
  stage.clock.advance(20 * second);
  await sweep(stage);
  stage.region.faults.add({ what: 'empty', where: { service: 'ec2' } });
  return stage;
}

const states = async (stage: Stage) =>
  (await stage.store.readPair(place.account, place.region)).instances.map(({ cloud: { state } }) => state);

describe('a sweep', () => {
  it('finds what no event told of: records, facts, the pair, and how much it had to repair', async () => {
    const stage = await ec2Stage();
    const ids = await run(stage, 3);
    expect(await sweep(stage)).toEqual({ seen: 3, repaired: 3, withheld: 0 });
    expect(await states(stage)).toEqual(['pending', 'pending', 'pending']);
    expect(await stage.store.getFacts({ ...place, instanceId: ids[0]! })).toMatchObject({
      imageId: oneInstance.ImageId,
    });
    expect(await stage.store.getPair(place.account, place.region)).toMatchObject({ lastSweepAt: stage.now() });
  });

  it('that finds everything as it is on record writes the pair and nothing else', async () => {
    const stage = await ec2Stage();
    await run(stage, 3);
    await sweep(stage);
    const { length } = stage.written;
    expect(await sweep(stage)).toEqual({ seen: 3, repaired: 0, withheld: 0 });
    expect(stage.written).toHaveLength(length);
  });

  it('of an empty pair makes no record of the pair', async () => {
    const stage = await ec2Stage();
    expect(await sweep(stage)).toEqual({ seen: 0, repaired: 0, withheld: 0 });
    expect(await stage.store.listPairs()).toEqual([]);
  });

  it('ends what two of them missed, and learns of an end that no event told of', async () => {
    const stage = await ec2Stage();
    const [kept = '', ended = ''] = await run(stage, 2);
    stage.clock.advance(20 * second);
    await sweep(stage);
    await stage.ec2.send(new TerminateInstancesCommand({ InstanceIds: [ended] }));
    stage.clock.advance(20 * second);
    await sweep(stage);
    expect(await stage.store.getInstance({ ...place, instanceId: ended })).toMatchObject({
      cloud: { state: 'terminated' },
    });
    expect(await stage.store.getInstance({ ...place, instanceId: kept })).toMatchObject({
      cloud: { state: 'running' },
    });
  });

  it('is not believed the first time it misses an instance', async () => {
    const stage = await vanished(2);
    stage.clock.advance(period);
    await sweep(stage);
    expect(await states(stage)).toEqual(['running', 'running']);
    stage.clock.advance(period);
    expect(await sweep(stage)).toMatchObject({ repaired: 2 });
    expect(await states(stage)).toEqual(['terminated', 'terminated']);
  });

  it('never ends an instance whose agent speaks', async () => {
    const stage = await vanished(2);
    const { instances } = await stage.store.readPair(place.account, place.region);
    for (let sweeps = 1; sweeps <= 4; sweeps++) {
      stage.clock.advance(period);
      const { instanceId } = instances[0]!;
      const said = { ...place, lastSeenAt: stage.now(), seq: sweeps };
      await stage.store.renewLease(await stage.store.getLease({ ...place, instanceId }), leaseOf(instanceId, said));
      await sweep(stage);
    }
    expect(await states(stage)).toEqual(['running', 'terminated']);
  });
});

describe('a listing that does not come whole', () => {
  it.each([
    ['EC2 fails', { what: 'refuse', code: 'InternalError' }, 'InternalError'],
    ['EC2 throttles', { what: 'throttle' }, 'RequestLimitExceeded'],
    ['the connection is cut', { what: 'lose-answer' }, ''],
  ] as const)('says nothing at all: %s', async (_case, fault, name) => {
    const stage = await ec2Stage();
    await run(stage, 2);
    stage.region.faults.add({ ...fault, where: { service: 'ec2', operation: 'DescribeInstances' } });
    await expect(sweep(stage)).rejects.toMatchObject(name === '' ? {} : { name });
    expect(stage.written).toEqual([]);
    expect(await stage.store.listPairs()).toEqual([]);
  });

  it('says nothing at all: a page token comes twice', async () => {
    const stage = await ec2Stage();
    await run(stage, 1000);
    stage.clock.advance(20 * second);
    await run(stage, 5);
    stage.region.faults.add({ what: 'repeat-page', where: { service: 'ec2' } });
    await expect(sweep(stage)).rejects.toThrow('page token');
    expect(stage.written).toEqual([]);
  });
});

describe('a sweep that would end more than five instances and more than a tenth', () => {
  async function withheld() {
    const stage = await vanished(6);
    stage.clock.advance(period);
    await sweep(stage);
    stage.clock.advance(period);
    expect(await sweep(stage)).toMatchObject({ withheld: 6 });
    return stage;
  }
  const running = Array(6).fill('running');
  const terminated = Array(6).fill('terminated');

  it('ends none, keeps the marks and raises an alarm', async () => {
    const stage = await withheld();
    expect(await states(stage)).toEqual(running);
    expect(stage.alarms).toEqual(['mass_removal_withheld']);
    const { instances } = await stage.store.readPair(place.account, place.region);
    expect(instances.every(({ cloud: { absent } }) => absent?.since !== null)).toBe(true);
  });

  it('ends them after an operator’s release', async () => {
    const stage = await withheld();
    await releaseRemoval(place.account, place.region, stage.ports);
    stage.clock.advance(period);
    expect(await sweep(stage)).toMatchObject({ withheld: 0, repaired: 6 });
    expect(await states(stage)).toEqual(terminated);
    expect(await stage.store.getPair(place.account, place.region)).toMatchObject({ withheld: null });
  });

  it('ends them after an hour of sweeps that agree, and not before', async () => {
    const stage = await withheld();
    stage.clock.advance(defaultTiming.massRemovalReleaseSeconds * second - 1);
    await sweep(stage);
    expect(await states(stage)).toEqual(running);
    stage.clock.advance(1);
    await sweep(stage);
    expect(await states(stage)).toEqual(terminated);
  });

  it('keeps a release that comes while it runs', async () => {
    const stage = await withheld();
    stage.clock.advance(period);
    const readPair: Store['readPair'] = async (account, region) => {
      const read = await stage.store.readPair(account, region);
      await releaseRemoval(account, region, stage.ports);
      return read;
    };
    await sweep(stage, { store: { ...stage.store, readPair } });
    stage.clock.advance(period);
    await sweep(stage);
    expect(await states(stage)).toEqual(terminated);
  });
});

describe('a sweep, overtaken by an event between its reading and its writing', () => {
  const moving = (stage: Stage, change: (instanceId: string) => Promise<unknown>): Store => ({
    ...stage.store,
    saveInstance: async (before, after) => {
      if (before) await change(after.instanceId);
      return stage.store.saveInstance(before, after);
    },
  });

  it('merges what it saw anew', async () => {
    const stage = await ec2Stage();
    const [instanceId = ''] = await run(stage, 1);
    await sweep(stage);
    stage.clock.advance(20 * second);
    const touched = once(async () => {
      const before = await stage.store.getInstance({ ...place, instanceId });
      await stage.store.saveInstance(before, {
        ...before!,
        cloud: { ...before!.cloud, warning: { what: 'spot_interruption', at: stage.now() } },
      });
    });
    await sweep(stage, { store: moving(stage, touched) });
    expect(await stage.store.getInstance({ ...place, instanceId })).toMatchObject({
      cloud: { state: 'running', warning: { what: 'spot_interruption' } },
    });
  });

  it('leaves what it missed to the next one', async () => {
    const stage = await vanished(1);
    stage.clock.advance(period);
    await sweep(stage);
    stage.clock.advance(period);
    const [record] = (await stage.store.readPair(place.account, place.region)).instances;
    const touched = once(() =>
      stage.store.saveInstance(record, { ...record!, cloud: { ...record!.cloud, absent: null } }),
    );
    await sweep(stage, { store: moving(stage, touched) });
    expect(await stage.store.getInstance(record!)).toMatchObject({ cloud: { state: 'running', absent: null } });
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
    const stage = await ec2Stage();
    const requestedAt = stage.now() + askedLater;
    const common = { requestedAt, request: { ...launchNamed('').request, ...request, ...asked } };
    const launch = launchNamed(launchId, { ...common, servers: [{ serverId: 'srv_1', generation: 1 }] });
    const server = serverNamed('srv_1', { generation: 1, launchId, launchState: 'requested' });
    await stage.store.commit([{ kind: 'launch', before: undefined, after: launch }]);
    await stage.store.commit([{ kind: 'server', before: undefined, after: server }]);
    return stage;
  }

  it('is attached by the next sweep where RunInstances’ answer was lost', async () => {
    const stage = await answerLost();
    const { Instances } = await stage.ec2.send(new RunInstancesCommand({ ...oneInstance, ClientToken: token }));
    const key = { ...place, instanceId: Instances![0]!.InstanceId! };
    await sweep(stage);
    expect(await stage.store.get('launch', launchId)).toMatchObject({ state: 'launched', instances: [key] });
    expect(await stage.store.get('server', 'srv_1')).toMatchObject({ instance: key, launchState: 'launched' });
    expect(await stage.store.getInstance(key)).toMatchObject({
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
      const stage = await answerLost(asked, askedLater);
      await stage.ec2.send(new RunInstancesCommand({ ...oneInstance, ...made, ClientToken: token }));
      await sweep(stage);
      expect(await stage.store.get('launch', launchId)).toMatchObject({ state: 'requested' });
      expect(await stage.store.get('server', 'srv_1')).toMatchObject({ instance: null });
    },
  );

  it('is not attached for a tag that says so', async () => {
    const stage = await answerLost();
    const [id = ''] = await run(stage, 1);
    const Tags = [{ Key: 'muster:launch', Value: launchId }];
    await stage.ec2.send(new CreateTagsCommand({ Resources: [id], Tags }));
    await sweep(stage);
    expect(await stage.store.get('server', 'srv_1')).toMatchObject({ instance: null });
  });
});

describe('a record of an unknown instance', () => {
  it('that EC2 does not show is ended like any other', async () => {
    const stage = await ec2Stage();
    const ghost = newInstance({ ...place, instanceId: 'i-00000000000000001' }, stage.now());
    await stage.store.saveInstance(undefined, ghost);
    await stage.store.ensurePair(place.account, place.region);
    for (let sweeps = 0; sweeps < 3; sweeps++) {
      stage.clock.advance(period);
      await sweep(stage);
    }
    expect(await states(stage)).toEqual(['terminated']);
  });
});
