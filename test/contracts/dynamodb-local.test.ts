import { afterAll, beforeAll } from 'vitest';
import { createDynamoHistory } from '#shared/adapters/dynamo/history.ts';
import { createDynamoStore } from '#shared/adapters/dynamo/store.ts';
import { createDynamoUserData } from '#shared/adapters/dynamo/user-data.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { type Dynamo, startDynamo } from './dynamodb.ts';
import { privateContract } from './private.ts';
import { start } from './records.ts';
import { storeContract } from './store.ts';

let dynamo: Dynamo;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.stop());

const makeStore = async () =>
  createDynamoStore({ client: dynamo.client, tableName: await dynamo.makeTable('main'), timing: defaultTiming });

storeContract('DynamoDB', makeStore, { ofFirstTries: 150 });
privateContract('DynamoDB', async () => {
  const table = { client: dynamo.client, tableName: await dynamo.makeTable('private') };
  return { userData: createDynamoUserData(table, () => start), history: createDynamoHistory(table) };
});
