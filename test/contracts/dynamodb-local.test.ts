import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDynamoHistory } from '#shared/adapters/dynamo/history.ts';
import { toInstanceItem } from '#shared/adapters/dynamo/instance-item.ts';
import { instanceItemKey } from '#shared/adapters/dynamo/keys.ts';
import { getItem } from '#shared/adapters/dynamo/read.ts';
import { createDynamoStore } from '#shared/adapters/dynamo/store.ts';
import { createDynamoUserData } from '#shared/adapters/dynamo/user-data.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { firstTry } from '#shared/domain/first-try.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { type Dynamo, startDynamo } from './dynamodb.ts';
import { anyOperation, contentOf } from './operations.ts';
import { privateContract } from './private.ts';
import { instanceNamed, keyNamed, start } from './records.ts';
import { storeContract } from './store.ts';

let dynamo: Dynamo;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.stop());

const makeStore = async () =>
  createDynamoStore({ client: dynamo.client, tableName: await dynamo.makeTable('main'), timing: defaultTiming });

storeContract('DynamoDB', makeStore, { ofFirstTries: 100 });
privateContract('DynamoDB', async () => {
  const table = { client: dynamo.client, tableName: await dynamo.makeTable('private') };
  return { userData: createDynamoUserData(table, () => start), history: createDynamoHistory(table) };
});

test('the end that a first try records expires as the end that a whole write records', async () => {
  const tableName = await dynamo.makeTable('main');
  const store = createDynamoStore({ client: dynamo.client, tableName, timing: defaultTiming });
  const stopped = { state: 'stopped', at: start, stoppedAt: start, source: 'event' } as const;
  const record = instanceNamed('i-1', { ...stopped, management: 'enrolled', managementReason: 'launched' });
  await store.saveInstance(undefined, record);
  const event = { ...keyNamed('i-1'), id: 'end', state: 'terminated', at: start + 60_000, receivedAt: start } as const;
  expect(await store.tryFirst(firstTry(event, defaultTiming)!)).toEqual({ saved: true });
  const ended = (await store.getInstance(record))!;
  expect(await getItem({ client: dynamo.client, tableName }, instanceItemKey(record))).toEqual(
    toInstanceItem(ended, defaultTiming),
  );
});

test('the same operations, whatever they are, end in the same records in DynamoDB and in memory', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyOperation, { minLength: 5, maxLength: 40 }), async (operations) => {
      const [dynamoStore, memoryStore] = [await makeStore(), createMemoryStore({ timing: defaultTiming })];
      for (const { run } of operations) expect(await run(dynamoStore)).toEqual(await run(memoryStore));
      expect(await contentOf(dynamoStore)).toEqual(await contentOf(memoryStore));
    }),
    { numRuns: 25 },
  );
});
