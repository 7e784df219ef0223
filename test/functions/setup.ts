import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { APIGatewayProxyEventV2, Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, vi } from 'vitest';
import { Ec2Region } from '#local/aws/ec2/region.ts';
import { startEc2Server } from '#local/aws/ec2/server.ts';
import { startAwsEndpoints } from '#local/aws/endpoints.ts';
import { Bus } from '#local/aws/events/bus.ts';
import type { Queue } from '#local/aws/sqs/queue.ts';
import { Queues } from '#local/aws/sqs/queues.ts';
import { RealClock } from '#local/clock.ts';
import { random } from '#local/random.ts';
import { createDynamoHistory } from '#shared/adapters/dynamo/history.ts';
import { createDynamoStore } from '#shared/adapters/dynamo/store.ts';
import { createDynamoUserData } from '#shared/adapters/dynamo/user-data.ts';
import type { HistoryStore, Store, UserDataStore } from '#shared/app/ports.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import type { InstanceParts } from '#test/build/an-instance.ts';
import { factsOf, instanceNamed } from '#test/build/records.ts';
import { type Dynamo, startDynamo } from '../contracts/dynamodb.ts';
import { audience, authority } from '../fakes/identity.ts';

export const place = { account: '111122223333', region: 'us-east-1' };
export const subnetId = 'subnet-0a1b2c3d4e5f60718';

/** What stands in AWS's place while one file of tests runs the handlers. */
export interface FunctionSetup {
  dynamo: Dynamo;
  tableName: string;
  store: Store;
  history: HistoryStore;
  userData: UserDataStore;
  ec2: Ec2Region;
  queue: (name: 'verify' | 'sweep' | 'launch' | 'consumer') => Queue;
  /** The log's lines since the test began. */
  lines: Record<string, unknown>[];
}

/** Starts it all before the file's tests: a handler reads its environment at its first invocation, and keeps it. */
export function functionSetup(): FunctionSetup {
  const setup = { lines: [] as Record<string, unknown>[] } as FunctionSetup;
  const undo: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    await assemble(setup, undo);
  });
  beforeEach(() => {
    setup.lines.length = 0;
    for (const name of queueNames)
      for (const { receipt } of setup.queue(name).receive(1000, 0)) setup.queue(name).delete(receipt);
  });
  afterAll(async () => {
    for (const step of undo.reverse()) await step();
  });
  return setup;
}

const queueNames = ['verify', 'sweep', 'launch', 'consumer'] as const;

async function assemble(setup: FunctionSetup, undo: (() => Promise<unknown>)[]): Promise<void> {
  setup.dynamo = await startDynamo();
  undo.push(() => setup.dynamo.stop());
  const [tableName, privateTableName] = [await setup.dynamo.makeTable('main'), await setup.dynamo.makeTable('private')];
  const { client } = setup.dynamo;
  setup.tableName = tableName;
  setup.store = createDynamoStore({ client, tableName, timing: defaultTiming });
  setup.history = createDynamoHistory({ client, tableName: privateTableName }, pause);
  setup.userData = createDynamoUserData({ client, tableName: privateTableName }, Date.now);
  const onError = (error: unknown) => {
    throw error;
  };
  const clock = new RealClock(onError);
  const common = { clock, random: random(1), ...place, onError };
  const queues = new Queues(common);
  for (const name of queueNames) queues.create(name);
  setup.queue = (name) => queues.queue(name);
  const bus = new Bus({ ...common, name: 'muster' });
  bus.rule('all', { source: ['muster'] }, { queue: queues.queue('consumer') });
  const endpoints = await startAwsEndpoints({
    queues,
    buses: [bus],
    account: place.account,
    port: 0,
    onError,
  });
  setup.ec2 = new Ec2Region({
    clock: { now: () => new Date(), after: () => {} },
    random: random(2),
    onStateChange: () => {},
  });
  const ec2 = await startEc2Server({ region: setup.ec2, defaultAccount: place.account, newRequestId: randomUUID });
  undo.push(endpoints.close, ec2.close, async () => clock.stop());
  setEnvironment({
    AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${(await client.config.endpoint?.())?.port}`,
    ...{
      AWS_ENDPOINT_URL_SQS: endpoints.url,
      AWS_ENDPOINT_URL_EVENTBRIDGE: endpoints.url,
      AWS_ENDPOINT_URL_EC2: ec2.url,
    },
    ...{
      HOME_ACCOUNT: '111122223333',
      TABLE_NAME: tableName,
      PRIVATE_TABLE_NAME: privateTableName,
      BUS_NAME: 'muster',
    },
    ...{ VERIFY_QUEUE_URL: endpoints.queueUrl('verify'), SWEEP_QUEUE_URL: endpoints.queueUrl('sweep') },
    LAUNCH_QUEUE_URL: endpoints.queueUrl('launch'),
  });
  listen(setup.lines);
}

/** DynamoDB Local keeps tables by access key: the one of test/contracts/dynamodb.ts. */
function setEnvironment(env: Record<string, string>): void {
  const launch = { subnetIds: [subnetId] };
  const fixed = {
    ...{
      AWS_REGION: place.region,
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_MAX_ATTEMPTS: '1',
    },
    ...{
      STAGE: 'test',
      EVENT_SOURCE: 'aws.ec2',
      AUDIENCES: `${audience}, https://second.example`,
      SWEEP_PERIOD_SECONDS: '300',
    },
    ACCOUNTS: JSON.stringify({ [place.account]: { regions: [place.region], launch } }),
    POLICY: '{"proofKinds":["iid-rsa2048"]}',
    TEST_ANCHORS: JSON.stringify(authority.anchors),
    // Through the console, where a test can read it.
    POWERTOOLS_DEV: 'true',
  };
  Object.assign(process.env, fixed, env);
}

