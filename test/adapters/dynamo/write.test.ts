import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, test } from 'vitest';
import { toInstanceItem } from '#shared/adapters/dynamo/instance-item.ts';
import { createDynamoStore } from '#shared/adapters/dynamo/store.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { instanceNamed, keyNamed, serverNamed } from '#test/build/records.ts';

type Answer = { status: number; body: object };
const namespace = 'com.amazonaws.dynamodb.v20120810';
const refusal = (code: string, more: object = {}): Answer => ({
  status: 400,
  body: { __type: `${namespace}#${code}`, message: code, ...more },
});

let server: Server | undefined;
afterEach(() => void server?.close());

/** A DynamoDB that answers what no DynamoDB Local can be brought to; it notes the operations that it was asked for. */
const storeAnsweredBy = (...answers: Answer[]) => storeAsking(() => answers.shift() ?? refusal('InternalServerError'));

async function storeAsking(answerTo: (operation: string) => Answer) {
  const asked: string[] = [];
  const listening = createServer((request, response) => {
    const operation = String(request.headers['x-amz-target']).replace(/^.*\./, '');
    asked.push(operation);
    const { status, body } = answerTo(operation);
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
    });
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const client = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
  return { store: createDynamoStore({ client, tableName: 'main', timing: defaultTiming }), asked };
}

const two: RecordChange[] = [
  { kind: 'server', before: undefined, after: serverNamed('srv_1') },
  { kind: 'instance', before: undefined, after: instanceNamed('i-1') },
];
const cancelled = (...codes: string[]) =>
  refusal('TransactionCanceledException', { CancellationReasons: codes.map((Code) => ({ Code })) });

describe('what DynamoDB refuses', () => {
  test('a write that meets a transaction counts as refused, and what stands there is read', async () => {
    const standing = instanceNamed('i-1', { version: 4 });
    const { store, asked } = await storeAnsweredBy(refusal('TransactionConflictException'), {
      status: 200,
      body: { Item: toInstanceItem(standing, defaultTiming) },
    });
    expect(await store.saveInstance(undefined, instanceNamed('i-1'))).toEqual({ saved: false, current: standing });
    expect(asked).toEqual(['PutItem', 'GetItem']);
  });

  test('a refused write brings the standing item along, so nothing is read', async () => {
    const standing = instanceNamed('i-1', { version: 4 });
    const item = toInstanceItem(standing, defaultTiming);
    const { store, asked } = await storeAnsweredBy(refusal('ConditionalCheckFailedException', { Item: item }));
    expect(await store.saveInstance(undefined, instanceNamed('i-1'))).toEqual({ saved: false, current: standing });
    expect(asked).toEqual(['PutItem']);
  });

  test.each([
    ['a condition', 'ConditionalCheckFailed'],
    ['another transaction', 'TransactionConflict'],
  ])('a transaction that loses to %s is no error', async (_, code) => {
    const { store } = await storeAnsweredBy(cancelled('None', code));
    expect(await store.commit(two)).toBe(false);
  });

  test.each(['ThrottlingError', 'ProvisionedThroughputExceeded', 'ItemCollectionSizeLimitExceeded', 'ValidationError'])(
    'a transaction that was cancelled by %s throws',
    async (code) => {
      const { store } = await storeAnsweredBy(cancelled('ConditionalCheckFailed', code));
      await expect(store.commit(two)).rejects.toThrow('TransactionCanceledException');
    },
  );

  test.each(['ThrottlingException', 'ProvisionedThroughputExceededException', 'ResourceNotFoundException'])(
    '%s throws, whatever was asked',
    async (code) => {
      const { store } = await storeAnsweredBy(...Array.from({ length: 3 }, () => refusal(code)));
      await expect(store.saveInstance(undefined, instanceNamed('i-1'))).rejects.toMatchObject({ name: code });
      await expect(store.getInstance(keyNamed('i-1'))).rejects.toMatchObject({ name: code });
      await expect(store.commit(two)).rejects.toMatchObject({ name: code });
    },
  );

  const ok = { status: 200, body: {} };
  const byKey = { keyId: 'key_1', agentId: 'agent-1' };

  test('a commit that uses a key is a transaction, though it changes one record', async () => {
    const { store, asked } = await storeAnsweredBy(ok, cancelled('None', 'ConditionalCheckFailed'));
    expect(await store.commit(two.slice(0, 1), byKey)).toBe(true);
    expect(await store.commit(two.slice(0, 1), byKey)).toBe(false);
    expect(asked).toEqual(['TransactWriteItems', 'TransactWriteItems']);
  });

  test('a revocation waits for the transactions that check its marks, and leaves all of them', async () => {
    const marks = 16;
    let underWay = marks;
    const answerTo = (operation: string) =>
      operation === 'PutItem' && underWay-- > 0 ? refusal('TransactionConflictException') : ok;
    const { store, asked } = await storeAsking(answerTo);
    await store.markRevoked('key_1');
    const count = (operation: string) => asked.filter((one) => one === operation).length;
    expect([count('PutItem'), count('GetItem'), asked.length]).toEqual([2 * marks, marks, 3 * marks]);
  });

  test('a mark that is there already needs no other', async () => {
    const standing = refusal('ConditionalCheckFailedException', { Item: { pk: { S: 'REVOKED' } } });
    const { store, asked } = await storeAnsweredBy(...Array.from({ length: 16 }, () => standing));
    await store.markRevoked('key_1');
    expect(asked).toEqual(Array(16).fill('PutItem'));
  });

  test('a revocation that cannot leave its marks is no revocation', async () => {
    const { store } = await storeAnsweredBy(refusal('ThrottlingException'));
    await expect(store.markRevoked('key_1')).rejects.toThrow();
  });

  test('a last use that was noted a moment ago is no error', async () => {
    const { store, asked } = await storeAnsweredBy(refusal('ConditionalCheckFailedException'));
    await store.noteKeyUse('key_1', { at: 0, by: 'i-1' });
    expect(asked).toEqual(['UpdateItem']);
  });

  test('a pair counts as made only once DynamoDB has said so', async () => {
    const { store, asked } = await storeAnsweredBy(refusal('ThrottlingException'), { status: 200, body: {} });
    await expect(store.ensurePair('111122223333', 'us-east-1')).rejects.toMatchObject({ name: 'ThrottlingException' });
    await store.ensurePair('111122223333', 'us-east-1');
    await store.ensurePair('111122223333', 'us-east-1');
    expect(asked).toEqual(['PutItem', 'PutItem']);
  });
});
