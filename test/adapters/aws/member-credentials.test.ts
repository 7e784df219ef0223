import { describe, expect, it } from 'vitest';
import { openEc2 } from '#shared/adapters/aws/ec2.ts';
import { type Deployment, MemberAccountError, openMemberCredentials } from '#shared/adapters/aws/member-credentials.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { verifyInstances } from '#shared/app/cloud/verify-instances.ts';
import type { VerifyMessage } from '#shared/app/ports.ts';
import { Problem } from '#shared/domain/problems.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { aLaunch } from '#test/build/a-launch.ts';
import { describeAll } from '#test/build/whole.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';
import { instanceId, member, membersInPlace, other, own, stranger } from './members-in-place.ts';

const { calls, members, actions } = membersInPlace();

const [region, elsewhere] = ['us-east-1', 'eu-central-1'] as const;
const launch = { instanceProfileArns: [], subnetIds: [], securityGroupIds: [] };
const accounts = Object.fromEntries([own, member, other].map((id) => [id, { regions: [region, elsewhere], launch }]));
const home: Deployment = { account: own, region, stage: 'prod', accounts };
const accessDenied = { code: 'AccessDenied', status: 403 };

/** A clock that is ahead of the world's by so much. */
function ahead() {
  const clock = { ms: 0, now: () => Date.now() + clock.ms };
  return clock;
}

const open = (now: () => number = Date.now, deployment = home) =>
  openEc2(own, now, openMemberCredentials(deployment, 'verify', now));

const named = (what: Promise<unknown>): Promise<string> =>
  what.then(
    () => 'answered',
    (error: Error) => error.name,
  );
const wordsOf = (what: Promise<unknown>): Promise<string> =>
  what.then(
    () => 'answered',
    (error: Error) => error.message,
  );

describe('the deployment’s own account', () => {
  it('is asked about with the functions’ own credentials', async () => {
    const { found } = await describeAll(open(), own, region);
    expect(found).toMatchObject([{ sight: { account: own } }]);
    expect(calls).toMatchObject([{ action: 'DescribeInstances', accessKeyId: own, scope: `${region}/ec2` }]);
  });
});

