import { expect, it } from 'vitest';
import { listOf, type Node, nameOf } from './cloudformation.ts';
import { functionNames, logicalId, memberAccount, type PackagedStack } from './packaged-stack.ts';

const readsQueue = ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'];
const sends = ['sqs:SendMessage'];
const writes = ['dynamodb:GetItem', 'dynamodb:PutItem'];
const updates = [...writes, 'dynamodb:UpdateItem'];
const instancesOfThisAccount = 'arn:<AWS::Partition>:ec2:*:<AWS::AccountId>:instance/*';
/** An image's ARN names no account: the condition does. */
const imagesOfTheirOwners = 'arn:<AWS::Partition>:ec2:*::image/* [ec2:Owner <AWS::AccountId>,amazon]';
const inMembers = { [`arn:<AWS::Partition>:iam::${memberAccount}:role/muster-prod-member`]: ['sts:AssumeRole'] };
const anythingOfEc2 = 'arn:<AWS::Partition>:ec2:*:<AWS::AccountId>:*/*';

/** Beyond its log and its traces, what each function may do: by resource, with the condition in brackets. Nothing else. */
const allowed: Record<(typeof functionNames)[number], Record<string, string[]>> = {
  onInstanceChanged: { InstanceEventsQueue: readsQueue, MainTable: updates, VerifyQueue: sends },
  verify: {
    MainTable: writes,
    VerifyQueue: [...readsQueue, ...sends],
    '*': ['ec2:DescribeInstances'],
    ...inMembers,
  },
  tick: { '<MainTable.Arn>/index/due': ['dynamodb:Query'], MainTable: updates, LaunchQueue: sends },
  sweep: { MainTable: ['dynamodb:Query'], SweepQueue: sends },
  sweepRegion: {
    MainTable: [...writes, 'dynamodb:Query'],
    SweepQueue: readsQueue,
    VerifyQueue: sends,
    '*': ['ec2:DescribeInstances'],
    ...inMembers,
  },
  enroll: { MainTable: ['dynamodb:ConditionCheckItem', ...updates], VerifyQueue: sends },
  checkin: { MainTable: writes, VerifyQueue: sends },
  launch: {
    MainTable: writes,
    'PrivateTable [USERDATA#*]': ['dynamodb:DeleteItem', 'dynamodb:GetItem'],
    LaunchQueue: [...readsQueue, 'sqs:ChangeMessageVisibility'],
    '*': ['ec2:DescribeInstances'],
    [anythingOfEc2]: ['ec2:RunInstances'],
    [imagesOfTheirOwners]: ['ec2:RunInstances'],
    [`${anythingOfEc2} [ec2:CreateAction RunInstances]`]: ['ec2:CreateTags'],
    ...inMembers,
  },
  operatorApi: {
    MainTable: [...writes, 'dynamodb:Query'],
    'PrivateTable [USERDATA#*]': ['dynamodb:PutItem'],
    'PrivateTable [HISTORY#*]': ['dynamodb:Query'],
    LaunchQueue: sends,
    [instancesOfThisAccount]: ['ec2:TerminateInstances'],
    ...inMembers,
  },
  onRecordChanged: {
    'MainTable.StreamArn': [
      'dynamodb:DescribeStream',
      'dynamodb:GetRecords',
      'dynamodb:GetShardIterator',
      'dynamodb:ListStreams',
    ],
    'PrivateTable [HISTORY#*]': ['dynamodb:PutItem'],
    Bus: ['events:PutEvents'],
    FailedRecordsBucket: ['s3:ListBucket'],
    '<FailedRecordsBucket.Arn>/*': ['s3:PutObject'],
  },
};

const ofEveryFunction = (functionName: string) => ({
  [`${logicalId(functionName)}LogGroup`]: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  '*': ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
});

