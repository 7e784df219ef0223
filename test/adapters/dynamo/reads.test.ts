import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { expect, it } from 'vitest';
import { createDynamoStore } from '#shared/adapters/dynamo/store.ts';
import { createDynamoUserData } from '#shared/adapters/dynamo/user-data.ts';
import { kinds } from '#shared/app/records/registry.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { keyNamed, start } from '#test/build/records.ts';
import { readPair } from '#test/build/whole.ts';

/** A client whose requests are kept and answered with nothing. DynamoDB Local does not tell a consistent read from another. */
function recording() {
  const requests: { operation: string; input: Record<string, unknown> }[] = [];
  const client = new DynamoDBClient({
    ...{ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } },
    requestHandler: {
      async handle({ headers, body }: { headers: Record<string, string>; body: string }) {
        const operation = headers['x-amz-target']?.split('.')[1] ?? '';
        requests.push({ operation, input: JSON.parse(body) });
        const answer = Buffer.from(JSON.stringify(operation === 'Query' ? { Items: [], Count: 0 } : {}));
        const contentType = { 'content-type': 'application/x-amz-json-1.0' };
        return { response: { statusCode: 200, headers: contentType, body: answer } };
      },
    } as never,
  });
  return { client, requests };
}

it('every read of records is strongly consistent; the index of what is due cannot be', async () => {
  const { client, requests } = recording();
  const store = createDynamoStore({ client, tableName: 'main', timing: defaultTiming });
  const userData = createDynamoUserData({ client, tableName: 'private' }, () => start);
  const [key, page] = [keyNamed('i-1'), { size: 10, after: null }];
  for (const kind of kinds.filter((kind) => kind !== 'instance')) await store.get(kind, 'id');
  for (const kind of ['server', 'key', 'account'] as const) await store.list(kind, page);
  await Promise.all([
    store.getInstance(key),
    store.getFacts(key),
    store.getLease(key),
    store.getPair('111122223333', 'us-east-1'),
  ]);
  await Promise.all([store.listPairs(), store.listInstances(page), readPair(store, keyNamed('i-1'))]);
  await userData.get('lch_1');
  await store.listDue(start, 10);
  const [ofIndex, others] = [true, false].map((is) => requests.filter(({ input }) => 'IndexName' in input === is));
  expect(ofIndex!.length).toBeGreaterThan(0);
  expect(others!.length).toBeGreaterThan(12);
  expect(others!.filter(({ input }) => input.ConsistentRead !== true)).toEqual([]);
});

it('user data that a crash left behind goes after a day', async () => {
  const { client, requests } = recording();
  await createDynamoUserData({ client, tableName: 'private' }, () => start).put('lch_1', '{}');
  const { expiresAt } = unmarshall(requests[0]!.input.Item as never);
  expect(expiresAt).toBe(start / 1000 + 24 * 3600);
});
