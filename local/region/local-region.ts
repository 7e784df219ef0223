import { randomBytes, randomUUID } from 'node:crypto';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { SQSBatchResponse } from 'aws-lambda';
import { mainTable, privateTable } from '#shared/adapters/dynamo/tables.ts';
import { isTold } from '#shared/app/records/registry.ts';
import { startDynamoDbLocal } from '../aws/dynamodb/dynamodb-local.ts';
import { type AwsEndpoints, startAwsEndpoints } from '../aws/endpoints.ts';
import { Bus, type BusEvent, type Delivery } from '../aws/events/bus.ts';
import { startGateway } from '../aws/http-api/gateway.ts';
import { FunctionHost } from '../aws/lambda/function-host.ts';
import { Queues } from '../aws/sqs/queues.ts';
import type { StoredMessage } from '../aws/sqs/sqs-message.ts';
import { StreamPump } from '../aws/streams/stream-pump.ts';
import { RealClock } from '../clock.ts';
import { type Fault, Faults } from '../faults.ts';
import { random } from '../random.ts';
import { Listener } from '../scenario/listener.ts';
import type { Engine } from '../scenario/simulated-stage.ts';
import { queueFunctions, streamSettings } from '../topology.ts';
import { assembled, type Undo } from './assemble.ts';
import { JournaledMap } from './journal.ts';
import * as settings from './settings.ts';
import { startSimulatedCloud } from './simulated-cloud.ts';

export interface LocalRegionOptions {
  port: number;
  /** Where everything is kept; what it holds is taken up again. */
  folder: string;
  /** Keep the tables in memory: quicker, and gone with the process. */
  inMemory: boolean;
  /** What goes wrong from the start. */
  faults: readonly Fault[];
  page: () => string;
}

