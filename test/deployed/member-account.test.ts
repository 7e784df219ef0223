import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  DescribeInstancesCommand,
  EC2Client,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { account as home, homeRegion as region } from '#local/region/settings.ts';
import { accounts, stage } from '#local/stack/settings.ts';
import { type Ec2, openEc2 } from '#shared/adapters/aws/ec2.ts';
import { openMemberCredentials } from '#shared/adapters/aws/member-credentials.ts';
import type { DescribeAnswer } from '#shared/app/ports.ts';
import { describeAll } from '#test/build/whole.ts';
import { aLaunch } from '../build/a-launch.ts';
import { type DeployedStack, deployedStack, eventually } from './deployed-stack.ts';
import { deployedName, type FunctionName, type FunctionRole, functionRoles } from './function-roles.ts';

/** Registered and with the role; registered and without; with the role and not registered; somebody. */
const [member, bare, unregistered, stranger] = [
  '444455556666',
  '555566667777',
  '666677778888',
  '777788889999',
] as const;
const callers = ['verify', 'sweepRegion', 'launch', 'operatorEc2'] as const;
type Caller = (typeof callers)[number];
const template = readFileSync(resolve(import.meta.dirname, '../../infra/member-account.yml'), 'utf8');
const regions = { regions: [region], launch: { instanceProfileArns: [], subnetIds: [], securityGroupIds: [] } };
const registered = { ...accounts, [member]: regions, [bare]: regions };

let stack: DeployedStack;
let roles: FunctionRole[];

beforeAll(async () => {
  stack = await deployedStack();
  const upgrade = stack.deploy({ accounts: JSON.stringify(registered) });
  await Promise.all([member, unregistered].map(deployMember));
  await upgrade;
  roles = await functionRoles(stack);
  // A function's keys are known to the emulator once it has run
  const lambda = new LambdaClient(stack.root);
  const run = (name: FunctionName) =>
    lambda.send(new InvokeCommand({ FunctionName: deployedName(name), Payload: '{"Records":[]}' }));
  await Promise.all([...callers, 'tick' as const].map(run));
  lambda.destroy();
});
afterAll(() => stack?.close());
afterEach(() => {
  vi.unstubAllEnvs();
});

/** As the owner of the account does it, with what the deployment says of itself. */
async function deployMember(account: string): Promise<void> {
  const owner = new CloudFormationClient(rootOf(account));
  const StackName = `muster-${stage}-member`;
  const Parameters = String(stack.outputs.MemberParameters)
    .split(' ')
    .map((parameter) => parameter.split('='))
    .map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue }));
  const Capabilities = ['CAPABILITY_NAMED_IAM' as const];
  await owner.send(new CreateStackCommand({ StackName, TemplateBody: template, Parameters, Capabilities }));
  await eventually('a member’s stack is there', async () => {
    const { Stacks: [made] = [] } = await owner.send(new DescribeStacksCommand({ StackName }));
    expect(made?.StackStatus).not.toMatch(/ROLLBACK|FAILED/);
    return made?.StackStatus === 'CREATE_COMPLETE' || undefined;
  });
  owner.destroy();
}

const rootOf = (accessKeyId: string) => ({ ...stack.root, credentials: { ...stack.root.credentials, accessKeyId } });
const keysOf = (name: FunctionName) => roles.find((role) => role.name === name)!.credentials;
const as = (credentials: FunctionRole['credentials']) => ({ ...stack.root, credentials, maxAttempts: 1 });
const roleArn = (account: string) => `arn:aws:iam::${account}:role/muster-${stage}-member`;
const externalId = (account: string) => `muster/${home}/${region}/${stage}/${account}`;

interface Attempt {
  account?: string;
  session?: string;
  externalId?: string | undefined;
}

/** With all that is asked for, but for what the attempt has otherwise. */
async function assume(options: ConstructorParameters<typeof STSClient>[0], attempt: Attempt) {
  const { account = member, session = `muster-${stage}-verify` } = attempt;
  const sts = new STSClient(options!);
  const ExternalId = 'externalId' in attempt ? attempt.externalId : externalId(account);
  const request = new AssumeRoleCommand({ RoleArn: roleArn(account), RoleSessionName: session, ExternalId });
  const { Credentials } = await sts.send(request).finally(() => sts.destroy());
  return {
    accessKeyId: Credentials?.AccessKeyId ?? '',
    secretAccessKey: Credentials?.SecretAccessKey ?? '',
    sessionToken: Credentials?.SessionToken ?? '',
  };
}
const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (error: Error) => error.name,
  );

it('four functions may take the roles of the registered accounts, and no function any other', () => {
  // The emulator knows no account in a condition: to it the deployment's own, written as a number, is a member (test/stack/members.ts)
  const expected = [home, member, bare].map((account) => `sts:AssumeRole on ${roleArn(account)}`);
  for (const { name, grants } of roles) {
    const taken = grants.filter((grant) => grant.startsWith('sts:'));
    expect(taken.sort(), name).toEqual(callers.some((caller) => caller === name) ? expected : []);
  }
});

