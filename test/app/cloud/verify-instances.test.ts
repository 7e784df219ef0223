import { RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { verifyInstances } from '#shared/app/cloud/verify-instances.ts';
import type { Store, VerifyMessage } from '#shared/app/ports.ts';
import { type Instance, newInstance } from '#shared/domain/instance/instance.ts';
import type { InstanceParts } from '#test/build/an-instance.ts';
import { withParts } from '#test/build/an-instance.ts';
import { second, serverNamed, start } from '#test/build/records.ts';
import { oneInstance } from '#test/local/aws/ec2/lab.ts';
import { ec2Setup, place } from './ec2-setup.ts';

type Setup = Awaited<ReturnType<typeof ec2Setup>>;
const asking = (instanceId: string, fields: Partial<VerifyMessage> = {}): VerifyMessage => ({
  ...{ ...place, instanceId, attempt: 0 },
  ...fields,
});
const unknownId = (nth: number) => `i-${nth.toString(16).padStart(17, '0')}`;

async function run(setup: Setup, count = 1, fields: object = {}): Promise<string[]> {
  const asked = { ...oneInstance, MinCount: count, MaxCount: count, ...fields };
  const { Instances = [] } = await setup.ec2.send(new RunInstancesCommand(asked));
  return Instances.map(({ InstanceId }) => InstanceId!);
}

/** The use case, with the ids of each request that goes to EC2. */
function counting(setup: Setup) {
  const requests: { how: string; ids: readonly string[] }[] = [];
  const { ec2 } = setup.ports;
  const counted: typeof ec2 = {
    ...ec2,
    describe: (account, region, ids) => {
      requests.push({ how: 'filter', ids });
      return ec2.describe(account, region, ids);
    },
    describeNamed: (account, region, ids) => {
      requests.push({ how: 'named', ids });
      return ec2.describeNamed(account, region, ids);
    },
  };
  const verify = (messages: readonly VerifyMessage[], other: { store?: Store } = {}) =>
    verifyInstances(messages, { ...setup.ports, ec2: counted, ...other });
  return { requests, verify };
}

describe('verify', () => {
  it('makes a record of what EC2 shows, with its facts, and lists its pair', async () => {
    const setup = await ec2Setup();
    const [id = ''] = await run(setup);
    expect(await verifyInstances([asking(id)], setup.ports)).toEqual([]);
    expect(await setup.store.getInstance(asking(id))).toMatchObject({
      cloud: { state: 'pending', epoch: start, epochNamed: true },
    });
    expect(await setup.store.getFacts(asking(id))).toMatchObject({ imageId: oneInstance.ImageId, amiLaunchIndex: 0 });
    expect(await setup.store.listPairs()).toMatchObject([place]);
  });

  it('asks one question per account and region, of at most 200 ids, each once', async () => {
    const setup = await ec2Setup();
    const { requests, verify } = counting(setup);
    const ids = Array.from({ length: 201 }, (_, nth) => unknownId(nth));
    const elsewhere = asking(unknownId(0), { region: 'eu-west-1' });
    expect(await verify([...ids.map((id) => asking(id)), elsewhere, asking(unknownId(7))])).toEqual([]);
    // Accounts and Regions are asked side by side
    expect(requests.map(({ ids }) => ids.length).toSorted((a, b) => a - b)).toEqual([1, 2, 200]);
  });

  it('asks nothing for an account that is not registered', async () => {
    const setup = await ec2Setup();
    const { requests, verify } = counting(setup);
    expect(await verify([asking(unknownId(1), { account: '999988887777' })])).toEqual([]);
    expect(requests).toEqual([]);
  });

  it('asks again after 2, 8 and 32 seconds where an instance is absent, then leaves it to the sweep', async () => {
    const setup = await ec2Setup();
    for (let attempt = 0; attempt < 4; attempt++) {
      await verifyInstances([asking(unknownId(1), { attempt })], setup.ports);
    }
    expect(setup.verify.sent).toEqual(
      [2, 8, 32].map((delaySeconds, nth) => ({ message: asking(unknownId(1), { attempt: nth + 1 }), delaySeconds })),
    );
    expect(setup.written).toEqual([]);
  });

  it('asks again where doubt outlives the answer, and not where that settles it', async () => {
    const setup = await ec2Setup();
    const [id = ''] = await run(setup);
    const doubt = { reason: 'order_unknown', since: setup.now() - second } as const;
    const ahead = recordOf(id, {
      cloud: { state: 'running', at: setup.now(), epoch: start, epochNamed: true, verify: doubt },
    });
    await setup.store.saveInstance(undefined, ahead);
    await verifyInstances([asking(id)], setup.ports);
    expect(setup.verify.messages).toEqual([asking(id, { attempt: 1 })]);
    setup.clock.advance(10 * second);
    await verifyInstances([asking(id, { attempt: 1 })], setup.ports);
    expect(setup.verify.messages).toHaveLength(1);
    expect(await setup.store.getInstance(asking(id))).toMatchObject({ cloud: { state: 'running', verify: null } });
  });

  it('keeps when EC2 last described the instance, also where nothing else changed: an enrollment may wait for it', async () => {
    const setup = await ec2Setup();
    const [id = ''] = await run(setup);
    const { verify } = counting(setup);
    for (const seconds of [0, 60, 60]) {
      setup.clock.advance(seconds * second);
      await verify([asking(id)]);
      expect(await setup.store.getFacts(asking(id))).toMatchObject({ describedAt: setup.now() });
    }
  });

  it('tells of a termination that was inferred wrongly', async () => {
    const setup = await ec2Setup();
    const [id = ''] = await run(setup);
    await setup.store.saveInstance(
      undefined,
      recordOf(id, { cloud: { state: 'terminated', at: setup.now() - second, inferred: true } }),
    );
    await verifyInstances([asking(id)], setup.ports);
    expect(setup.alarms).toEqual(['termination_inferred_wrongly']);
    expect(await setup.store.getInstance(asking(id))).toMatchObject({ cloud: { state: 'pending', inferred: false } });
  });

  it.each([
    ['is surplus if its server has another one by now', 'i-0fedcba9876543210', null],
    ['stays with its server if that has no other one', undefined, 'srv_1'],
  ])('of an instance that came back: it %s', async (_, otherId, serverId) => {
    for (const [told, message] of [
      ['by the answer', {}],
      ['by an event', { cameBack: true as const }],
    ] as const) {
      const setup = await ec2Setup();
      const [id = ''] = await run(setup);
      const ended = told === 'by the answer';
      const assignment = { serverId: 'srv_1' };
      const cloud: InstanceParts['cloud'] = ended
        ? { state: 'terminated', at: setup.now() - second, inferred: true }
        : { state: 'pending', at: setup.now() - second };
      await setup.store.saveInstance(undefined, recordOf(id, { assignment, cloud }));
      const instance = { ...place, instanceId: otherId ?? id };
      await setup.store.commit([{ kind: 'server', before: undefined, after: serverNamed('srv_1', { instance }) }]);
      await verifyInstances([{ ...asking(id), ...message }], setup.ports);
      const after = await setup.store.getInstance(asking(id));
      expect(after?.assignment, told).toMatchObject({ serverId });
      expect(after?.assignment.surplusSince !== null, told).toBe(serverId === null);
    }
  });
});

const recordOf = (instanceId: string, fields: InstanceParts): Instance =>
  withParts(newInstance({ ...place, instanceId }, start), fields);

describe('verify, when EC2 fails', () => {
  it('as one zone does, asks zone by zone, and gives back that zone’s questions alone', async () => {
    const setup = await ec2Setup();
    const subnets = ['subnet-00000000', 'subnet-00000001'];
    const [a = '', b = ''] = (await Promise.all(subnets.map((SubnetId) => run(setup, 1, { SubnetId })))).flat();
    await verifyInstances([asking(a), asking(b)], setup.ports);
    const zone = (await setup.store.getFacts(asking(a)))?.availabilityZone ?? '';
    setup.clock.advance(20 * second);
    setup.region.faults.add({ what: 'zone-down', where: { service: 'ec2', zone } });
    const { requests, verify } = counting(setup);
    const messages = [asking(a), asking(b)];
    expect(await verify(messages)).toEqual([messages[0]]);
    expect(requests).toEqual([
      { how: 'filter', ids: [a, b] },
      { how: 'named', ids: [a] },
      { how: 'named', ids: [b] },
    ]);
    expect(await setup.store.getInstance(asking(b))).toMatchObject({ cloud: { state: 'running' } });
    expect(await setup.store.getInstance(asking(a))).toMatchObject({ cloud: { state: 'pending' } });
  });

  it('as one zone does, finds a healthy instance among ids that EC2 does not know', async () => {
    const setup = await ec2Setup();
    const [id = ''] = await run(setup, 1, { SubnetId: 'subnet-00000000' });
    setup.region.faults.add({
      what: 'refuse',
      where: { service: 'ec2', operation: 'DescribeInstances' },
      code: 'Unavailable',
      times: 1,
    });
    const messages = [asking(unknownId(1)), asking(id), asking(unknownId(2))];
    expect(await verifyInstances(messages, setup.ports)).toEqual([]);
    expect(await setup.store.getInstance(asking(id))).toMatchObject({ cloud: { state: 'pending' } });
    expect(setup.verify.messages.map(({ instanceId }) => instanceId)).toEqual([unknownId(1), unknownId(2)]);
  });

  it('as a throttle does, asks no more of that account and Region, gives all of it back, and answers the others', async () => {
    const setup = await ec2Setup();
    setup.region.faults.add({
      what: 'throttle',
      where: { service: 'ec2', operation: 'DescribeInstances', region: 'us-east-1' },
    });
    const { requests, verify } = counting(setup);
    const throttled = Array.from({ length: 201 }, (_, n) => asking(unknownId(n + 1)));
    const elsewhere = asking(unknownId(1), { region: 'eu-west-1' });
    expect(await verify([...throttled, elsewhere])).toEqual(throttled);
    expect(requests.map(({ ids }) => ids.length)).toEqual([200, 1]);
    expect(setup.verify.messages).toEqual([{ ...elsewhere, attempt: 1 }]);
  });

  it('gives back what it could not ask, and nothing else', async () => {
    const setup = await ec2Setup();
    setup.region.faults.add({ what: 'refuse', where: { service: 'ec2', region: 'us-east-1' }, code: 'InternalError' });
    const [there, elsewhere] = [asking(unknownId(1)), asking(unknownId(2), { region: 'eu-west-1' })];
    expect(await verifyInstances([there, elsewhere], setup.ports)).toEqual([there]);
  });

  it('keeps one record that cannot be read from holding up the others', async () => {
    const setup = await ec2Setup();
    const [a = '', b = ''] = await run(setup, 2);
    const getInstance: Store['getInstance'] = async (key) => {
      if (key.instanceId === a) throw new Error('the item cannot be read');
      return setup.store.getInstance(key);
    };
    const messages = [a, b].map((id) => asking(id, { onlyIfInDoubt: true }));
    const ports = { ...setup.ports, store: { ...setup.store, getInstance } };
    expect(await verifyInstances(messages, ports)).toEqual([messages[0]]);
    expect(setup.failures).toEqual([`${a}: Error: the item cannot be read`]);
    expect(await setup.store.getInstance(messages[1]!)).toMatchObject({ instanceId: b });
  });

  it('keeps one record that cannot be written from holding up the others', async () => {
    const setup = await ec2Setup();
    const [a = '', b = '', c = ''] = await run(setup, 3);
    const saveInstance: Store['saveInstance'] = (before, after) => {
      if (after.instanceId === b) throw new Error('the item is too large');
      return setup.store.saveInstance(before, after);
    };
    const messages = [a, b, c].map((id) => asking(id));
    const ports = { ...setup.ports, store: { ...setup.store, saveInstance } };
    expect(await verifyInstances(messages, ports)).toEqual([messages[1]]);
    expect(setup.failures).toEqual([`${b}: Error: the item is too large`]);
    const kept = await Promise.all(messages.map((message) => setup.store.getInstance(message)));
    expect(kept.map((record) => record?.instanceId)).toEqual([a, undefined, c]);
  });
});

describe('verify, asked by an event whose record it meets half made', () => {
  it('lists the pair before the record is there: a crash between leaves nothing unlisted', async () => {
    const setup = await ec2Setup();
    const [id = ''] = await run(setup);
    const saveInstance = () => Promise.reject(new Error('process died'));
    await verifyInstances([asking(id)], { ...setup.ports, store: { ...setup.store, saveInstance } });
    expect(await setup.store.listPairs()).toMatchObject([place]);
  });

  it('keeps the facts before the record is there: no record of a start is without its facts', async () => {
    const setup = await ec2Setup();
    const [id = ''] = await run(setup);
    const store = { ...setup.store, saveInstance: () => Promise.reject(new Error('dead')) };
    expect(await verifyInstances([asking(id)], { ...setup.ports, store })).toEqual([asking(id)]);
    expect(await setup.store.getInstance(asking(id))).toBeUndefined();
    expect(await setup.store.getFacts(asking(id))).toBeDefined();
  });

  it('learns of an end that no event told of', async () => {
    const setup = await ec2Setup();
    const [id = ''] = await run(setup);
    await verifyInstances([asking(id)], setup.ports);
    await setup.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    setup.clock.advance(30 * second);
    await verifyInstances([asking(id)], setup.ports);
    expect(await setup.store.getInstance(asking(id))).toMatchObject({
      cloud: { state: 'terminated', inferred: false },
    });
  });
});