/** A running local region: everything between EC2 and the console, on this machine. */
export interface LocalRegion extends Engine {
  /** The environment of the functions, which `serverless invoke local` takes over. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export const startLocalRegion = (options: LocalRegionOptions): Promise<LocalRegion> =>
  assembled((undo) => assemble(options, undo));

async function assemble(options: LocalRegionOptions, undo: Undo): Promise<Omit<LocalRegion, 'close'>> {
  const { folder } = options;
  mkdirSync(folder, { recursive: true });
  const report = (error: unknown, where = '') => {
    appendFileSync(join(folder, 'local-region.log'), `${new Date().toISOString()} ${where} ${String(error)}\n`);
  };
  const clock = new RealClock(report);
  const seeded = random(randomBytes(4).readUInt32LE());
  const faults = new Faults({ random: seeded, now: () => clock.now().getTime() });
  faults.add(...options.faults);
  const common = { clock, random: seeded, faults, account: settings.account, region: settings.homeRegion };

  const dynamo = await startDynamoDbLocal({ folder: options.inMemory ? null : join(folder, 'dynamodb') });
  undo.push(dynamo.stop);
  const streamArn = await createTables(dynamo.endpoint);

  const queues = new Queues({
    ...common,
    store: JournaledMap.open<StoredMessage>(join(folder, 'queues.jsonl')),
    onError: report,
  });
  const deliveries = JournaledMap.open<Delivery>(join(folder, 'bus.jsonl'));
  const [defaultBus, musterBus] = ['default', settings.busName].map(
    (name) => new Bus({ ...common, name, store: deliveries, onError: report }),
  ) as [Bus, Bus];
  createQueues(queues);
  const endpoints = await startAwsEndpoints({
    queues,
    buses: [defaultBus, musterBus],
    account: settings.account,
    port: 0,
    onError: report,
  });
  undo.push(endpoints.close);

  const cloud = await startSimulatedCloud({
    folder,
    clock,
    random: seeded,
    faults,
    emit: (event) => defaultBus.emitFromAws(event as unknown as BusEvent),
  });
  undo.push(cloud.close);
  const env = environment(options.port, { dynamoUrl: dynamo.endpoint, endpoints, ...cloud });
  const logFile = join(folder, 'functions.log');
  const functions = new FunctionHost({ env, logFile, faults, newId: randomUUID });
  const gateway = await startGateway({
    port: options.port,
    functions,
    newId: randomUUID,
    now: () => clock.now(),
    page: options.page,
  });
  undo.push(() => functions.close(), gateway.close);

  wireBus(defaultBus, musterBus, queues);
  const listener = new Listener(join(folder, 'consumed.jsonl'));
  consumeQueues(queues, functions, listener);
  clock.every(settings.tickPeriodMs, () => functions.invoke('tick', scheduled(clock.now())));
  clock.every(settings.sweepPeriodMs, () => functions.invoke('sweep', scheduled(clock.now())));
  const pump = new StreamPump({
    client: new DynamoDBStreamsClient({ endpoint: dynamo.endpoint, region: settings.homeRegion, credentials }),
    ...streamSettings,
    ...{ streamArn, clock, folder: join(folder, 'stream'), onError: report },
    handler: (event) => functions.invoke<SQSBatchResponse>('onRecordChanged', event),
    wants: (record) => isTold(record.dynamodb?.NewImage?.kind?.S),
  });
  pump.start();
  undo.push(
    () => clock.stop(),
    () => cloud.machines.close(),
  );
  await cloud.machines.follow();
  return { url: gateway.url, cloud, listener, request, env };
}

/** Nobody signs here: the gateway answers this machine alone. */
const request: Engine['request'] = (url, init) =>
  fetch(url, { ...init, headers: { 'content-type': 'application/json' } });

const credentials = { accessKeyId: settings.account, secretAccessKey: 'local' };

async function createTables(endpoint: string): Promise<string> {
  const client = new DynamoDBClient({ endpoint, region: settings.homeRegion, credentials });
  for (const table of [mainTable(settings.tableName), privateTable(settings.privateTableName)]) {
    await client.send(new CreateTableCommand(table)).catch((error: Error) => {
      if (error.name !== 'ResourceInUseException') throw error;
    });
  }
  const { Table } = await client.send(new DescribeTableCommand({ TableName: settings.tableName }));
  client.destroy();
  if (!Table?.LatestStreamArn) throw new Error('the main table has no stream');
  return Table.LatestStreamArn;
}

function environment(
  port: number,
  at: { dynamoUrl: string; ec2Url: string; endpoints: AwsEndpoints; anchors: object },
): Record<string, string> {
  const { queueNames } = settings;
  const launch = {
    instanceProfileArns: [],
    subnetIds: [settings.subnetId],
    securityGroupIds: [settings.securityGroupId],
  };
  return {
    PATH: process.env.PATH ?? '',
    STAGE: 'local',
    AWS_REGION: settings.homeRegion,
    AWS_ACCESS_KEY_ID: settings.account,
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ENDPOINT_URL_DYNAMODB: at.dynamoUrl,
    AWS_ENDPOINT_URL_EC2: at.ec2Url,
    AWS_ENDPOINT_URL_SQS: at.endpoints.url,
    AWS_ENDPOINT_URL_EVENTBRIDGE: at.endpoints.url,
    HOME_ACCOUNT: settings.account,
    TABLE_NAME: settings.tableName,
    PRIVATE_TABLE_NAME: settings.privateTableName,
    BUS_NAME: settings.busName,
    EVENT_SOURCE: 'aws.ec2',
    AUDIENCES: `http://127.0.0.1:${port},http://localhost:${port}`,
    ACCOUNTS: JSON.stringify({ [settings.account]: { regions: [settings.homeRegion, settings.secondRegion], launch } }),
    POLICY: JSON.stringify({ proofKinds: ['iid-rsa2048'] }),
    TEST_ANCHORS: JSON.stringify(at.anchors),
    VERIFY_QUEUE_URL: at.endpoints.queueUrl(queueNames.verify),
    SWEEP_QUEUE_URL: at.endpoints.queueUrl(queueNames.sweep),
    LAUNCH_QUEUE_URL: at.endpoints.queueUrl(queueNames.launch),
    SWEEP_PERIOD_SECONDS: String(settings.sweepPeriodMs / 1000),
    TIMING: JSON.stringify(settings.shortTiming),
  };
}

/**
 * Every queue with its dead letters: the names are those of the table of functions. A demonstration does not wait minutes for a
 * message that failed, and a message survives that its process is killed ten times.
 */
function createQueues(queues: Queues): void {
  for (const name of [...queueFunctions.map(({ queue }) => queue.name), settings.queueNames.consumer]) {
    const deadLetterQueue = queues.create(`${name}-dead`);
    queues.create(name, { visibilitySeconds: 3, redrive: { deadLetterQueue, maxReceiveCount: 10 } });
  }
}

function wireBus(defaultBus: Bus, musterBus: Bus, queues: Queues): void {
  const { events, consumer } = settings.queueNames;
  for (const [rule, pattern] of Object.entries(settings.instanceEventPatterns)) {
    defaultBus.rule(rule, pattern, { queue: queues.queue(events) });
  }
  musterBus.rule('everything', { source: ['muster'] }, { queue: queues.queue(consumer) });
}

function consumeQueues(queues: Queues, functions: FunctionHost, listener: Listener): void {
  const { consumer } = settings.queueNames;
  for (const { name, queue } of queueFunctions) {
    queues.consume(queue.name, {
      batchSize: queue.batch,
      windowSeconds: Math.min(queue.window ?? 0, 1),
      maxConcurrency: Math.min(queue.concurrency, mostAtOnce),
      invoke: (event) => functions.invoke<SQSBatchResponse>(name, event),
    });
  }
  queues.consume(consumer, {
    batchSize: 10,
    maxConcurrency: 1,
    invoke: async ({ Records }) => {
      for (const { body } of Records) listener.hear(body);
    },
  });
}

/** One process runs all functions here. */
const mostAtOnce = 5;

/** What EventBridge sends on a schedule. */
const scheduled = (now: Date) => ({
  version: '0',
  id: randomUUID(),
  'detail-type': 'Scheduled Event',
  source: 'aws.events',
  account: settings.account,
  time: `${now.toISOString().slice(0, 19)}Z`,
  region: settings.homeRegion,
  resources: [],
  detail: {},
});
