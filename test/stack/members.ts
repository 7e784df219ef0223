import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { type CollectionTag, parse, type ScalarTag } from 'yaml';
import { during, rings } from './alarm-states.ts';
import { allowsService, denies, filledIn, listOf, type Node, nameOf, resolveConditions } from './cloudformation.ts';
import { logicalId, memberAccount, ownAccount, type PackagedStack } from './packaged-stack.ts';

const infra = resolve(import.meta.dirname, '../../infra');
const members: (osls: { resolveVariable(name: string): Promise<string> }) => Promise<Node> = createRequire(
  import.meta.url,
)(resolve(infra, 'member-accounts.cjs'));

/** The functions that act in members. */
const callers = ['verify', 'sweepRegion', 'launch', 'operatorEc2'];

/** What the deployment knows of its members, and what a member's template says of the deployment: the two sides must meet. */
export function memberAccounts(stack: () => PackagedStack, withoutMembers: () => PackagedStack): void {
  const rolesIn = (resources: PackagedStack['resources']) =>
    JSON.stringify(resources).match(/role\/muster-\w+-member/g);
  const bus = (resources = stack().resources) => resources.MembersEventsPolicy?.Properties.Statement;

  it('without members no function may take a role, and no account may send events', () => {
    expect(rolesIn(withoutMembers().resources)).toBeNull();
    expect(bus(withoutMembers().resources)).toBeUndefined();
  });

  it('the account that it is deployed in is none of its members', () => {
    expect(bus().Principal).toEqual({ AWS: [memberAccount] });
    const moved = stack().withParameters({ 'AWS::AccountId': memberAccount });
    expect(bus(moved).Principal).toEqual({ AWS: [ownAccount] });
    expect(JSON.stringify(moved.VerifyRole)).not.toContain(`${memberAccount}:role`);
  });

  it.each([
    { listed: [], has: false },
    { listed: [ownAccount], has: false },
    { listed: [memberAccount], has: true },
    { listed: [ownAccount, memberAccount], has: true },
  ])('has members if it has others than its own: $listed', async ({ listed, has }) => {
    const { template } = await membersOf([`\${AWS::AccountId}`, ...listed]);
    const Resources = { Only: { Condition: 'HasMembers' } };
    const resolved = resolveConditions({ ...template, Resources }, { 'AWS::AccountId': ownAccount });
    expect('Only' in resolved.Resources).toBe(has);
  });

  it('members send EC2’s own events by their rules, and nothing by hand', () => {
    const { EventBusName, Statement, StatementId: _, ...others } = stack().resources.MembersEventsPolicy!.Properties;
    expect([EventBusName, others]).toEqual([undefined, {}]); // the default bus, by a statement alone
    const { Resource, ...statement } = Statement;
    expect(nameOf(Resource)).toBe('arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/default');
    expect(statement).toEqual({
      Effect: 'Allow',
      Principal: { AWS: [memberAccount] },
      Action: 'events:PutEvents',
      Condition: {
        Bool: { 'events:eventBusInvocation': 'true' },
        'ForAllValues:StringEquals': { 'events:source': ['aws.ec2', 'aws.health'] },
        Null: { 'events:source': 'false' },
        StringEquals: {
          'events:detail-type': ['InstanceEventsRule', 'HealthEventsRule'].flatMap((id) =>
            detailTypes(stack().resources[id]),
          ),
        },
      },
    });
  });

  it('a role and the bus have room for as many members as the variables have', async () => {
    const count = Math.floor(4096 / '"444455556666":{"regions":["us-east-1"]},'.length);
    const numbers = Array.from({ length: count }, (_, n) => String(444455556666 + n));
    const { roles, accounts } = await membersOf(numbers);
    const [, ofRole] = roles[0]['Fn::If'];
    // IAM/latest/UserGuide/reference_iam-quotas.html; AWSCloudFormation/latest/TemplateReference/aws-resource-events-eventbuspolicy.html
    expect(roles.length * JSON.stringify(filledIn(ofRole)).length).toBeLessThan(10_240 * 0.7);
    expect(accounts.length * '"444455556666",'.length).toBeLessThan(10_240 * 0.5);
  });

  it('a member’s template is given what it needs to know by an output', () => {
    const { Outputs } = JSON.parse(stack().template);
    const given = listOf(Outputs.MemberParameters.Value['Fn::Join'][1]).map((part) => nameOf(part).split('=')[0]);
    const needed = Object.entries<Node>(memberTemplate().Parameters).filter(([, { Default }]) => Default === undefined);
    expect(given).toEqual(needed.map(([name]) => name));
  });

  it('a member’s role has the name that functions may take', () => {
    const [name] = rolesIn(stack().resources)!;
    expect(filled(member().MemberRole.Properties.RoleName)).toBe(name!.replace('role/', ''));
    expect(member().MemberRole.Properties.Path).toBeUndefined();
  });

  it.each(callers)('a member’s role is %s’s to take, by its own session and external id', (caller) => {
    const { Statement } = member().MemberRole.Properties.AssumeRolePolicyDocument;
    const own = Statement.filter(({ Principal }: Node) => nameOf(Principal.AWS) === `${logicalId(caller)}Role`);
    expect(own.map(filled)).toEqual([
      {
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${ownAccount}:role/${caller}` },
        Action: 'sts:AssumeRole',
        Condition: {
          StringEquals: {
            'sts:ExternalId': `muster/${ownAccount}/us-east-1/prod/${memberAccount}`,
            'sts:RoleSessionName': `muster-prod-${caller}`,
          },
        },
      },
    ]);
  });

  it('a member’s role is nobody else’s to take', () => {
    const { Statement } = member().MemberRole.Properties.AssumeRolePolicyDocument;
    expect(Statement).toHaveLength(callers.length);
  });

  it.each(callers)('%s may do in a member what it may do at home, and no more', (caller) => {
    const LaunchRoleArns = 'arn:aws:iam::444455556666:role/web';
    const home = stack().withParameters({ LaunchRoleArns })[`${logicalId(caller)}Role`];
    const atHome = statementsOf(home).flatMap(({ Action }) => listOf(Action) as string[]);
    const there = grants(member({ LaunchRoleArns })).filter(({ sessions }) => sessions.includes(sessionOf(caller)));
    expect(there.flatMap(({ actions }) => actions).sort()).toEqual(
      atHome.filter((action) => /^(ec2:|iam:PassRole$)/.test(action)).sort(),
    );
  });

  it('every permission in a member is some function’s', () => {
    const known = new Set(callers.map(sessionOf));
    const odd = grants(member()).filter(({ sessions }) => !sessions.length || !sessions.every((one) => known.has(one)));
    expect(odd).toEqual([]);
    expect(grants(member()).flatMap(({ actions }) => actions)).not.toContain('iam:PassRole');
  });

  it('launches in a member pass the roles that its owner names, to EC2, and use the images that its owner allows', () => {
    const given = { LaunchRoleArns: 'arn:aws:iam::444455556666:role/web,arn:aws:iam::444455556666:role/db' };
    const byAction = Map.groupBy(grants(member(given), given), ({ actions }) => actions[0]);
    expect(byAction.get('iam:PassRole')).toMatchObject([
      {
        resource: given.LaunchRoleArns.split(','),
        condition: { StringEquals: { 'iam:PassedToService': ['ec2.amazonaws.com', 'ec2.amazonaws.com'] } },
      },
    ]);
    expect(byAction.get('ec2:RunInstances')).toMatchObject([
      { resource: `arn:aws:ec2:*:${memberAccount}:*/*` },
      {
        resource: 'arn:aws:ec2:*::image/*',
        condition: { StringEquals: { 'ec2:Owner': [memberAccount, 'amazon'] } },
      },
    ]);
    expect(byAction.get('ec2:CreateTags')).toMatchObject([
      { condition: { StringEquals: { 'ec2:CreateAction': 'RunInstances' } } },
    ]);
    expect(byAction.get('ec2:TerminateInstances')).toMatchObject([
      { resource: `arn:aws:ec2:*:${memberAccount}:instance/*` },
    ]);
  });

  it.each([
    { file: 'member-account.yml', bus: `arn:aws:events:us-east-1:${ownAccount}:event-bus/default` },
    { file: 'other-region.yml', bus: given },
  ])('$file forwards to Muster’s bus what Muster listens to', ({ file, bus }) => {
    const { InstanceEventsRule, HealthEventsRule, SendRole } = resourcesOf(file);
    const { Description: _, EventPattern, Targets, ...others } = InstanceEventsRule.Properties;
    expect(others).toEqual({});
    expect(templateOf(file).Parameters.EventSource.Default).toBe('aws.ec2');
    expect(EventPattern).toEqual({
      source: [{ Ref: 'EventSource' }],
      'detail-type': [
        'EC2 Instance State-change Notification',
        'EC2 Spot Instance Interruption Warning',
        'EC2 Capacity Reservation Instance Interruption Warning',
        'EC2 Instance Rebalance Recommendation',
      ],
    });
    expect(detailTypes(stack().resources.InstanceEventsRule)).toEqual(EventPattern['detail-type']);
    expect(HealthEventsRule.Properties.Targets).toEqual(Targets);
    expect(HealthEventsRule.Properties.EventPattern).toEqual(
      stack().resources.HealthEventsRule!.Properties.EventPattern,
    );
    const rehearsal = resourcesOf(file, { EventSource: 'muster.rehearsal' }).HealthEventsRule;
    expect(filledIn(rehearsal.Properties.EventPattern.source, { EventSource: 'muster.rehearsal' })).toEqual([
      'muster.rehearsal',
    ]);
    expect(
      Targets.map((target: Node) => ({ ...target, Arn: filledIn(target.Arn, { ...parameters, MusterBusArn: given }) })),
    ).toEqual([
      {
        ...{ Id: 'muster', Arn: bus, RoleArn: { 'Fn::GetAtt': ['SendRole', 'Arn'] } },
        DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['UndeliveredEvents', 'Arn'] } },
        RetryPolicy: { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 86_400 },
      },
    ]);
    const { AssumeRolePolicyDocument, Policies, ...more } = SendRole.Properties;
    expect(more).toEqual({});
    expect(AssumeRolePolicyDocument.Statement).toEqual([
      {
        ...{ Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' }, Action: 'sts:AssumeRole' },
        Condition: ofThisStackAlone,
      },
    ]);
    expect(Policies.flatMap((policy: Node) => policy.PolicyDocument.Statement)).toEqual([
      { Effect: 'Allow', Action: 'events:PutEvents', Resource: Targets[0].Arn },
    ]);
  });

  it.each(['member-account.yml', 'other-region.yml'])(
    '%s keeps what its rules cannot deliver, from them alone',
    (file) => {
      const { UndeliveredEvents, UndeliveredEventsPolicy, UndeliveredEventsAlarm } = resourcesOf(file);
      expect(UndeliveredEvents.Properties).toEqual({ SqsManagedSseEnabled: true, MessageRetentionPeriod: 1_209_600 });
      const { Queues, PolicyDocument } = UndeliveredEventsPolicy.Properties;
      expect(Queues.map(nameOf)).toEqual(['UndeliveredEvents']);
      const sending = { action: 'sqs:SendMessage', resource: 'UndeliveredEvents' };
      const by = (rule: string) =>
        allowsService(PolicyDocument, 'events.amazonaws.com', sending, { 'aws:SourceArn': rule });
      expect(['InstanceEventsRule', 'HealthEventsRule', 'AnotherRule'].map(by)).toEqual([true, true, false]);
      expect(denies(PolicyDocument, sending, { 'aws:SecureTransport': 'false' })).toBe(true);
      const waiting = (count: number) => ({
        'ApproximateNumberOfMessagesVisible of UndeliveredEvents.QueueName': during([10, 11], [0, count], [0]),
      });
      expect([1, 0].map((count) => rings(UndeliveredEventsAlarm.Properties, waiting(count)))).toEqual([true, false]);
      expect(rings(UndeliveredEventsAlarm.Properties, {})).toBe(false);
      expect(UndeliveredEventsAlarm.Properties.AlarmActions).toEqual([]);
      const AlarmTopicArn = 'arn:aws:sns:us-west-2:444455556666:on-call';
      const told = resourcesOf(file, { AlarmTopicArn }).UndeliveredEventsAlarm;
      expect(told.Properties.AlarmActions).toEqual([{ Ref: 'AlarmTopicArn' }]);
      expect(resourcesOf(file, { EventSource: 'muster.rehearsal' })).not.toHaveProperty('UndeliveredEventsAlarm');
    },
  );

  const keeps = ['UndeliveredEvents', 'UndeliveredEventsAlarm', 'UndeliveredEventsPolicy'];
  it.each([
    ['member-account.yml', ['HealthEventsRule', 'InstanceEventsRule', 'MemberRole', 'SendRole', ...keeps]],
    ['other-region.yml', ['HealthEventsRule', 'InstanceEventsRule', 'SendRole', ...keeps]],
  ])('%s makes these and nothing else', (file, ids) => {
    expect(Object.keys(resourcesOf(file)).sort()).toEqual(ids);
  });
}

function membersOf(listed: readonly string[]): Promise<Node> {
  const accounts = JSON.stringify(Object.fromEntries(listed.map((account) => [account, {}])));
  return members({ resolveVariable: async (name) => (name === 'sls:stage' ? 'prod' : accounts) });
}

/** Whoever deploys infra/other-region.yml names it. */
const given = `arn:aws:events:eu-central-1:${ownAccount}:event-bus/default`;

/** EventBridge takes the role for rules of the stack that has it: CloudFormation begins a rule's name with the stack's. */
const ofThisStackAlone = {
  StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
  ArnLike: {
    'aws:SourceArn': {
      'Fn::Sub': `arn:\${AWS::Partition}:events:\${AWS::Region}:\${AWS::AccountId}:rule/\${AWS::StackName}-*`,
    },
  },
};

const detailTypes = (rule: Node): string[] => rule.Properties.EventPattern['detail-type'];

/** Whoever deploys the template fills these in, from the output MemberParameters. */
const parameters: Record<string, string> = {
  ...{ MusterAccount: ownAccount, MusterRegion: 'us-east-1', MusterStage: 'prod' },
  ...Object.fromEntries(
    callers.map((caller) => [`${logicalId(caller)}Role`, `arn:aws:iam::${ownAccount}:role/${caller}`]),
  ),
  ...{
    LaunchImageOwners: 'amazon',
    'AWS::AccountId': memberAccount,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
  },
};
const filled = (node: Node) => filledIn(node, parameters);

const memberTemplate = () => templateOf('member-account.yml');
const member = (values: Record<string, string> = {}) => resourcesOf('member-account.yml', values);
const resourcesOf = (file: string, values: Record<string, string> = {}): Record<string, Node> =>
  resolveConditions(templateOf(file), { ...parameters, ...values }).Resources;

const sessionOf = (caller: string) => `*:muster-prod-${caller}`;

const statementsOf = (role: Node): Node[] =>
  role.Properties.Policies.flatMap((policy: Node) => policy.PolicyDocument.Statement);

/** What the role allows: to whose session, what, on what, and on what further condition. */
function grants({ MemberRole }: Record<string, Node>, values: Record<string, string> = {}) {
  return statementsOf(MemberRole).map((statement) => {
    const { Effect, Action, Resource, Condition } = filledIn(statement, { ...parameters, ...values });
    expect(Effect).toBe('Allow');
    const { StringLike, ...condition } = Condition;
    const sessions = listOf(StringLike?.['aws:userid'] ?? []) as string[];
    return { actions: listOf(Action) as string[], resource: Resource, sessions, condition };
  });
}

function templateOf(file: string): Node {
  return parse(readFileSync(resolve(infra, file), 'utf8'), { customTags: [...shortForms, getAtt] });
}

/** CloudFormation's short forms, as the long ones that the readers here know. */
const shortForms = ['Ref', 'Sub', 'Split', 'If', 'Not', 'Equals'].flatMap((name): (ScalarTag | CollectionTag)[] => {
  const key = name === 'Ref' ? name : `Fn::${name}`;
  return [
    { tag: `!${name}`, resolve: (value: string) => ({ [key]: value }) },
    { tag: `!${name}`, collection: 'seq', resolve: (value) => ({ [key]: (value as Node).toJSON() }) as Node },
  ];
});
const getAtt: ScalarTag = { tag: '!GetAtt', resolve: (value) => ({ 'Fn::GetAtt': value.split('.') }) };