export function permissions(stack: () => PackagedStack): void {
  it.each(functionNames)('%s may do exactly what it does', (name) => {
    expect(grantsOf(stack().resources[`${logicalId(name)}Role`])).toEqual(merged(allowed[name], ofEveryFunction(name)));
  });

  it.each(functionNames)('%s has a role of its own, which only Lambda may take', (name) => {
    const role = `${logicalId(name)}Role`;
    expect(nameOf(stack().resources[`${logicalId(name)}LambdaFunction`]?.Properties.Role)).toBe(role);
    const { ManagedPolicyArns, AssumeRolePolicyDocument } = stack().resources[role]!.Properties;
    expect(ManagedPolicyArns).toBeUndefined();
    expect(AssumeRolePolicyDocument.Statement).toEqual([
      { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
    ]);
  });

  it('a launch passes the roles that the stage names, to EC2, and none by default', () => {
    const arns = 'arn:aws:iam::111122223333:role/web,arn:aws:iam::111122223333:role/db';
    const grants = grantsOf(stack().withParameters({ LaunchRoleArns: arns }).LaunchRole);
    expect(grants['LaunchRoleArns [iam:PassedToService ec2.amazonaws.com]']).toEqual(['iam:PassRole']);
    expect(JSON.stringify(stack().resources.LaunchRole)).not.toContain('iam:PassRole');
  });

  it('whoever redrives may move dead letters back to the queues, and no more', () => {
    const names = ['InstanceEvents', 'Verify', 'Sweep', 'Launch'];
    const moves = ['CancelMessageMoveTask', 'DeleteMessage', 'GetQueueAttributes', 'ListDeadLetterSourceQueues'];
    const started = ['ListMessageMoveTasks', 'ReceiveMessage', 'StartMessageMoveTask'];
    const onDeadLetters = [...moves, ...started].map((action) => `sqs:${action}`);
    expect(grantsOf(stack().resources.RedriveRole)).toEqual(
      Object.fromEntries(
        names.flatMap((name) => [
          [`${name}DeadLetters`, onDeadLetters],
          [`${name}Queue`, sends],
        ]),
      ),
    );
  });

  it('there are no other roles', () => {
    const roles = Object.keys(stack().resources).filter((id) => stack().resources[id]?.Type === 'AWS::IAM::Role');
    expect(roles.sort()).toEqual([...functionNames.map((name) => `${logicalId(name)}Role`), 'RedriveRole'].sort());
  });
}

/** Actions by resource and condition, sorted. Fails on anything but an inline `Allow` with plain lists. */
function grantsOf(role: Node): Record<string, string[]> {
  const grants: Record<string, string[]> = {};
  for (const statement of role.Properties.Policies.flatMap((policy: Node) => policy.PolicyDocument.Statement)) {
    expect(
      Object.keys(statement)
        .filter((key) => key !== 'Condition')
        .sort(),
    ).toEqual(['Action', 'Effect', 'Resource']);
    expect(statement.Effect).toBe('Allow');
    for (const resource of listOf(statement.Resource)) {
      const key = nameOf(resource) + conditionName(statement.Condition);
      grants[key] = [...(grants[key] ?? []), ...listOf(statement.Action)].sort();
    }
  }
  return grants;
}

/** The leading key that a table's key must match, or '<key> <value>' of a plain comparison. */
function conditionName(condition: Node): string {
  if (condition === undefined) return '';
  const { 'ForAllValues:StringLike': leading, StringEquals: equals, Null: absent, ...others } = condition;
  expect(others).toEqual({});
  if (leading) expect(absent).toEqual({ 'dynamodb:LeadingKeys': 'false' });
  const named = leading
    ? leading['dynamodb:LeadingKeys']
    : Object.entries(equals).map(([key, value]) => `${key} ${nameOf(value)}`);
  return ` [${named.join(', ')}]`;
}

function merged(...grants: Record<string, string[]>[]): Record<string, string[]> {
  const all: Record<string, string[]> = {};
  for (const grant of grants) {
    for (const [resource, actions] of Object.entries(grant))
      all[resource] = [...(all[resource] ?? []), ...actions].sort();
  }
  return all;
}