/** The log, line by line; metrics are lines too. */
function listen(lines: Record<string, unknown>[]): void {
  const keep = (line: unknown) => void lines.push(JSON.parse(String(line)));
  for (const level of ['debug', 'info', 'warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(keep);
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => {
    keep(line);
    return true;
  });
}

const context = { functionName: 'test', awsRequestId: 'request', getRemainingTimeInMillis: () => 30_000 } as Context;

/** A handler as Lambda calls it. */
export type Handler = (event: unknown, context: Context) => Promise<unknown>;

export interface Answer {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
}

/** Calls a handler of the HTTP API, and reads its JSON. */
export async function call(handler: unknown, event: object): Promise<Answer & { json: Record<string, unknown> }> {
  const answer = (await (handler as Handler)(event, context)) as Answer;
  return { ...answer, json: JSON.parse(answer.body) };
}

/** A request as API Gateway hands it over in payload format 2.0. */
export function apiEvent(
  method: string,
  url: string,
  fields: Partial<APIGatewayProxyEventV2> = {},
): APIGatewayProxyEventV2 {
  const { pathname, searchParams } = new URL(url, 'http://api');
  const query = Object.fromEntries(searchParams);
  const http = { method, path: pathname, protocol: 'HTTP/1.1', sourceIp: '198.51.100.7', userAgent: 'test' };
  return {
    ...{
      version: '2.0',
      routeKey: `${method} /v1/{proxy+}`,
      rawPath: pathname,
      rawQueryString: searchParams.toString(),
    },
    headers: { 'content-type': 'application/json' },
    ...(searchParams.size > 0 && { queryStringParameters: query }),
    requestContext: { http, requestId: 'request-1' } as APIGatewayProxyEventV2['requestContext'],
    isBase64Encoded: false,
    ...fields,
  };
}

/** A batch as SQS's event source mapping hands it over; the nth body is message `m<n>`. */
export const sqsBatch = (bodies: readonly unknown[]): SQSEvent => ({
  Records: bodies.map((body, nth) => ({
    ...{ messageId: `m${nth}`, receiptHandle: `r${nth}`, body: typeof body === 'string' ? body : JSON.stringify(body) },
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '0',
      SenderId: 'x',
      ApproximateFirstReceiveTimestamp: '0',
    },
    ...{ messageAttributes: {}, md5OfBody: '', eventSource: 'aws:sqs', eventSourceARN: 'arn', awsRegion: place.region },
  })),
});

/** Which messages of a batch are given again. */
export async function failuresOf(handler: unknown, event: object): Promise<string[]> {
  const { batchItemFailures } = (await (handler as Handler)(event, context)) as SQSBatchResponse;
  return batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
}

export const invoke = (handler: unknown, event: object): Promise<unknown> => (handler as Handler)(event, context);

export const instanceId = (nth: number): string => `i-${nth.toString(16).padStart(17, '0')}`;

/** A running instance on record that started `agoMs` ago. */
export async function runningInstance(setup: FunctionSetup, nth: number, fields: InstanceParts = {}, agoMs = 20_000) {
  const startedAt = Math.floor((Date.now() - agoMs) / 1000) * 1000;
  const started: InstanceParts = {
    cloud: { state: 'running', at: startedAt, runningAt: startedAt, epoch: startedAt, epochNamed: true },
    management: { since: startedAt, notBefore: startedAt },
  };
  const instance = instanceNamed(instanceId(nth), started, fields);
  await setup.store.ensurePair(place.account, place.region);
  await setup.store.saveInstance(undefined, instance);
  const attached = { rootAttachedAt: startedAt + 1000, interfaceAttachedAt: startedAt };
  await setup.store.putFacts(factsOf(instanceId(nth), { launchTime: startedAt, ...attached }));
  return { instance, startedAt };
}
