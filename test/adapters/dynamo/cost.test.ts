import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDynamoStore } from '#shared/adapters/dynamo/store.ts';
import { knownOf } from '#shared/app/instance/facts-digest.ts';
import type { Store } from '#shared/app/ports.ts';
import { firstTry } from '#shared/domain/cloud/first-try.ts';
import { ledgerEntry } from '#shared/domain/cloud/ledger.ts';
import type { Ec2State } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { factsOf, instanceNamed, keyNamed, leaseOf, linkOf, second, serverNamed, start } from '#test/build/records.ts';
import { type Dynamo, startDynamo } from '#test/contracts/dynamodb.ts';
import { type Cost, countCost, indexUnits, writeUnits } from '../../../bench/cost.ts';
import { itemSizeBytes } from '../../../bench/item-size.ts';

describe('the size of an item', () => {
  test.each([
    ['text by its bytes in UTF-8', { nö: { S: 'ä€' } }, 3 + 5],
    ['a number by its significant digits', { n: { N: '1793613600123' } }, 1 + 8],
    ['a number without the zeros at its ends', { n: { N: '-0.0012000' } }, 1 + 3],
    ['zero', { n: { N: '0' } }, 1 + 1],
    ['a truth value and null as one byte each', { t: { BOOL: true }, n: { NULL: true } }, 4],
    ['a list by its elements, and three', { l: { L: [{ S: 'ab' }, { S: 'c' }] } }, 1 + 3 + 2 + 3],
    ['a map by its names and values, and three', { m: { M: { ab: { S: 'c' } } } }, 1 + 3 + 1 + 3],
  ])('counts %s', (_, item, bytes) => {
    expect(itemSizeBytes(item)).toBe(bytes);
  });
});

describe('write units', () => {
  const ofBytes = (bytes: number) => ({ v: { S: 'x'.repeat(bytes - 1) } });
  const entry = (due: string) => ({ dueShard: { S: 'DUE#1' }, due: { S: due } });
  const none = undefined;

  test.each([
    [none, none, 1],
    [none, ofBytes(1024), 1],
    [none, ofBytes(1025), 2],
    [ofBytes(2049), ofBytes(10), 3],
  ])('count every started kilobyte of the larger image', (before, after, units) => {
    expect(writeUnits({ before, after })).toBe(units);
  });

  test.each([
    ['a record that is not in it', { due: { S: '1' } }, { due: { S: '2' } }, 0],
    ['an entry that stays', entry('1'), entry('1'), 0],
    ['an entry that comes', none, entry('1'), 1],
    ['an entry that goes', entry('1'), { dueShard: { S: 'DUE#1' } }, 1],
    ['an entry that moves', entry('1'), entry('2'), 2],
  ])('count, in the index, %s', (_, before, after, units) => {
    expect(indexUnits({ before, after })).toBe(units);
  });
});

