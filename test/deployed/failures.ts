import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateFunctionConfigurationCommand,
  type UpdateFunctionConfigurationCommandInput,
} from '@aws-sdk/client-lambda';
import {
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { marshall } from '@aws-sdk/util-dynamodb';
import { expect, it } from 'vitest';
import { account, plainImage, homeRegion as region, subnetId } from '#local/region/settings.ts';
import { eventSource, stackName } from '#local/stack/settings.ts';
import { instanceItemKey } from '#shared/adapters/dynamo/keys.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { type DeployedStack, eventually } from './deployed-stack.ts';
import { deployedName, type FunctionName } from './function-roles.ts';

/**
 * What only a deployment shows. Waiting times of queues and functions are cut short for it; how often a message is received, what
 * happens then and where it goes is as deployed.
 */
export function failures(stack: () => DeployedStack): void {
  it('a message that can never be handled ends in the dead letters and holds up no other', async () => {
    const [poison, ...healthy] = ids(5).map((instanceId) => ({ account, region, instanceId }));
    await corrupt(stack(), poison!);
    await impatient(stack(), 'instance-events', 1);
    await putEvents(
      stack(),
      [poison!, ...healthy].map((key) => ({ key, state: 'pending' })),
    );

    for (const key of healthy) await eventually(`${key.instanceId} is on record`, () => shown(stack(), key));
    const body = await eventually(
      'the message is given up',
      () => received(stack(), 'instance-events-dead-letters'),
      60,
    );
    expect(JSON.parse(body)).toMatchObject({ detail: { 'instance-id': poison!.instanceId } });
    expect(await waiting(stack(), 'instance-events')).toBe(0);
  });

  it('a function that is timed out in the middle of a batch leaves nothing undone', async () => {
    const ec2 = await ec2ThatHangs(stack(), 1);
    await impatient(stack(), 'verify', 4);
    const change = { Timeout: 3, Environment: { Variables: { AWS_ENDPOINT_URL_EC2: ec2.url } } };
    await withFunction(stack(), 'verify', change, async () => {
      const started = await run(stack(), 3);
      for (const key of started) {
        await eventually(`${key.instanceId} is described`, async () => (await shown(stack(), key))?.facts ?? undefined);
      }
    });
    ec2.close();
    expect(ec2.hung()).toBe(1);
    expect(await waiting(stack(), 'verify-dead-letters')).toBe(0);
  });

  it('a stream function that cannot run loses nothing: what waited is told in order once it can', async () => {
    const key = { account, region, instanceId: ids(1)[0]! };
    const states = ['pending', 'running', 'stopping', 'stopped'];
    await withFunction(stack(), 'onRecordChanged', { Handler: 'functions/no-such-file.handler' }, async () => {
      for (const [index, state] of states.entries()) {
        await putEvents(stack(), [{ key, state, later: index }]);
        await eventually(`it is ${state}`, async () =>
          (await shown(stack(), key))?.state === state ? true : undefined,
        );
      }
      await eventually('the stream is held up', () => streamFailed(stack()));
      expect(await told(stack(), key)).toEqual([]);
    });
    const all = await eventually('all of it is told', async () => {
      const heard = await told(stack(), key);
      return heard.length === states.length ? heard : undefined;
    });
    expect(all).toEqual(states);
  });
}

/** Instance ids that no other test has. */
const ids = (count: number): string[] =>
  Array.from({ length: count }, () => `i-0f${(made++).toString().padStart(15, '0')}`);
let made = 0;

/** A record that nothing can read: its ledger is no list. */
async function corrupt({ root, outputs }: DeployedStack, key: InstanceKey): Promise<void> {
  const dynamo = new DynamoDBClient(root);
  const Item = { ...instanceItemKey(key), kind: 'instance', ledger: 'torn', version: 1 };
  await dynamo.send(new PutItemCommand({ TableName: String(outputs.MainTableName), Item: marshall(Item) }));
  dynamo.destroy();
}

const urlOf = ({ endpoint }: DeployedStack, name: string): string => `${endpoint}/${account}/${stackName}-${name}`;

/** A message that was not handled comes back after this time instead of after six timeouts of its function. */
async function impatient(stack: DeployedStack, queue: string, seconds: number): Promise<void> {
  const sqs = new SQSClient(stack.root);
  const Attributes = { VisibilityTimeout: String(seconds) };
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: urlOf(stack, queue), Attributes }));
  sqs.destroy();
}

async function received(stack: DeployedStack, queue: string): Promise<string | undefined> {
  const sqs = new SQSClient(stack.root);
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: urlOf(stack, queue) }));
  sqs.destroy();
  return Messages[0]?.Body;
}

