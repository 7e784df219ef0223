import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDynamoHistory } from '#shared/adapters/dynamo/history.ts';
import { toInstanceItem } from '#shared/adapters/dynamo/instance-item.ts';
import { instanceItemKey } from '#shared/adapters/dynamo/keys.ts';
import { getItem } from '#shared/adapters/dynamo/read.ts';
import { createDynamoStore } from '#shared/adapters/dynamo/store.ts';
import { createDynamoUserData } from '#shared/adapters/dynamo/user-data.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { firstTry } from '#shared/domain/cloud/first-try.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { instanceNamed, keyNamed, start } from '#test/build/records.ts';
import type { Dynamo } from './dynamodb.ts';
import { anyOperation, contentOf } from './operations.ts';
import { privateContract } from './private.ts';
import { storeContract } from './store.ts';

/** What the stores in DynamoDB do, whoever answers in its place. */
export function dynamoContract(
  name: string,
  startEngine: () => Promise<Dynamo>,
  cases: { ofFirstTries: number; ofOperations: number },
): void {
  let dynamo: Dynamo | undefined;
  beforeAll(async () => {
    dynamo = await startEngine();
  });
  afterAll(() => dynamo?.stop());

  const makeTable = async (kind: 'main' | 'private') => {
    const { client, makeTable: make } = dynamo!;
    return { client, tableName: await make(kind) };
  };
  const makeStore = async () => createDynamoStore({ ...(await makeTable('main')), timing: defaultTiming });

  storeContract(name, makeStore, cases);
  privateContract(name, async () => {
    const table = await makeTable('private');
    return { userData: createDynamoUserData(table, () => start), history: createDynamoHistory(table, pause) };
  });

  test('the end that a first try records expires as the end that a whole write records', async () => {
    const table = await makeTable('main');
    const store = createDynamoStore({ ...table, timing: defaultTiming });
    const stopped = { state: 'stopped', at: start, stoppedAt: start, source: 'event' } as const;
    const record = instanceNamed('i-1', { cloud: stopped, management: { status: 'enrolled', reason: 'launched' } });
    await store.saveInstance(undefined, record);
    const at = start + 60_000;
    const event = { ...keyNamed('i-1'), id: 'end', state: 'terminated', at, receivedAt: start } as const;
    expect(await store.tryFirst(firstTry(event, defaultTiming)!)).toEqual({ saved: true });
    const ended = (await store.getInstance(record))!;
    expect(await getItem(table, instanceItemKey(record))).toEqual(toInstanceItem(ended, defaultTiming));
  });

  test(`the same operations, whatever they are, end in the same records in ${name} and in memory`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyOperation, { minLength: 5, maxLength: 40 }), async (operations) => {
        const [dynamoStore, memoryStore] = [await makeStore(), createMemoryStore({ timing: defaultTiming })];
        for (const { run } of operations) expect(await run(dynamoStore)).toEqual(await run(memoryStore));
        expect(await contentOf(dynamoStore)).toEqual(await contentOf(memoryStore));
      }),
      { numRuns: cases.ofOperations },
    );
  });
}
