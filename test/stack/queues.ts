import { expect, it } from 'vitest';
import { allowsService, denies, listOf, type Node, nameOf, type RequestContext } from './cloudformation.ts';
import { functionNames, logicalId, type PackagedStack } from './packaged-stack.ts';

/** Each queue's dead letters, its consumer and its senders; the senders of the first are EventBridge's two rules alone. */
const table = [
  {
    queue: 'InstanceEventsQueue',
    deadLetters: 'InstanceEventsDeadLetters',
    consumer: 'OnInstanceChanged',
    senders: [],
  },
  {
    queue: 'VerifyQueue',
    deadLetters: 'VerifyDeadLetters',
    consumer: 'Verify',
    senders: ['OnInstanceChanged', 'Verify', 'SweepRegion', 'Enroll', 'Checkin'],
  },
  { queue: 'SweepQueue', deadLetters: 'SweepDeadLetters', consumer: 'SweepRegion', senders: ['Sweep'] },
  { queue: 'LaunchQueue', deadLetters: 'LaunchDeadLetters', consumer: 'Launch', senders: ['Tick', 'OperatorChange'] },
];

const fourteenDays = 1_209_600;
const overTls = { 'aws:SecureTransport': 'true', 'aws:PrincipalIsAWSService': 'false' };
const role = (id: string): RequestContext => ({ ...overTls, 'aws:PrincipalArn': `${id}Role` });
const administrator = { ...overTls, 'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/Administrator' };
const rule = {
  'aws:SecureTransport': 'true',
  'aws:PrincipalIsAWSService': 'true',
  'aws:SourceArn': 'InstanceEventsRule',
};
/** How SQS may ask the policy of dead letters when it moves a message there: as a service, as whoever received it last, or not at all. */
const bySqs = { 'aws:SecureTransport': 'true', 'aws:PrincipalIsAWSService': 'true' };

