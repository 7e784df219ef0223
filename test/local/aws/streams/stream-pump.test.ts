import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { DynamoDBBatchResponse, DynamoDBRecord } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type DynamoDbLocal, startDynamoDbLocal } from '#local/aws/dynamodb/dynamodb-local.ts';
import { StreamPump, type StreamPumpOptions } from '#local/aws/streams/stream-pump.ts';
import { VirtualClock } from '#test/fakes/virtual-clock.ts';

const root = mkdtempSync(join(tmpdir(), 'stream-'));
const start = new Date('2026-11-02T10:00:00Z');

let database: DynamoDbLocal;
let client: DynamoDBClient;
let streams: DynamoDBStreamsClient;
let TableName: string;
let streamArn: string;
let folder: string;
let pumps: StreamPump[];

function connect(to: DynamoDbLocal) {
  database = to;
  const credentials = { accessKeyId: '111122223333', secretAccessKey: 'local' };
  const config = { endpoint: database.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 };
  client = new DynamoDBClient(config);
  streams = new DynamoDBStreamsClient(config);
}

beforeAll(async () => connect(await startDynamoDbLocal({ folder: join(root, 'tables') })));
afterAll(async () => {
  await database.stop();
  rmSync(root, { recursive: true });
});
beforeEach(async () => {
  pumps = [];
  folder = mkdtempSync(join(root, 'pump-'));
  TableName = `table-${folder.slice(-6)}`;
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    }),
  );
  const { Table } = await client.send(new DescribeTableCommand({ TableName }));
  streamArn = Table?.LatestStreamArn ?? '';
});
afterEach(() => Promise.all(pumps.map((pump) => pump.stop())));

const put = async (...keys: string[]) => {
  for (const key of keys) await client.send(new PutItemCommand({ TableName, Item: { pk: { S: key } } }));
};
const keyOf = (record: DynamoDBRecord) => record.dynamodb?.Keys?.pk?.S ?? '';

/** A running pump that notes the keys of each batch; `outcome` may throw or answer. */
function pump(
  outcome: (records: DynamoDBRecord[]) => DynamoDBBatchResponse | undefined = () => undefined,
  options: Partial<StreamPumpOptions> = {},
) {
  const clock = new VirtualClock(start);
  const batches: string[][] = [];
  const records: DynamoDBRecord[] = [];
  const errors: unknown[] = [];
  const running = new StreamPump({
    client: streams,
    streamArn,
    clock,
    folder,
    batchSize: 100,
    maximumRetryAttempts: 3,
    wants: () => true,
    handler: async ({ Records }) => {
      batches.push(Records.map(keyOf));
      const answer = outcome(Records);
      records.push(...Records);
      return answer;
    },
    onError: (error) => void errors.push(error),
    ...options,
  });
  running.start();
  pumps.push(running);
  return { clock, batches, records, errors, pump: running };
}

const setAside = () => readdirSync(join(folder, 'set-aside')).map((name) => join(folder, 'set-aside', name));