describe('what the store costs', () => {
  let dynamo: Dynamo;
  let tableName: string;
  let store: Store;
  let cost: Cost;
  beforeAll(async () => {
    dynamo = await startDynamo();
  });
  afterAll(() => dynamo.stop());
  beforeEach(async () => {
    tableName = await dynamo.makeTable('main');
    store = createDynamoStore({ client: dynamo.client, tableName, timing: defaultTiming });
  });
  afterEach(() => cost.stop());

  const pending = instanceNamed('i-1', {
    cloud: { state: 'pending', at: start, epoch: start, ledger: [ledgerEntry('pending', start, 'first')] },
  });
  const event = (state: Ec2State, at: number) =>
    firstTry({ ...keyNamed('i-1'), id: `${state} ${at}`, state, at, receivedAt: at }, defaultTiming)!;

  test('an event in order is one request of one unit, and reads nothing', async () => {
    await store.saveInstance(undefined, {
      ...pending,
      management: { ...pending.management, status: 'enrolled', reason: 'launched' },
    });
    cost = countCost(dynamo.client);
    await store.tryFirst(event('running', start + 20 * second));
    await store.tryFirst(event('stopping', start + 60 * second));
    await store.tryFirst(event('stopped', start + 90 * second));
    await store.tryFirst(event('terminated', start + 120 * second));
    expect(cost.requests.map(({ command, writes, refused }) => ({ command, writes, refused }))).toEqual(
      Array(4).fill({ command: 'UpdateItemCommand', writes: 1, refused: false }),
    );
    expect(cost).toMatchObject({ writes: 4, reads: 0 });
  });

  test('to wait for an enrollment costs a unit to enter the index and one to leave it', async () => {
    await store.saveInstance(undefined, pending);
    cost = countCost(dynamo.client);
    await store.tryFirst(event('running', start + 20 * second));
    await store.tryFirst(event('stopping', start + 60 * second));
    expect(cost.requests.map(({ writes }) => writes)).toEqual([2, 2]);
  });

  test('a refused write is billed, and reads nothing', async () => {
    await store.saveInstance(undefined, pending);
    cost = countCost(dynamo.client);
    await store.saveInstance(undefined, pending);
    await store.tryFirst(event('stopped', start + 20 * second));
    expect(cost.requests).toMatchObject([
      { writes: 1, refused: true },
      { writes: 1, refused: true },
    ]);
    expect(cost.reads).toBe(0);
  });

  test('a transaction costs twice its writes, and a change alone costs one', async () => {
    cost = countCost(dynamo.client);
    await store.commit([
      { kind: 'server', before: undefined, after: serverNamed('srv_1') },
      { kind: 'instance', before: undefined, after: pending },
    ]);
    await store.commit([{ kind: 'server', before: undefined, after: serverNamed('srv_2') }]);
    expect(cost.requests.map(({ command, writes }) => [command, writes])).toEqual([
      ['TransactWriteItemsCommand', 4],
      ['PutItemCommand', 1],
    ]);
  });

  test('a lease costs one unit, whoever renews it', async () => {
    const lease = (seq: number) => leaseOf('i-0123456789abcdef0', { agentId: 'a'.repeat(43), seq, link: linkOf(seq) });
    cost = countCost(dynamo.client);
    await store.renewLease(undefined, lease(1));
    await store.renewLease(lease(1), lease(2));
    await store.renewLease(lease(1), lease(3));
    expect(cost.requests.map(({ writes, refused }) => [writes, refused])).toEqual([
      [1, false],
      [1, false],
      [1, true],
    ]);
    expect(cost.reads).toBe(0);
  });

  test('facts and lease of an instance that is over cost a unit each to delete, and no read', async () => {
    const facts = factsOf('i-1');
    await store.putFacts(facts);
    await store.renewLease(undefined, leaseOf('i-1'));
    cost = countCost(dynamo.client);
    await store.dropBeside(keyNamed('i-1'), { facts: knownOf(facts), lastHeardAt: start });
    expect(cost.requests.map(({ command, writes, refused }) => [command, writes, refused])).toEqual([
      ['DeleteItemCommand', 1, false],
      ['DeleteItemCommand', 1, false],
    ]);
    expect(cost.reads).toBe(0);
  });

  test('a pair that is known costs nothing', async () => {
    await store.ensurePair('111122223333', 'us-east-1');
    cost = countCost(dynamo.client);
    await store.ensurePair('111122223333', 'us-east-1');
    expect(cost.requests).toEqual([]);
  });

  test('a read of one record costs one unit', async () => {
    await store.saveInstance(undefined, pending);
    cost = countCost(dynamo.client);
    await store.getInstance(pending);
    expect(cost).toMatchObject({ reads: 1, writes: 0 });
  });

  test.each([10, 1000, 1024, 1025, 5000])('DynamoDB Local bills a single write of %i bytes alike', async (bytes) => {
    const named = { pk: { S: 'p' }, sk: { S: 's' } };
    const item = { ...named, v: { S: 'x'.repeat(bytes - itemSizeBytes({ ...named, v: { S: '' } })) } };
    cost = countCost(dynamo.client);
    const input = { TableName: tableName, Item: item, ReturnConsumedCapacity: 'TOTAL' as const };
    const { ConsumedCapacity } = await dynamo.client.send(new PutItemCommand(input));
    expect(itemSizeBytes(item)).toBe(bytes);
    expect(cost.writes).toBe(ConsumedCapacity?.CapacityUnits);
  });
});