describe('a member account', () => {
  it('is asked about with its own role, once STS has said whose that is', async () => {
    const { found } = await describeAll(open(), member, elsewhere);
    expect(found).toMatchObject([{ sight: { account: member, region: elsewhere, instanceId } }]);
    const { accessKeyId = '', sessionToken } = calls[1] ?? {};
    expect(accessKeyId).toMatch(/^KEY444455556666N\d+$/);
    const credentials = { accessKeyId, sessionToken };
    expect(calls).toEqual([
      {
        ...{ action: 'AssumeRole', accessKeyId: own, sessionToken: undefined, scope: `${region}/sts` },
        parameters: {
          Version: '2011-06-15',
          RoleArn: `arn:aws:iam::${member}:role/muster-prod-member`,
          RoleSessionName: 'muster-prod-verify',
          ExternalId: `muster/${own}/${region}/prod/${member}`,
          DurationSeconds: '900',
        },
      },
      { action: 'GetCallerIdentity', ...credentials, scope: `${region}/sts`, parameters: { Version: '2011-06-15' } },
      { action: 'DescribeInstances', ...credentials, scope: `${elsewhere}/ec2`, parameters: expect.anything() },
    ]);
  });

  it.each([
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
  ])('has its role in the deployment’s partition: %s', async (at, partition) => {
    const there = { ...home, region: at, accounts: { [member]: { regions: [at], launch } } };
    await describeAll(open(Date.now, there), member, at);
    expect(calls[0]?.parameters.RoleArn).toBe(`arn:${partition}:iam::${member}:role/muster-prod-member`);
  });

  it('takes its role once for all who ask, in whatever Region', async () => {
    const ec2 = open();
    const asked = [region, elsewhere, region, elsewhere].flatMap((at) => [
      describeAll(ec2, member, at),
      ec2.describe(member, at, [instanceId]),
    ]);
    await Promise.all(asked);
    expect(actions().filter((action) => action !== 'DescribeInstances')).toEqual(['AssumeRole', 'GetCallerIdentity']);
    const keys = calls.filter(({ action }) => action === 'DescribeInstances');
    expect(new Set(keys.map(({ accessKeyId, scope }) => `${accessKeyId} ${scope}`)).size).toBe(2);
  });

  it('takes it anew five minutes before it ends, and has the new one’s owner confirmed too', async () => {
    const clock = ahead();
    const credentials = openMemberCredentials(home, 'verify', clock.now);
    const first = await credentials(member, region);
    clock.ms = 590_000;
    expect(await credentials(member, region)).toBe(first);
    clock.ms = 601_000;
    expect((await credentials(member, region)).accessKeyId).not.toBe(first.accessKeyId);
    expect(actions()).toEqual(['AssumeRole', 'GetCallerIdentity', 'AssumeRole', 'GetCallerIdentity']);
  });

  it('is asked with the new ones by the client that had the old', async () => {
    members[member] = { lifeSeconds: 200 };
    const ec2 = open();
    await describeAll(ec2, member, region);
    delete members[member];
    await describeAll(ec2, member, region);
    const used = calls.filter(({ action }) => action === 'DescribeInstances');
    expect(new Set(used.map(({ accessKeyId }) => accessKeyId)).size).toBe(2);
  });

  it('and another share nothing', async () => {
    const ec2 = open();
    const answers = await Promise.all([member, other, own].map((account) => describeAll(ec2, account, region)));
    expect(answers.map(({ found }) => found[0]?.facts.imageId)).toEqual([member, other, own].map((id) => `ami-${id}`));
    const externalIds = calls.flatMap(({ parameters }) => parameters.ExternalId ?? []);
    expect(externalIds.sort()).toEqual([member, other].map((id) => `muster/${own}/${region}/prod/${id}`));
  });

  it('and another with an instance of the same id have two records', async () => {
    const store = createMemoryStore({ timing: defaultTiming, onChange: () => {} });
    const messages = [own, member, other].map((account) => ({ account, region, instanceId, attempt: 0 }));
    expect(await verifyInstances(messages, portsOf(store))).toEqual([]);
    for (const { account } of messages) {
      const key = { account, region, instanceId };
      expect(await store.getInstance(key)).toMatchObject({ account, cloud: { state: 'running' } });
      expect(await store.getFacts(key)).toMatchObject({ account, imageId: `ami-${account}` });
    }
  });
});

describe('credentials of another account', () => {
  it('are refused with both accounts’ names, and nothing is asked with them', async () => {
    members[member] = { really: stranger };
    const ec2 = open();
    const failure = await describeAll(ec2, member, region).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(MemberAccountError);
    expect(failure).toMatchObject({
      name: 'MemberAccountMisconfigured',
      message: `the credentials for account ${member} are those of account ${stranger}`,
    });
    await expect(ec2.runInstances(aLaunch({ account: member, region }), '')).rejects.toThrow(stranger);
    await expect(ec2.terminate({ account: member, region, instanceId })).rejects.toThrow(stranger);
    expect(actions()).toEqual(['AssumeRole', 'GetCallerIdentity']);
  });
});

describe('an account or a Region that is not registered', () => {
  it.each([
    [stranger, region],
    [member, 'ap-south-1'],
    ['__proto__', region],
    [`${member}:role/muster-prod-member/`, region],
  ])('is not acted in: %s %s', async (account, at) => {
    const ec2 = open();
    const failure = await ec2.terminate({ account, region: at, instanceId }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Problem);
    expect(failure).toMatchObject({ code: 'account_not_registered', facts: { account, region: at } });
    await expect(describeAll(ec2, account, at)).rejects.toThrow('registered');
    expect(calls).toEqual([]);
  });

  it('is no member’s where nobody gave credentials for members', async () => {
    await expect(describeAll(openEc2(own, Date.now), member, region)).rejects.toThrow(`not ${member}`);
    expect(calls).toEqual([]);
  });
});