describe('the stream pump on DynamoDB Local', () => {
  it('hands changes over as Lambda does', async () => {
    await client.send(
      new PutItemCommand({ TableName, Item: { pk: { S: 'a' }, bytes: { B: Buffer.from('hi') }, n: { N: '1' } } }),
    );
    await client.send(new PutItemCommand({ TableName, Item: { pk: { S: 'a' }, n: { N: '2' } } }));
    await client.send(new DeleteItemCommand({ TableName, Key: { pk: { S: 'a' } } }));
    const { clock, records } = pump();
    await clock.advanceBy(200);
    const first = { pk: { S: 'a' }, bytes: { B: 'aGk=' }, n: { N: '1' } };
    const second = { pk: { S: 'a' }, n: { N: '2' } };
    const common = {
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      eventSourceARN: streamArn,
      eventID: expect.any(String),
    };
    const change = {
      Keys: { pk: { S: 'a' } },
      SequenceNumber: expect.stringMatching(/^\d+$/),
      StreamViewType: 'NEW_AND_OLD_IMAGES',
      ApproximateCreationDateTime: expect.any(Number),
    };
    expect(records).toMatchObject([
      { ...common, eventName: 'INSERT', dynamodb: { ...change, NewImage: first } },
      { ...common, eventName: 'MODIFY', dynamodb: { ...change, NewImage: second, OldImage: first } },
      { ...common, eventName: 'REMOVE', dynamodb: { ...change, OldImage: second } },
    ]);
    expect(records[0]?.dynamodb).not.toHaveProperty('OldImage');
    expect(records[2]?.dynamodb).not.toHaveProperty('NewImage');
    expect(records[0]?.dynamodb?.ApproximateCreationDateTime).toBeGreaterThan(Date.now() / 1000 - 120);
  });

  it('gives empty maps their type, as AWS does', async () => {
    const maps = {
      empty: { M: {} },
      deep: { M: { inner: { M: {} }, list: { L: [{ M: {} }] } } },
      none: { L: [] },
      past: { M: { list: { L: [] } } },
    };
    await client.send(new PutItemCommand({ TableName, Item: { pk: { S: 'a' }, ...maps } }));
    const { clock, records } = pump();
    await clock.advanceBy(200);
    expect(records[0]?.dynamodb?.NewImage).toEqual({ pk: { S: 'a' }, ...maps });
  });

  it('keeps the order, in batches no larger than told, without what is not wanted', async () => {
    await put('a', 'b', 'unwanted', 'c', 'd', 'e');
    const { clock, batches } = pump(undefined, { batchSize: 2, wants: (record) => keyOf(record) !== 'unwanted' });
    await clock.advanceBy(200);
    expect(batches).toEqual([['a', 'b'], ['c'], ['d', 'e']]);
    await put('f');
    await clock.advanceBy(200);
    expect(batches.at(-1)).toEqual(['f']);
  });

  it('goes on where the one before it had got to', async () => {
    await put('a', 'b');
    const before = pump();
    await before.clock.advanceBy(200);
    await before.pump.stop();
    await put('c');
    await before.clock.advanceBy(1000);
    const { clock, batches } = pump();
    await clock.advanceBy(200);
    expect(before.batches).toEqual([['a', 'b']]);
    expect(batches).toEqual([['c']]);
  });

  it('repeats rather than loses what a killed one had not finished', async () => {
    await put('a');
    const begun = Promise.withResolvers<void>();
    const hanging = pump(undefined, {
      handler: () => {
        begun.resolve();
        return new Promise(() => {});
      },
    });
    pumps = [];
    void hanging.clock.advanceBy(200);
    await begun.promise;
    const { clock, batches } = pump();
    await clock.advanceBy(200);
    expect(batches).toEqual([['a']]);
  });

  it.each([
    ['torn', '{"streamArn":'],
    ['of another stream', '{"streamArn":"arn:other","shards":{"s":{"after":"9","finished":true}}}'],
  ])('starts from the oldest record if its checkpoint is %s', async (_case, text) => {
    await put('a');
    writeFileSync(join(folder, 'stream-checkpoint.json'), text);
    const { clock, batches } = pump();
    await clock.advanceBy(200);
    expect(batches).toEqual([['a']]);
  });

  it('loses and repeats nothing when the database is killed and started again', async () => {
    await put('a', 'b');
    const { clock, batches, errors, pump: before } = pump();
    await clock.advanceBy(200);
    await put('c');
    process.kill(database.pid, 'SIGKILL');
    await database.exited;
    await clock.advanceBy(200);
    expect(errors.length).toBeGreaterThan(0);
    await before.stop();
    connect(await startDynamoDbLocal({ folder: join(root, 'tables') }));
    await put('d');
    const after = pump();
    await after.clock.advanceBy(200);
    expect([...batches, ...after.batches]).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });
});

describe('a handler that fails', () => {
  it('is called again after a pause, and nothing overtakes', async () => {
    let failures = 2;
    await put('a');
    const { clock, batches, errors } = pump(() => {
      if (failures-- > 0) throw new Error('down');
      return undefined;
    });
    await clock.advanceBy(160);
    await put('b');
    await clock.advanceBy(10_000);
    expect(batches).toEqual([['a'], ['a'], ['a'], ['b']]);
    expect(errors).toEqual([new Error('down'), new Error('down')]);
  });

  it('gets its batch in halves until the bad record is alone; that one is set aside, whole', async () => {
    await put('a', 'b', 'bad', 'c');
    const { clock, batches } = pump((records) => {
      if (records.some((record) => keyOf(record) === 'bad')) throw new Error('poison');
      return undefined;
    });
    await clock.advanceBy(10_000);
    expect(batches).toEqual([['a', 'b', 'bad', 'c'], ['a', 'b'], ['bad', 'c'], ...Array(4).fill(['bad']), ['c']]);
    const [file = '', ...more] = setAside();
    expect(more).toEqual([]);
    const failure = JSON.parse(readFileSync(file, 'utf8'));
    expect(failure).toMatchObject({
      requestContext: { condition: 'RetryAttemptsExhausted', approximateInvokeCount: 4 },
      DDBStreamBatchInfo: { batchSize: 1, streamArn },
    });
    expect(JSON.parse(failure.payload).Records.map(keyOf)).toEqual(['bad']);
  });

  it('goes on from the first record that it names', async () => {
    await put('a', 'b', 'c', 'd');
    let named = false;
    const { clock, batches } = pump((records) => {
      const third = records.find((record) => keyOf(record) === 'c');
      if (named || !third) return undefined;
      named = true;
      return { batchItemFailures: [{ itemIdentifier: third.dynamodb?.SequenceNumber ?? '' }] };
    });
    await clock.advanceBy(10_000);
    expect(batches).toEqual([['a', 'b', 'c', 'd'], ['c'], ['d']]);
  });

  it('starts over if it names a record that is not in the batch', async () => {
    await put('a', 'b');
    let named = false;
    const { clock, batches } = pump(() => {
      if (named) return undefined;
      named = true;
      return { batchItemFailures: [{ itemIdentifier: 'nonsense' }] };
    });
    await clock.advanceBy(10_000);
    expect(batches).toEqual([['a', 'b'], ['a'], ['b']]);
  });

  it('keeps, through a restart, what came before its failure', async () => {
    await put('a', 'bad');
    const failing = (records: DynamoDBRecord[]) => {
      if (records.some((record) => keyOf(record) === 'bad')) throw new Error('poison');
      return undefined;
    };
    const before = pump(failing);
    await before.clock.advanceBy(200);
    await before.pump.stop();
    const { clock, batches } = pump(failing);
    await clock.advanceBy(10_000);
    expect(batches).toEqual(Array(4).fill(['bad']));
  });
});