/** By the queue and by its dead letters: what their policies state. What the conditions are worth is asked of each below. */
function statementsFor({ queue, deadLetters }: (typeof table)[number]): [string, Node[]][] {
  const byRule = { Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' }, Action: 'sqs:SendMessage' };
  const noSending = { Effect: 'Deny', Principal: '*', Action: 'sqs:SendMessage' };
  const nothing = { Effect: 'Deny', Principal: '*', Action: 'sqs:*' };
  const on = (Resource: string, only: Node[]): Node[] => [
    ...(queue === 'InstanceEventsQueue'
      ? [{ Sid: 'RuleMaySend', ...byRule, Resource, conditions: ['ArnEquals'] }]
      : []),
    ...only.map((statement) => ({ ...statement, Resource })),
    { Sid: 'TlsOnly', ...nothing, Resource, conditions: ['Bool'] },
  ];
  const byOthers = { Sid: 'OnlyServicesAndTheConsumerSend', ...noSending, conditions: ['Bool', 'ArnNotLike'] };
  return [
    [queue, on(queue, [{ Sid: 'NobodyElseSends', ...noSending, conditions: ['ArnNotLike'] }])],
    [deadLetters, on(deadLetters, [byOthers])],
  ];
}

export function queues(stack: () => PackagedStack): void {
  const properties = (id: string) => stack().resources[id]!.Properties;
  const policyOf = (queue: string) => {
    const policies = Object.values(stack().resources).filter(({ Type }) => Type === 'AWS::SQS::QueuePolicy');
    return policies.find(({ Properties }) => Properties.Queues.some((url: object) => nameOf(url) === queue))!.Properties
      .PolicyDocument;
  };
  const sendingTo = (resource: string) => ({ action: 'sqs:SendMessage', resource });
  const receivingFrom = (resource: string) => ({ action: 'sqs:ReceiveMessage', resource });
  const refuses = (queue: string, context: RequestContext) => denies(policyOf(queue), sendingTo(queue), context);

  it('there are these queues and no others', () => {
    const ids = Object.keys(stack().resources).filter((id) => stack().resources[id]?.Type === 'AWS::SQS::Queue');
    expect(ids.sort()).toEqual(
      [...table.flatMap(({ queue, deadLetters }) => [queue, deadLetters]), 'MissedSchedules'].sort(),
    );
  });

  it('each has one policy, of exactly these statements', () => {
    const policies = Object.values(stack().resources).filter(({ Type }) => Type === 'AWS::SQS::QueuePolicy');
    const stated = policies.map(({ Properties }) => [
      Properties.Queues.map(nameOf).join(),
      Properties.PolicyDocument.Statement.map(({ Condition, Resource, ...statement }: Node) => ({
        ...statement,
        Resource: nameOf(Resource),
        conditions: Object.keys(Condition ?? {}),
      })),
    ]);
    expect(stated).toHaveLength(table.length * 2 + 1);
    expect(Object.fromEntries(stated)).toEqual({
      ...Object.fromEntries(table.flatMap(statementsFor)),
      MissedSchedules: [
        {
          ...{ Sid: 'RulesMaySend', Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' } },
          ...{ Action: 'sqs:SendMessage', Resource: 'MissedSchedules', conditions: ['ArnEquals'] },
        },
        {
          ...{ Sid: 'TlsOnly', Effect: 'Deny', Principal: '*', Action: 'sqs:*', Resource: 'MissedSchedules' },
          conditions: ['Bool'],
        },
      ],
    });
  });

  it.each(table)(
    '$queue has dead letters of its own, which only it may use, kept for a fortnight',
    ({ queue, deadLetters }) => {
      const { RedrivePolicy, QueueName, MessageRetentionPeriod } = properties(queue);
      expect(nameOf(RedrivePolicy.deadLetterTargetArn)).toBe(deadLetters);
      expect(RedrivePolicy.maxReceiveCount).toBeGreaterThanOrEqual(5);
      expect(properties(deadLetters).MessageRetentionPeriod).toBe(fourteenDays);
      // A message keeps its age when it moves: the person who looks has the rest
      expect(fourteenDays - MessageRetentionPeriod).toBeGreaterThan(fourteenDays / 2);
      const { redrivePermission, sourceQueueArns } = properties(deadLetters).RedriveAllowPolicy;
      expect(redrivePermission).toBe('byQueue');
      expect(sourceQueueArns.map(nameOf)).toEqual([
        `arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>:${QueueName}`,
      ]);
    },
  );

  it.each(table)(
    '$queue stays invisible for six timeouts of its consumer and the batching window',
    ({ queue, consumer }) => {
      const mapping = mappingsOf(stack()).find(({ EventSourceArn }) => nameOf(EventSourceArn) === queue);
      expect(nameOf(mapping.FunctionName)).toBe(`${consumer}LambdaFunction`);
      expect(mapping.FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
      const window = mapping.MaximumBatchingWindowInSeconds ?? 0;
      const timeout = properties(`${consumer}LambdaFunction`).Timeout;
      expect(properties(queue).VisibilityTimeout).toBeGreaterThanOrEqual(6 * timeout + window);
    },
  );

  it.each(table)(
    '$queue and its dead letters are encrypted and take nothing that is not TLS',
    ({ queue, deadLetters }) => {
      for (const id of [queue, deadLetters]) {
        expect(properties(id).SqsManagedSseEnabled).toBe(true);
        expect(denies(policyOf(id), receivingFrom(id), { 'aws:SecureTransport': 'false' })).toBe(true);
        expect(denies(policyOf(id), receivingFrom(id), { 'aws:SecureTransport': 'true' })).toBe(false);
      }
    },
  );

  it.each(table)('$queue takes messages from its senders’ roles and from nobody else', ({ queue, senders }) => {
    const admitted = functionNames.map(logicalId).filter((id) => !refuses(queue, role(id)));
    expect(admitted.sort()).toEqual([...senders].sort());
    expect(refuses(queue, administrator)).toBe(true);
  });

  it.each(table)('$queue knows an emulator’s sessions by the same roles', ({ queue, senders }) => {
    const session = (id: string) => `arn:<AWS::Partition>:sts::<AWS::AccountId>:assumed-role/<${id}Role>/*`;
    const admitted = functionNames
      .map(logicalId)
      .filter((id) => !refuses(queue, { ...overTls, 'aws:PrincipalArn': session(id) }));
    expect(admitted.sort()).toEqual([...senders].sort());
  });

  // StartMessageMoveTask asks first as a direct caller: no aws:CalledVia key is set
  it.each(table)('$queue takes a redrive by the role for it, and by nobody else', ({ queue }) => {
    expect(refuses(queue, role('Redrive'))).toBe(false);
    expect(refuses(queue, { ...administrator, 'aws:CalledViaLast': 'sqs.amazonaws.com' })).toBe(true);
  });

  it('EventBridge’s two rules alone fill the queue of instance events, and its dead letters when it cannot', () => {
    for (const id of ['InstanceEventsQueue', 'InstanceEventsDeadLetters']) {
      expect(allowsService(policyOf(id), 'events.amazonaws.com', sendingTo(id), rule)).toBe(true);
      expect(allowsService(policyOf(id), 'events.amazonaws.com', sendingTo(id), { 'aws:SourceArn': 'Another' })).toBe(
        false,
      );
      expect(refuses(id, rule)).toBe(false);
      const health = { ...rule, 'aws:SourceArn': 'HealthEventsRule' };
      expect(allowsService(policyOf(id), 'events.amazonaws.com', sendingTo(id), health)).toBe(true);
      expect(refuses(id, health)).toBe(false);
    }
    expect(refuses('InstanceEventsQueue', { ...rule, 'aws:SourceArn': 'AnotherRule' })).toBe(true);
    for (const { queue } of table.slice(1)) expect(refuses(queue, rule)).toBe(true);
  });

  it.each(table)('SQS moves messages into $deadLetters, however it asks, and nobody else does', (row) => {
    const { deadLetters, consumer } = row;
    for (const asked of [bySqs, role(consumer), {}]) expect(refuses(deadLetters, asked)).toBe(false);
    expect(refuses(deadLetters, administrator)).toBe(true);
    expect(refuses(deadLetters, role('Redrive'))).toBe(true);
    const others = functionNames.map(logicalId).filter((id) => id !== consumer);
    expect(others.filter((id) => !refuses(deadLetters, role(id)))).toEqual([]);
  });

  it.each(table)('$consumer may put nothing into $deadLetters by itself', ({ consumer, deadLetters }) => {
    const { Policies } = properties(`${consumer}Role`);
    const statements = Policies.flatMap((policy: Node) => policy.PolicyDocument.Statement);
    const sending = statements.filter(({ Action }: Node) => listOf(Action).some((one) => /SendMessage/.test(one)));
    expect(sending.flatMap(({ Resource }: Node) => listOf(Resource).map(nameOf))).not.toContain(deadLetters);
  });

  it('verify reads batches of up to a hundred, the queues towards EC2 have a maximum concurrency', () => {
    const limits = mappingsOf(stack()).flatMap(({ EventSourceArn, BatchSize, ScalingConfig }) =>
      ScalingConfig ? [[nameOf(EventSourceArn), BatchSize, ScalingConfig.MaximumConcurrency]] : [],
    );
    expect(limits.sort()).toEqual([
      ['InstanceEventsQueue', 10, 50],
      ['LaunchQueue', 1, 2],
      ['SweepQueue', 1, 5],
      ['VerifyQueue', 100, 5],
    ]);
  });
}

const mappingsOf = ({ resources }: PackagedStack) =>
  Object.values(resources)
    .filter(({ Type }) => Type === 'AWS::Lambda::EventSourceMapping')
    .map(({ Properties }) => Properties);
