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
const allowed: Record<string, Record<string, string[]>> = {
  onInstanceChanged: {
    InstanceEventsQueue: readsQueue,
    'MainTable [INSTANCE#*]': ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
    'MainTable [INSTANCE#*, PAIRS]': ['dynamodb:PutItem'],
    VerifyQueue: sends,
  },
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
    'MainTable [INSTANCE#*]': ['dynamodb:DeleteItem'],
    SweepQueue: readsQueue,
    VerifyQueue: sends,
    '*': ['ec2:DescribeInstances'],
    ...inMembers,
  },
  enroll: {
    'MainTable [INSTANCE#*, AGENT#*, LAUNCH#*, KEYS]': ['dynamodb:GetItem'],
    'MainTable [INSTANCE#*, AGENT#*, SERVERS, KEYS]': ['dynamodb:PutItem'],
    'MainTable [REVOKED#*]': ['dynamodb:ConditionCheckItem'],
    'MainTable [KEYS]': ['dynamodb:UpdateItem'],
    VerifyQueue: sends,
  },
  checkin: {
    'MainTable [INSTANCE#*, AGENT#*, RESTORE#*]': ['dynamodb:GetItem'],
    'MainTable [INSTANCE#*]': ['dynamodb:PutItem'],
    VerifyQueue: sends,
  },
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
    MainTable: ['dynamodb:GetItem', 'dynamodb:Query'],
    'PrivateTable [HISTORY#*]': ['dynamodb:Query'],
  },
  operatorChange: {
    MainTable: writes,
    'PrivateTable [USERDATA#*]': ['dynamodb:PutItem'],
    LaunchQueue: sends,
  },
  operatorEc2: {
    'MainTable [INSTANCE#*, SERVERS]': ['dynamodb:GetItem'],
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
    'PrivateTable [HISTORY#*]': ['dynamodb:BatchWriteItem'],
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
    expect(grantsOf(stack().resources[`${logicalId(name)}Role`])).toEqual(
      merged(allowed[name]!, ofEveryFunction(name)),
    );
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
    expect(grants['LaunchRoleArns [iam:PassedToService ec2.amazonaws.com,ec2.<AWS::URLSuffix>]']).toEqual([
      'iam:PassRole',
    ]);
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

  it('whoever redrives is somebody of the account whom its owner lets', () => {
    expect(stack().resources.RedriveRole!.Properties.AssumeRolePolicyDocument.Statement).toEqual([
      {
        Effect: 'Allow',
        Principal: { AWS: { 'Fn::Sub': `arn:\${AWS::Partition}:iam::\${AWS::AccountId}:root` } },
        Action: 'sts:AssumeRole',
      },
    ]);
  });

  it('there are no other roles and policies', () => {
    const roles = [...functionNames.map((name) => `${logicalId(name)}Role`), 'RedriveRole'];
    expect(typesOf(stack(), 'AWS::IAM::')).toEqual({
      ...Object.fromEntries(roles.map((role) => [role, 'AWS::IAM::Role'])),
      OperatorPolicy: 'AWS::IAM::ManagedPolicy',
      ReaderPolicy: 'AWS::IAM::ManagedPolicy',
    });
    for (const role of roles) {
      expect(Object.keys(stack().resources[role]!.Properties).sort()).toEqual(['AssumeRolePolicyDocument', 'Policies']);
    }
  });

  it.each([
    ['OperatorPolicy', '/$default/*/v1/*'],
    ['ReaderPolicy', '/$default/GET/v1/*'],
  ])('%s calls the API by %s and is attached to nobody', (id, requests) => {
    const { Description: _, PolicyDocument, ...others } = stack().resources[id]!.Properties;
    expect(others).toEqual({});
    const { Version, Statement } = PolicyDocument;
    expect(Version).toBe('2012-10-17');
    expect(Statement.map((statement: Node) => ({ ...statement, Resource: nameOf(statement.Resource) }))).toEqual([
      {
        Effect: 'Allow',
        Action: 'execute-api:Invoke',
        Resource: `arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<HttpApi>${requests}`,
      },
    ]);
  });

  it('resources let in whom the tests of queues, storage and members know, and nobody else', () => {
    const policies = Object.entries(stack().resources).filter(([, { Type }]) => /Policy$/.test(Type));
    const others = policies.filter(([, { Type }]) => !/^AWS::(IAM::Managed|SQS::Queue)Policy$/.test(Type));
    expect(others.map(([id]) => id).sort()).toEqual([
      'FailedRecordsBucketPolicy',
      'MembersEventsPolicy',
      'ServerlessDeploymentBucketPolicy',
    ]);
  });

  it('the API calls its functions, the schedules theirs, and nothing else calls any', () => {
    const permitted = Object.values(stack().resources)
      .filter(({ Type }) => Type === 'AWS::Lambda::Permission')
      .map(({ Properties: { FunctionName, SourceArn, ...others } }) => ({
        ...others,
        FunctionName: nameOf(FunctionName),
        SourceArn: nameOf(SourceArn),
      }));
    const invoke = { Action: 'lambda:InvokeFunction' };
    const ofApi = 'arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<HttpApi>/*';
    const byName = (one: { FunctionName: string }, other: { FunctionName: string }) =>
      one.FunctionName.localeCompare(other.FunctionName);
    expect(permitted.sort(byName)).toEqual(
      [
        ...['Tick', 'Sweep'].map((id) => ({
          ...{ ...invoke, FunctionName: `${id}LambdaFunction` },
          ...{ Principal: 'events.amazonaws.com', SourceArn: `${id}EventsRuleSchedule1` },
        })),
        ...['Enroll', 'Checkin', 'OperatorApi', 'OperatorChange', 'OperatorEc2'].map((id) => ({
          ...{ ...invoke, FunctionName: `${id}LambdaFunction` },
          ...{ Principal: 'apigateway.amazonaws.com', SourceArn: ofApi },
        })),
      ].sort(byName),
    );
  });
}

const typesOf = ({ resources }: PackagedStack, prefix: string) =>
  Object.fromEntries(
    Object.entries(resources).flatMap(([id, { Type }]) => (Type.startsWith(prefix) ? [[id, Type] as const] : [])),
  );

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
    : Object.entries(equals).map(([key, value]) => `${key} ${listOf(value).map(nameOf).join()}`);
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
