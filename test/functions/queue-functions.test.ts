import { DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { formatTime } from '#shared/domain/time.ts';
import { launchNamed, serverNamed } from '#test/build/records.ts';
import { failuresOf, functionSetup, instanceId, place, runningInstance, sqsBatch } from './setup.ts';

const setup = functionSetup();
const handlers = {} as Record<'onInstanceChanged' | 'verify' | 'sweepRegion' | 'launch', unknown>;
beforeAll(async () => {
  ({ handler: handlers.onInstanceChanged } = await import('../../functions/on-instance-changed.ts'));
  ({ handler: handlers.verify } = await import('../../functions/verify.ts'));
  ({ handler: handlers.sweepRegion } = await import('../../functions/sweep-region.ts'));
  ({ handler: handlers.launch } = await import('../../functions/launch.ts'));
});

const changed = (nth: number, fields: object = {}) => ({
  ...{ version: '0', id: `event-${nth}`, 'detail-type': 'EC2 Instance State-change Notification', source: 'aws.ec2' },
  ...{ ...place, time: formatTime(Math.floor(Date.now() / 1000) * 1000 - 5000) },
  resources: [`arn:aws:ec2:us-east-1:111122223333:instance/${instanceId(nth)}`],
  detail: { 'instance-id': instanceId(nth), state: 'pending' },
  ...fields,
});
const recorded = async (nths: readonly number[]) => {
  const keys = nths.map((nth) => ({ ...place, instanceId: instanceId(nth) }));
  const found = await Promise.all(keys.map((key) => setup.store.getInstance(key)));
  return found.flatMap((one) => one?.instanceId ?? []);
};
const ids = (nths: readonly number[]) => nths.map(instanceId);

describe('onInstanceChanged', () => {
  const nine = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const poison: [string, unknown, string | undefined][] = [
    ['a body that is no JSON', '{', 'malformed_request'],
    ['a list', [], undefined],
    ['an event of a foreign source', changed(10, { source: 'muster.forged' }), undefined],
    ['an event of an unknown account', changed(10, { account: '999988887777' }), undefined],
    [
      'an event that names another account’s instance',
      changed(10, { resources: ['arn:aws:ec2:us-east-1:999988887777:instance/i-1'] }),
      undefined,
    ],
  ];

  it.each(poison)('applies the nine others and acknowledges the tenth: %s', async (_case, body, code) => {
    const batch = sqsBatch([
      ...nine.slice(0, 4).map((nth) => changed(nth)),
      body,
      ...nine.slice(4).map((nth) => changed(nth)),
    ]);
    expect(await failuresOf(handlers.onInstanceChanged, batch)).toEqual([]);
    expect(await recorded([...nine, 10])).toEqual(ids(nine));
    const told = setup.lines.filter((line) => line.messageId === 'm4');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject(code ? { level: 'WARN', code } : { level: 'INFO', what: 'ignored' });
  });

  it('counts what it ignores', async () => {
    await failuresOf(handlers.onInstanceChanged, sqsBatch([changed(1, { source: 'x' })]));
    expect(setup.lines).toContainEqual(expect.objectContaining({ NotificationIgnored: 1, stage: 'test' }));
  });

  it('gives again exactly the one that its own store refuses', async () => {
    await poisonRecord(40);
    const batch = sqsBatch([changed(41), changed(40), changed(42)]);
    expect(await failuresOf(handlers.onInstanceChanged, batch)).toEqual(['m1']);
    expect(await recorded([41, 42])).toEqual(ids([41, 42]));
    expect(setup.lines).toContainEqual(expect.objectContaining({ level: 'ERROR', messageId: 'm1' }));
  });

  it('takes EC2’s own stamps in its own Region: two starts ten seconds apart are two', async () => {
    const ago = (seconds: number) => formatTime(Math.floor(Date.now() / 1000 - seconds) * 1000);
    const told = (state: string, seconds: number) =>
      changed(61, { id: `${state}-${seconds}`, time: ago(seconds), detail: { 'instance-id': instanceId(61), state } });
    for (const event of [told('pending', 40), told('running', 30), told('running', 20)])
      expect(await failuresOf(handlers.onInstanceChanged, sqsBatch([event]))).toEqual([]);
    const record = await setup.store.getInstance({ ...place, instanceId: instanceId(61) });
    expect(record?.cloud.ledger).toHaveLength(3);
    expect(record?.cloud.verify).toMatchObject({ reason: 'illegal_step' });
  });

  it('asks for a describe of each instance that it has not seen', async () => {
    await failuresOf(handlers.onInstanceChanged, sqsBatch([changed(50), changed(50)]));
    const [message] = setup.queue('verify').receive(10);
    expect(JSON.parse(message!.body)).toEqual({ ...place, instanceId: instanceId(50), attempt: 0 });
  });
});

/** An item in the place of an instance's record whose ledger is no list, for one test: no update and no merge can read it. */
async function poisonRecord(nth: number): Promise<void> {
  const { client } = setup.dynamo;
  const Key = { pk: { S: 'INSTANCE#111122223333#us-east-1' }, sk: { S: instanceId(nth) } };
  const Item = { ...Key, kind: { S: 'instance' }, ledger: { S: 'x' } };
  await client.send(new PutItemCommand({ TableName: setup.tableName, Item }));
  onTestFinished(async () => {
    await client.send(new DeleteItemCommand({ TableName: setup.tableName, Key }));
  });
}

describe('verify', () => {
  const asking = (nth: number) => ({ ...place, instanceId: instanceId(nth), attempt: 3 });
  it('drops what is no question of Muster’s, and answers the others', async () => {
    const launched = setup.ec2.runInstances(place, { MinCount: 2, MaxCount: 2, ImageId: 'ami-0123456789abcdef0' });
    const [a, b] = launched.Instances!.map(({ InstanceId }) => ({ ...place, instanceId: InstanceId!, attempt: 0 }));
    const forged = [
      { ...asking(1), attempt: -1 },
      { ...asking(1), instanceId: 'i-*' },
      { ...asking(1), x: 1 },
      'x',
      null,
    ];
    expect(await failuresOf(handlers.verify, sqsBatch([a, ...forged, b]))).toEqual([]);
    for (const asked of [a!, b!])
      expect(await setup.store.getInstance(asked)).toMatchObject({ cloud: { state: 'pending' } });
    expect(setup.lines.filter(({ level }) => level === 'WARN')).toHaveLength(5);
  });

  it('gives all again when EC2 throttles', async () => {
    setup.ec2.faults.add({ what: 'throttle', where: { service: 'ec2' }, times: 1 });
    expect(await failuresOf(handlers.verify, sqsBatch([asking(1), asking(2)]))).toEqual(['m0', 'm1']);
    const line = { message: 'verify failed and will be retried', error: 'RequestLimitExceeded' };
    expect(setup.lines).toContainEqual(expect.objectContaining(line));
  });

  it('gives again, and tells why, what EC2 could not answer', async () => {
    // By the filter, by name, and each by itself.
    setup.ec2.faults.add({ what: 'refuse', where: { service: 'ec2' }, code: 'InternalError', times: 4 });
    expect(await failuresOf(handlers.verify, sqsBatch(['x', asking(1), asking(2)]))).toEqual(['m1', 'm2']);
    const line = { message: 'verify failed and will be retried', instanceId: instanceId(1), error: 'InternalError' };
    expect(setup.lines).toContainEqual(expect.objectContaining(line));
  });
});

describe('sweepRegion', () => {
  it('compares a pair with EC2, and counts what it repaired', async () => {
    setup.ec2.runInstances(place, { MinCount: 1, MaxCount: 1, ImageId: 'ami-0123456789abcdef0' });
    expect(await failuresOf(handlers.sweepRegion, sqsBatch([place]))).toEqual([]);
    expect(setup.lines).toContainEqual(expect.objectContaining({ message: 'sweep of a region handled', ...place }));
    expect(setup.lines).toContainEqual(expect.objectContaining({ SweepRepaired: expect.any(Number) }));
  });

  it('counts the agents that ought to speak where none is silent', async () => {
    const agent = { id: 'b', version: '1', bootId: '', enrolledAt: Date.now(), state: null, stateAt: null };
    await runningInstance(setup, 62, { agent });
    expect(await failuresOf(handlers.sweepRegion, sqsBatch([place]))).toEqual([]);
    expect(setup.lines).toContainEqual(expect.objectContaining({ AgentExpected: 1 }));
    expect(setup.lines).toContainEqual(expect.objectContaining({ AgentSilent: 0 }));
  });

  it('counts the agents that ought to speak and the silent ones, so that an alarm can take the share', async () => {
    const agent = { id: 'a', version: '1', bootId: '', enrolledAt: 0, state: null, stateAt: null };
    await runningInstance(setup, 60, { agent }, 600_000);
    expect(await failuresOf(handlers.sweepRegion, sqsBatch([place]))).toEqual([]);
    expect(setup.lines).toContainEqual(expect.objectContaining({ AgentExpected: 2 }));
    expect(setup.lines).toContainEqual(expect.objectContaining({ AgentSilent: 1 }));
  });

  it('leaves a pair alone that is not registered', async () => {
    expect(await failuresOf(handlers.sweepRegion, sqsBatch([{ ...place, region: 'eu-west-1' }]))).toEqual([]);
    expect(setup.lines).toContainEqual(expect.objectContaining({ ignored: 'not_registered' }));
  });

  it('gives a pair again whose listing failed', async () => {
    setup.ec2.faults.add({ what: 'refuse', where: { service: 'ec2' }, code: 'InternalError', times: 1 });
    expect(await failuresOf(handlers.sweepRegion, sqsBatch([place]))).toEqual(['m0']);
  });

  it.each([{ account: 'x', region: 'us-east-1' }, { ...place, more: 1 }, '[', 7])(
    'acknowledges what is no pair: %j',
    async (body) => {
      expect(await failuresOf(handlers.sweepRegion, sqsBatch([body]))).toEqual([]);
      expect(setup.lines).toContainEqual(expect.objectContaining({ level: 'WARN', code: 'malformed_request' }));
    },
  );
});

describe('launch', () => {
  const launchId = 'lch_0123456789abcdef0123456789abcdef';
  const request = { ...launchNamed('').request, imageId: 'ami-0123456789abcdef0', securityGroupIds: [] };

  async function wanted(id: string, serverId: string): Promise<void> {
    const servers = [{ serverId, generation: 1 }];
    const launch = launchNamed(id, { request, requestedAt: Date.now(), servers });
    const server = serverNamed(serverId, { generation: 1, launchId: id, launchState: 'requested' });
    await setup.store.commit([
      { kind: 'launch', before: undefined, after: launch },
      { kind: 'server', before: undefined, after: server },
    ]);
    await setup.userData.put(id, '{}');
  }

  it('launches what was asked for, however often the message comes', async () => {
    await wanted(launchId, 'srv_1');
    expect(await failuresOf(handlers.launch, sqsBatch([{ launchId }]))).toEqual([]);
    expect(await failuresOf(handlers.launch, sqsBatch([{ launchId }]))).toEqual([]);
    const made = setup.ec2.truth().filter(({ clientToken }) => clientToken === `mst-${launchId}`);
    expect(made).toHaveLength(1);
    expect(await setup.store.get('server', 'srv_1')).toMatchObject({ instance: { instanceId: made[0]!.instanceId } });
    expect(setup.lines.filter((line) => 'LaunchFailed' in line)).toEqual([]);
  });

  it('gives a throttled launch again, later than the queue itself would, and tells why', async () => {
    const throttled = `lch_${'1'.repeat(32)}`;
    await wanted(throttled, 'srv_2');
    setup.ec2.faults.add({ what: 'throttle', where: { service: 'ec2', operation: 'RunInstances' }, times: 2 });
    const queue = setup.queue('launch');
    queue.send(JSON.stringify({ launchId: throttled }));
    const [message] = queue.receive(1, 1);
    const batch = sqsBatch([{ launchId: throttled }]);
    batch.Records[0]!.receiptHandle = message!.receipt;
    expect(await failuresOf(handlers.launch, batch)).toEqual(['m0']);
    expect((queue.outlook()?.since ?? 0) - Date.now()).toBeGreaterThan(1500);
    expect(await failuresOf(handlers.launch, sqsBatch([{ launchId: throttled }]))).toEqual(['m0']);
    const why = setup.lines.filter(({ level, launchId }) => level === 'ERROR' && launchId === throttled);
    expect(why.map(({ ec2Code }) => ec2Code)).toEqual(['RequestLimitExceeded', 'RequestLimitExceeded']);
  });

  it('counts a launch that ended without an instance', async () => {
    const refused = `lch_${'2'.repeat(32)}`;
    await wanted(refused, 'srv_3');
    setup.ec2.faults.add({
      ...{
        what: 'refuse',
        where: { service: 'ec2', operation: 'RunInstances' },
        code: 'InstanceLimitExceeded',
        times: 1,
      },
    });
    expect(await failuresOf(handlers.launch, sqsBatch([{ launchId: refused }]))).toEqual([]);
    expect(setup.lines).toContainEqual(expect.objectContaining({ LaunchFailed: 1, stage: 'test' }));
  });

  it.each([{ launchId: 'lch_1' }, { launchId, request: {} }, { launchId: '../x' }, 'launch', null])(
    'acknowledges a forged message, and launches nothing: %j',
    async (body) => {
      const before = setup.ec2.truth().length;
      expect(await failuresOf(handlers.launch, sqsBatch([body]))).toEqual([]);
      expect(setup.ec2.truth()).toHaveLength(before);
      expect(setup.lines).toContainEqual(expect.objectContaining({ level: 'WARN', code: 'malformed_request' }));
    },
  );

  it('of an id that nobody asked for launches nothing', async () => {
    const before = setup.ec2.truth().length;
    expect(await failuresOf(handlers.launch, sqsBatch([{ launchId: `lch_${'0'.repeat(32)}` }]))).toEqual([]);
    expect(setup.ec2.truth()).toHaveLength(before);
  });
});