describe('the role in a member account', () => {
  it.each(callers)('is given to %s, which then is in that account', async (caller) => {
    const credentials = await assume(as(keysOf(caller)), { session: `muster-${stage}-${caller}` });
    const { Account, Arn } = await new STSClient(as(credentials)).send(new GetCallerIdentityCommand());
    expect({ Account, Arn }).toEqual({
      Account: member,
      Arn: `arn:aws:sts::${member}:assumed-role/muster-${stage}-member/muster-${stage}-${caller}`,
    });
  });

  it.each<[string, Attempt]>([
    ['without an external id', { externalId: undefined }],
    ['with another member’s', { externalId: externalId(bare) }],
    ['under another function’s session', { session: `muster-${stage}-launch` }],
  ])('is not given %s', async (_, attempt) => {
    expect(await codeOf(assume(as(keysOf('verify')), attempt))).toBe('AccessDenied');
  });

  it('is not given to another function of Muster’s', async () => {
    expect(await codeOf(assume(as(keysOf('tick')), {}))).toBe('AccessDenied');
  });

  it.each([
    ['Muster’s own account', home],
    ['a stranger’s account', stranger],
    ['another member', unregistered],
  ])('is not given to the root of %s', async (_, account) => {
    expect(await codeOf(assume(rootOf(account), {}))).toBe('AccessDenied');
  });

  it('of an account that Muster does not answer for is nothing that a function may take', async () => {
    expect(await codeOf(assume(as(keysOf('verify')), { account: unregistered }))).toBe('AccessDenied');
  });
});

describe('what a function may do in a member account', () => {
  const attempts = {
    'ec2:DescribeInstances': (ec2: EC2Client) => ec2.send(new DescribeInstancesCommand({})),
    'ec2:RunInstances': (ec2: EC2Client) =>
      ec2.send(new RunInstancesCommand({ MinCount: 1, MaxCount: 1, ImageId: 'ami-00000000' })),
    'ec2:TerminateInstances': (ec2: EC2Client) =>
      ec2.send(new TerminateInstancesCommand({ InstanceIds: ['i-0123456789abcdef0'] })),
  };

  it.each([
    ['verify', ['ec2:DescribeInstances']],
    ['sweepRegion', ['ec2:DescribeInstances']],
    ['launch', ['ec2:DescribeInstances', 'ec2:RunInstances']],
    ['operatorEc2', ['ec2:TerminateInstances']],
  ] as const)('%s: %s', async (caller, allowed) => {
    const credentials = await assume(as(keysOf(caller)), { session: `muster-${stage}-${caller}` });
    const ec2 = new EC2Client(as(credentials));
    const codes = await Promise.all(Object.values(attempts).map((attempt) => codeOf(attempt(ec2))));
    const authorized = Object.keys(attempts).filter((_, index) => codes[index] !== 'UnauthorizedOperation');
    expect(authorized, codes.join()).toEqual(allowed);
  });
});

describe('EC2 as functions ask it, the emulator’s own', () => {
  /** With the function's own keys, as Lambda hands them to it. */
  function ec2Of(caller: Caller, session: Caller = caller): Ec2 {
    const { accessKeyId, secretAccessKey, sessionToken } = keysOf(caller);
    vi.stubEnv('AWS_ENDPOINT_URL', stack.endpoint);
    vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
    vi.stubEnv('AWS_SESSION_TOKEN', sessionToken);
    const deployment = { account: home, region, stage, accounts: registered };
    return openEc2(home, Date.now, openMemberCredentials(deployment, session, Date.now));
  }
  const idsOf = ({ found }: DescribeAnswer) => found.map(({ sight }) => sight.instanceId);

  it('is launched in, asked about and terminated in the member account, and nowhere else', async () => {
    const launch = aLaunch({ account: member, region, servers: [{ serverId: 'srv_1', generation: 1 }] });
    const answer = await ec2Of('launch').runInstances(launch, '');
    const [instanceId = ''] =
      'described' in answer ? idsOf({ sentAt: 0, found: answer.described, unreadableIds: [] }) : [answer.outcome];
    expect(instanceId).toMatch(/^i-/);
    const ec2 = ec2Of('verify');
    expect(idsOf(await describeAll(ec2, member, region))).toContain(instanceId);
    expect(idsOf(await describeAll(ec2, home, region))).toEqual([]);
    await ec2Of('operatorEc2').terminate({ account: member, region, instanceId });
    const { found } = await ec2Of('sweepRegion').describeNamed(member, region, [instanceId]);
    expect(found.map(({ sight }) => sight.state)).toEqual(['terminated']);
  });

  it('is asked about nothing where the account has no role for Muster, or not for the one that asks', async () => {
    expect(await codeOf(describeAll(ec2Of('verify'), bare, region))).toBe('MemberAccountMisconfigured');
    expect(await codeOf(describeAll(ec2Of('verify', 'launch'), member, region))).toBe('MemberAccountMisconfigured');
  });
});