describe('STS that gives no role', () => {
  const withoutEnd =
    '<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>KEY444455556666N0</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken></Credentials></AssumeRoleResult></AssumeRoleResponse>';
  const page = '<html><body>Ask your administrator</body></html>';
  it.each([
    ['to Muster', { refuses: accessDenied }, 'MemberAccountMisconfigured'],
    ['for a while', { refuses: { code: 'Throttling', status: 400 } }, 'MemberAccountUnreachable'],
    ['for a fault of its own', { refuses: { code: 'InternalFailure', status: 500 } }, 'MemberAccountUnreachable'],
    ['but a page', { answers: { action: 'AssumeRole', body: page } }, 'MemberAccountUnreachable'],
    ['that ends', { answers: { action: 'AssumeRole', body: withoutEnd } }, 'MemberAccountUnreachable'],
    ['but nothing', { answers: { action: 'AssumeRole', body: '' } }, 'MemberAccountUnreachable'],
    ['whose owner it says', { answers: { action: 'GetCallerIdentity', body: page } }, 'MemberAccountUnreachable'],
  ])('%s is no answer, no end of a launch and no refusal of EC2’s', async (_, does, name) => {
    members[member] = does;
    const ec2 = open();
    const attempts = [
      describeAll(ec2, member, region),
      ec2.describe(member, region, [instanceId]),
      ec2.describeNamed(member, region, [instanceId]),
      ec2.describeByToken(member, region, 'mst-1'),
      ec2.runInstances(aLaunch({ account: member, region }), ''),
      ec2.terminate({ account: member, region, instanceId }),
    ];
    expect(await Promise.all(attempts.map(named))).toEqual(attempts.map(() => name));
    expect(actions()).not.toContain('DescribeInstances');
  });

  it('says which role and why', async () => {
    members[member] = { refuses: accessDenied };
    expect(await wordsOf(describeAll(open(), member, region))).toBe(
      `cannot assume arn:aws:iam::${member}:role/muster-prod-member: AccessDenied: No.`,
    );
  });

  it('is asked again ten seconds later, and believed then', async () => {
    const clock = ahead();
    members[member] = { refuses: accessDenied };
    const ec2 = open(clock.now);
    for (const ms of [0, 1, 9000]) {
      clock.ms = ms;
      expect(await named(describeAll(ec2, member, region))).toBe('MemberAccountMisconfigured');
    }
    expect(actions()).toEqual(['AssumeRole']);
    delete members[member];
    clock.ms = 10_001;
    expect((await describeAll(ec2, member, region)).found).toHaveLength(1);
    expect(actions()).toEqual(['AssumeRole', 'AssumeRole', 'GetCallerIdentity', 'DescribeInstances']);
  });

  it('costs the other accounts of a batch nothing', async () => {
    members[member] = { refuses: accessDenied };
    const store = createMemoryStore({ timing: defaultTiming, onChange: () => {} });
    const ports = portsOf(store);
    const failing = Array.from({ length: 40 }, (_, n) => ({
      ...{ account: member, region, attempt: 0 },
      instanceId: `i-${n.toString(16).padStart(17, '0')}`,
    }));
    const others = [own, other].map((account) => ({ account, region, instanceId, attempt: 0 }));
    expect(await verifyInstances([...failing, ...others], ports)).toEqual(failing);
    for (const key of others) expect(await store.getInstance(key)).toMatchObject({ cloud: { state: 'running' } });
    for (const key of failing) expect(await store.getInstance(key)).toBeUndefined();
    expect(ports.verify.messages).toEqual([]);
    expect(calls.filter(({ parameters }) => parameters.RoleArn?.includes(member))).toHaveLength(1);
  });

  it('and does not answer is not waited for long', { timeout: 10_000 }, async () => {
    members[member] = { hangs: true };
    const ec2 = open();
    const hanging = named(describeAll(ec2, member, region));
    expect((await describeAll(ec2, other, region)).found).toHaveLength(1);
    expect(await hanging).toBe('MemberAccountUnreachable');
  });
});

const portsOf = (store: ReturnType<typeof createMemoryStore>) => ({
  ...{ store, ec2: open(), verify: new KeepingOutbox<VerifyMessage>(), timing: defaultTiming },
  isRegistered: (account: string) => Object.hasOwn(accounts, account),
  alarm: () => {},
  failed: () => {},
});
