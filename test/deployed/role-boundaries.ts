import {
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { beforeAll, expect, it } from 'vitest';
import { stackName } from '#local/stack/settings.ts';
import { functionNames } from '../stack/packaged-stack.ts';
import type { DeployedStack } from './deployed-stack.ts';
import { deployedName, type FunctionName, type FunctionRole, functionRoles } from './function-roles.ts';

/** No condition of a write ever holds here: what is authorized fails by its condition and changes nothing. */
const neverHolds = { ConditionExpression: 'attribute_exists(pk) AND attribute_not_exists(pk)' };
const Key = { pk: { S: 'nobody' }, sk: { S: 'nobody' } };

type As = (role: FunctionRole) => {
  endpoint: string;
  region: string;
  credentials: FunctionRole['credentials'];
  maxAttempts: number;
};
interface Attempt {
  what: string;
  /** Which functions' roles may. */
  may: FunctionName[];
  run: (as: ReturnType<As>, stack: DeployedStack) => Promise<unknown>;
}

const onTable = (
  what: string,
  may: FunctionName[],
  command: (TableName: string) => object,
  table = 'MainTableName',
) => ({
  what,
  may,
  run: (as: ReturnType<As>, { outputs }: DeployedStack) =>
    // The SDK types each command by itself; here they only pass through
    new DynamoDBClient(as).send(command(String(outputs[table])) as GetItemCommand),
});
const onQueue = (queue: string, may: FunctionName[]): Attempt => ({
  what: `sends to ${queue}`,
  may,
  async run(as) {
    const QueueUrl = `${as.endpoint}/111122223333/${stackName}-${queue}`;
    return new SQSClient(as).send(new SendMessageCommand({ QueueUrl, MessageBody: '"harmless"' }));
  },
});

const writers: FunctionName[] = [
  ...(['onInstanceChanged', 'verify', 'tick', 'sweepRegion', 'enroll', 'checkin', 'launch', 'operatorChange'] as const),
];
const readers: FunctionName[] = [...writers, 'operatorApi', 'operatorEc2'];

const attempts: Attempt[] = [
  onTable('reads a record', readers, (TableName) => new GetItemCommand({ TableName, Key })),
  onTable('writes a record', writers, (TableName) => new PutItemCommand({ TableName, Item: Key, ...neverHolds })),
  onTable(
    'changes a record unread',
    ['onInstanceChanged', 'tick', 'enroll'],
    (TableName) => new UpdateItemCommand({ TableName, Key, ...neverHolds }),
  ),
  onTable(
    'lists records',
    ['sweep', 'sweepRegion', 'operatorApi'],
    (TableName) =>
      new QueryCommand({ TableName, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': Key.pk } }),
  ),
  onTable(
    'lists what is due',
    ['tick'],
    (TableName) =>
      new QueryCommand({
        ...{ TableName, IndexName: 'due', KeyConditionExpression: 'dueShard = :shard' },
        ExpressionAttributeValues: { ':shard': { S: 'DUE#0' } },
      }),
  ),
  onTable('scans all records', [], (TableName) => new ScanCommand({ TableName })),
  onTable('deletes a record', ['sweepRegion'], (TableName) => new DeleteItemCommand({ TableName, Key, ...neverHolds })),
  onTable(
    'reads user data',
    ['launch'],
    (TableName) => new GetItemCommand({ TableName, Key: { ...Key, pk: { S: 'USERDATA#0' } } }),
    'PrivateTableName',
  ),
  onTable(
    'deletes user data',
    ['launch'],
    (TableName) => new DeleteItemCommand({ TableName, Key: { ...Key, pk: { S: 'USERDATA#0' } }, ...neverHolds }),
    'PrivateTableName',
  ),
  onQueue('instance-events', []),
  onQueue('verify', ['onInstanceChanged', 'verify', 'sweepRegion', 'enroll', 'checkin']),
  onQueue('sweep', ['sweep']),
  onQueue('launch', ['tick', 'operatorChange']),
  {
    what: 'tells the bus',
    may: ['onRecordChanged'],
    run: (as, { outputs }) => {
      const entry = { Source: 'nobody', DetailType: 'nothing', Detail: '{}', EventBusName: String(outputs.BusName) };
      return new EventBridgeClient(as).send(new PutEventsCommand({ Entries: [entry] }));
    },
  },
  {
    what: 'invokes another function',
    may: [],
    run: (as) => new LambdaClient(as).send(new InvokeCommand({ FunctionName: deployedName('tick') })),
  },
  {
    what: 'looks into a queue of dead letters',
    may: [],
    run: (as) => {
      const QueueUrl = `${as.endpoint}/111122223333/${stackName}-launch-dead-letters`;
      return new SQSClient(as).send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
    },
  },
];

/** With the keys that each function runs with: what one may and the others may not, by real calls. */
export function roleBoundaries(stack: () => DeployedStack): void {
  let roles: FunctionRole[];
  beforeAll(async () => {
    roles = await functionRoles(stack());
    // A function's keys are known to the emulator once it has run
    const lambda = new LambdaClient(stack().root);
    const run = (FunctionName: string) => lambda.send(new InvokeCommand({ FunctionName, Payload: '{"Records":[]}' }));
    await Promise.all(functionNames.map((name) => run(deployedName(name))));
    lambda.destroy();
  });
  const as: As = ({ credentials }) => ({ ...stack().root, credentials, maxAttempts: 1 });

  it.each(attempts)('$what: $may and nobody else', async ({ may, run }) => {
    const outcomes = await Promise.all(
      roles.map(async (role) => ({ name: role.name, authorized: await isAuthorized(run(as(role), stack())) })),
    );
    expect(outcomes.filter(({ authorized }) => authorized).map(({ name }) => name)).toEqual(
      functionNames.filter((name) => may.includes(name)),
    );
  });
}

/** Authorized is what succeeds or fails by its condition; anything else but AWS's own refusal is a fault of the test. */
async function isAuthorized(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    const { name } = error as Error;
    if (name === 'ConditionalCheckFailedException') return true;
    if (/^AccessDenied/.test(name)) return false;
    throw error;
  }
}
