import { DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import { beforeAll, describe, expect, it } from 'vitest';
import { dueOf, toInstanceItem } from '#shared/adapters/dynamo/instance-item.ts';
import { dueShard, instanceItemKey } from '#shared/adapters/dynamo/keys.ts';
import { marshalledKey } from '#shared/adapters/dynamo/table.ts';
import { ledgerEntry } from '#shared/domain/cloud/ledger.ts';
import { type Instance, keyOf } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { instanceNamed, start } from '#test/build/records.ts';
import { failuresOf, functionSetup, instanceId, invoke, place, runningInstance } from './setup.ts';

const setup = functionSetup();
const handlers = {} as Record<'onRecordChanged' | 'tick' | 'sweep', unknown>;
beforeAll(async () => {
  ({ handler: handlers.onRecordChanged } = await import('../../functions/on-record-changed.ts'));
  ({ handler: handlers.tick } = await import('../../functions/tick.ts'));
  ({ handler: handlers.sweep } = await import('../../functions/sweep.ts'));
});

const started = (nth: number): Instance =>
  instanceNamed(instanceId(nth), {
    version: 1,
    cloud: { state: 'pending', at: start, ledger: [ledgerEntry('pending', start, 'one')] },
  });
const image = (instance: Instance) =>
  toInstanceItem(instance, defaultTiming) as NonNullable<DynamoDBRecord['dynamodb']>['NewImage'];
const inserted = (sequence: string, NewImage: NonNullable<DynamoDBRecord['dynamodb']>['NewImage']): DynamoDBRecord => ({
  ...{ eventID: sequence, eventName: 'INSERT', eventSource: 'aws:dynamodb' },
  dynamodb: { SequenceNumber: sequence, ApproximateCreationDateTime: start / 1000, ...(NewImage && { NewImage }) },
});
const told = () =>
  setup
    .queue('consumer')
    .receive(1000, 0)
    .map(({ body }) => JSON.parse(body));

describe('onRecordChanged', () => {
  it('tells of a change once per event, and again with the same id when it is delivered again', async () => {
    const batch = { Records: [inserted('1', image(started(1)))] };
    expect(await failuresOf(handlers.onRecordChanged, batch)).toEqual([]);
    expect(await failuresOf(handlers.onRecordChanged, batch)).toEqual([]);
    const [first, second, ...more] = told();
    expect(first).toMatchObject({
      source: 'muster',
      'detail-type': 'Instance State Changed',
      detail: { data: { state: 'pending' } },
    });
    expect([second.detail, more]).toEqual([first.detail, []]);
    const record = `111122223333/us-east-1/${instanceId(1)}`;
    expect((await setup.history.list(record, { size: 10, after: null })).items).toHaveLength(1);
  });

  it('names the first record that fails, from which Lambda goes on, and tells of the others', async () => {
    const broken = (nth: number) => ({ ...image(started(nth)), ledger: { S: 'x' } });
    const Records = [
      ...[inserted('1', image(started(2))), inserted('2', broken(3)), inserted('3', image(started(4)))],
      inserted('4', broken(5)),
    ];
    expect(await failuresOf(handlers.onRecordChanged, { Records })).toEqual(['2']);
    expect(told().map(({ detail }) => detail.data.instanceId)).toEqual([instanceId(2), instanceId(4)]);
    expect(setup.lines).toContainEqual(expect.objectContaining({ level: 'ERROR', itemIdentifier: '2' }));
  });

  it('has nothing to tell of other records, of deletions and of empty ones', async () => {
    const server = marshall({ pk: 'SERVERS', sk: 'srv_1', kind: 'server', version: 1 }) as NonNullable<
      DynamoDBRecord['dynamodb']
    >['NewImage'];
    const Records = [inserted('1', server), inserted('2', undefined), { eventName: 'REMOVE' } as DynamoDBRecord];
    expect(await failuresOf(handlers.onRecordChanged, { Records })).toEqual([]);
    expect(told()).toEqual([]);
  });
});

describe('tick', () => {
  it('does what time alone changes, and says how much', async () => {
    const late = defaultTiming.enrollmentDeadlineSeconds * 1000 + 5000;
    await runningInstance(setup, 10, {}, late);
    await runningInstance(setup, 11, {}, 1000);
    expect(await invoke(handlers.tick, {})).toEqual({ due: 1, failed: 0 });
    const [first, second] = await Promise.all(
      [10, 11].map((nth) => setup.store.getInstance({ ...place, instanceId: instanceId(nth) })),
    );
    expect(first).toMatchObject({ management: { status: 'discovered-only', reason: 'deadline_passed' } });
    expect(second).toMatchObject({ management: { status: 'pending' } });
    expect(await invoke(handlers.tick, { forged: true })).toEqual({ due: 0, failed: 0 });
  });

  it('counts a record that it cannot handle, and puts it off', async () => {
    const key = { ...place, instanceId: instanceId(12) };
    const Key = marshalledKey(instanceItemKey(key));
    const due = { dueShard: { S: dueShard(keyOf(key)) }, due: { S: dueOf(Date.now() - 1000) } };
    // A ledger that is no list: the record cannot be read.
    const Item = { ...Key, kind: { S: 'instance' }, ledger: { S: 'x' }, ...due };
    await setup.dynamo.client.send(new PutItemCommand({ TableName: setup.tableName, Item }));
    expect(await invoke(handlers.tick, {})).toEqual({ due: 1, failed: 1 });
    expect(setup.lines).toContainEqual(expect.objectContaining({ DueFailed: 1, stage: 'test' }));
    expect(await invoke(handlers.tick, {})).toEqual({ due: 0, failed: 0 });
    await setup.dynamo.client.send(new DeleteItemCommand({ TableName: setup.tableName, Key }));
  });
});

describe('sweep', () => {
  it('asks for the pairs that hold records', async () => {
    await runningInstance(setup, 20);
    expect(await invoke(handlers.sweep, {})).toEqual({ asked: 1 });
    expect(
      setup
        .queue('sweep')
        .receive(10)
        .map(({ body }) => JSON.parse(body)),
    ).toEqual([place]);
  });
});