/** Messages in a queue, those included that somebody has received and not deleted. */
async function waiting(stack: DeployedStack, queue: string): Promise<number> {
  const sqs = new SQSClient(stack.root);
  const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: urlOf(stack, queue), AttributeNames: [...AttributeNames] }),
  );
  sqs.destroy();
  return AttributeNames.reduce((sum, name) => sum + Number(Attributes[name]), 0);
}

interface Change {
  key: InstanceKey;
  state: string;
  /** Seconds after the first. */
  later?: number;
}

/** EC2's events, as the simulated EC2 puts them. */
async function putEvents({ root }: DeployedStack, changes: readonly Change[]): Promise<void> {
  const events = new EventBridgeClient(root);
  const Entries = changes.map(({ key, state, later = 0 }) => ({
    Source: eventSource,
    DetailType: 'EC2 Instance State-change Notification',
    Detail: JSON.stringify({ 'instance-id': key.instanceId, state }),
    Resources: [`arn:aws:ec2:${region}:${account}:instance/${key.instanceId}`],
    Time: new Date(Date.now() + later * 1000),
  }));
  const { FailedEntryCount } = await events.send(new PutEventsCommand({ Entries }));
  events.destroy();
  expect(FailedEntryCount).toBe(0);
}

type Shown = { state: string; facts: object | null };

async function shown(stack: DeployedStack, key: InstanceKey): Promise<Shown | undefined> {
  const path = `/v1/instances/${key.account}/${key.region}/${key.instanceId}`;
  const answer = await stack.request(stack.url + path, { method: 'GET' });
  return answer.ok ? ((await answer.json()) as Shown) : undefined;
}

/** Runs something with a function configured otherwise, and puts it back. Variables are added to its own. */
async function withFunction(
  { root }: DeployedStack,
  name: FunctionName,
  change: Pick<UpdateFunctionConfigurationCommandInput, 'Timeout' | 'Handler' | 'Environment'>,
  run: () => Promise<void>,
): Promise<void> {
  const lambda = new LambdaClient(root);
  const FunctionName = deployedName(name);
  const { Timeout, Handler, Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const Variables = { ...Environment?.Variables, ...change.Environment?.Variables };
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, ...change, Environment: { Variables } }));
  try {
    await run();
  } finally {
    const before = { Timeout, Handler, Environment: { Variables: Environment?.Variables } };
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, ...before }));
    lambda.destroy();
  }
}

/** The simulated EC2 behind a door that takes the first requests and never answers them. */
async function ec2ThatHangs({ cloud }: DeployedStack, times: number) {
  let hung = 0;
  const server = createServer(async (request, response) => {
    if (hung < times) {
      hung += 1;
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { authorization = '', 'content-type': contentType = '' } = request.headers;
    const headers = { authorization, 'content-type': contentType };
    const answer = await fetch(cloud.ec2Url, { method: 'POST', headers, body: Buffer.concat(chunks) });
    response.writeHead(answer.status, { 'content-type': 'text/xml' }).end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, hung: () => hung, close };
}

async function run({ root, cloud }: DeployedStack, count: number): Promise<InstanceKey[]> {
  const ec2 = new EC2Client({ ...root, endpoint: cloud.ec2Url });
  const request = { ImageId: plainImage, InstanceType: 't4g.small' as const, SubnetId: subnetId };
  const { Instances = [] } = await ec2.send(new RunInstancesCommand({ ...request, MinCount: count, MaxCount: count }));
  ec2.destroy();
  return Instances.map(({ InstanceId = '' }) => ({ account, region, instanceId: InstanceId }));
}

async function streamFailed({ root }: DeployedStack): Promise<true | undefined> {
  const lambda = new LambdaClient(root);
  const { EventSourceMappings = [] } = await lambda.send(
    new ListEventSourceMappingsCommand({ FunctionName: deployedName('onRecordChanged') }),
  );
  lambda.destroy();
  return EventSourceMappings[0]?.LastProcessingResult?.includes('FAILED') || undefined;
}

/** The states of an instance that whoever listens on the bus was told of, in the order in which they were told. */
async function told({ folder }: DeployedStack, { instanceId }: InstanceKey): Promise<string[]> {
  const lines = (await readFile(join(folder, 'consumed.jsonl'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const events = lines.map(
    (line) => JSON.parse(line) as { 'detail-type': string; detail: { instanceId?: string; data: { state: string } } },
  );
  return events
    .filter((event) => event['detail-type'] === 'Instance State Changed' && JSON.stringify(event).includes(instanceId))
    .map(({ detail }) => detail.data.state);
}
