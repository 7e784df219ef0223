import { randomUUID } from 'node:crypto';
import { CreateTagsCommand, DescribeInstancesCommand, EC2Client, type Instance } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Ec2, openEc2 } from '#shared/adapters/aws/ec2.ts';
import type { DescribeAnswer, Described } from '#shared/app/ports.ts';
import { attachmentOf } from '#shared/domain/enrollment/attachment.ts';
import type { Launch, LaunchRequest } from '#shared/domain/launch/launch.ts';
import { Problem } from '#shared/domain/problems.ts';
import { describeAll } from '#test/build/whole.ts';
import { aLaunch, aRequest } from '../build/a-launch.ts';
import { type Ec2Engine, rootOf, startMoto, startSimulatedEc2 } from './ec2-engines.ts';
import { engineDifferences } from './engine-differences.ts';

const account = '111122223333';
const region = 'us-east-1';
/** More than a page holds. */
const many = { region: 'eu-west-1', count: 1001 };
const userData = '#cloud-config\n# ä\n';
const [unknown, alsoUnknown] = ['i-0123456789abcdef0', 'i-0fedcba9876543210'] as const;

const rules = new Set<string>();

describe.each([
  { name: 'moto', start: startMoto },
  { name: 'the simulated EC2', start: startSimulatedEc2 },
])('the adapter of EC2, asking $name', ({ name, start }) => {
  let engine: Ec2Engine;
  let ec2: Ec2;
  let sdk: EC2Client;

  beforeAll(async () => {
    engine = await start();
    vi.stubEnv('AWS_ENDPOINT_URL_EC2', engine.url);
    vi.stubEnv('AWS_ACCESS_KEY_ID', account);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'unused');
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
    ec2 = openEc2(account, Date.now);
    sdk = new EC2Client(rootOf(engine.url, region));
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    sdk.destroy();
    await engine.close();
  });
  beforeEach(() => engine.settle());

  /** What AWS answers; what an engine answers that is listed to differ. */
  const rule = (what: string, expected: unknown, observe: () => Promise<unknown>) => {
    rules.add(what);
    const difference = engineDifferences.find((one) => one.engine === name && one.rule === what);
    it(difference ? `not so: ${what}` : what, async () => {
      const observed = await observe();
      if (difference) expect(observed, `${name} does as AWS now: its entry can go`).not.toEqual(expected);
      expect(observed).toEqual(difference ? difference.instead : expected);
    });
  };

  const launchOf = (servers: number, request: Partial<LaunchRequest> = {}): Launch =>
    aLaunch({
      id: `lch_${randomUUID()}`,
      request: { ...aRequest, imageId: engine.known.imageId, ...request },
      servers: Array.from({ length: servers }, (_, n) => ({ serverId: `srv_${n}`, generation: 1 })),
    });

  const launched = async (launch: Launch, data = userData): Promise<readonly Described[]> => {
    const answer = await ec2.runInstances(launch, data);
    expect(answer).toMatchObject({ outcome: 'launched' });
    return 'described' in answer ? answer.described : [];
  };

  const launchIds = async (...of: Parameters<typeof launchOf>): Promise<string[]> =>
    idsOf({ found: await launched(launchOf(...of)) });

  /** By the SDK alone, in the order of their indexes. */
  const asTheyAre = async (InstanceIds: string[]): Promise<Instance[]> => {
    const { Reservations = [] } = await sdk.send(new DescribeInstancesCommand({ InstanceIds }));
    const instances = Reservations.flatMap(({ Instances = [] }) => Instances);
    return instances.sort((a, b) => (a.AmiLaunchIndex ?? 0) - (b.AmiLaunchIndex ?? 0));
  };

  const describedOnly = async (instanceId: string): Promise<Described> => {
    const { found } = await ec2.describe(account, region, [instanceId]);
    expect(idsOf({ found })).toEqual([instanceId]);
    return found[0]!;
  };

  describe('a launch', () => {
    it('is asked for as it is written down', async () => {
      const { subnetId, securityGroupId, imageId } = engine.known;
      const tags = { role: 'web', empty: '' };
      const launch = launchOf(3, { subnetId, securityGroupIds: [securityGroupId], keyName: 'ops', hopLimit: 3, tags });
      const ids = idsOf({ found: await launched(launch) });
      const instances = await asTheyAre(ids);
      expect(instances.map(({ InstanceId }) => InstanceId)).toEqual(ids);
      for (const [index, instance] of instances.entries()) {
        expect(instance).toMatchObject({
          ImageId: imageId,
          InstanceType: 't4g.small',
          SubnetId: subnetId,
          KeyName: 'ops',
          AmiLaunchIndex: index,
          ClientToken: `mst-${launch.id}`,
          MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 3, HttpEndpoint: 'enabled' },
        });
        expect(instance.SecurityGroups?.map(({ GroupId }) => GroupId)).toEqual([securityGroupId]);
        expect(Object.fromEntries((instance.Tags ?? []).map(({ Key, Value }) => [Key, Value]))).toEqual(tags);
      }
      const kept = await Promise.all(ids.map((id) => engine.userDataOf(id)));
      expect(kept.map((text) => Buffer.from(text!, 'base64').toString())).toEqual([userData, userData, userData]);
    });

    it('is answered with its instances, the first server’s first', async () => {
      const sentAfter = Date.now();
      const launch = launchOf(3, { subnetId: engine.known.subnetId });
      const described = await launched(launch);
      expect(new Set(idsOf({ found: described })).size).toBe(3);
      for (const [index, { sight }] of described.entries()) {
        expect(sight).toMatchObject({
          ...{ account, region, state: 'pending', source: 'launch', transitionAt: null },
          ...{ clientToken: `mst-${launch.id}`, amiLaunchIndex: index, instanceType: 't4g.small' },
          ...{ imageId: engine.known.imageId, subnetId: engine.known.subnetId },
        });
        expect(sight.sentAt).toBeGreaterThanOrEqual(sentAfter);
        expect(sight.sentAt).toBeLessThanOrEqual(Date.now());
      }
    });

    it('that EC2 will never take is refused by EC2’s own code', async () => {
      const refused = await ec2.runInstances(launchOf(1, { subnetId: 'subnet-0123' }), userData);
      expect(refused).toMatchObject({ outcome: 'refused', code: 'InvalidSubnetID.NotFound' });
      expect(refused).toHaveProperty('message', expect.stringContaining('subnet-0123'));
    });

    rule('a launch that is sent twice is launched once', 2, async () => {
      const launch = launchOf(2);
      const found = [...(await launched(launch)), ...(await launched(launch))];
      return new Set(idsOf({ found })).size;
    });

    rule('another request under the same client token is no launch', 'token_mismatch', async () => {
      const launch = launchOf(1);
      await launched(launch);
      return (await ec2.runInstances(launch, 'other')).outcome;
    });

    rule('a client token whose instance has ended launches no more', 'token_terminated', async () => {
      const launch = launchOf(1);
      const [id] = idsOf({ found: await launched(launch) });
      await ec2.terminate({ account, region, instanceId: id! });
      engine.settle();
      return (await ec2.runInstances(launch, userData)).outcome;
    });

    rule('what a client token launched is found by it', 2, async () => {
      const launch = launchOf(2);
      await launched(launch);
      await launched(launchOf(1));
      const asked = ec2.describeByToken(account, region, `mst-${launch.id}`);
      return asked.then(({ found }) => found.length, wordsOf);
    });

    rule('all instances of a launch have its instance profile', ['web', 'web'], async () => {
      const { instanceProfileArn } = engine.known;
      const ids = await launchIds(2, { instanceProfileArn });
      const { found } = await ec2.describe(account, region, ids);
      return inOrder(found).map(({ facts }) => facts.instanceProfileArn?.replace(/.*\//, '') ?? null);
    });
  });

  describe('an instance', () => {
    it('is described with all that Muster keeps of it', async () => {
      const [id] = await launchIds(1, { subnetId: engine.known.subnetId, tags: { Name: 'web 1' } });
      engine.settle();
      const { sight, facts } = await describedOnly(id!);
      const [instance] = await asTheyAre([id!]);
      expect(sight).toMatchObject({
        state: 'running',
        launchTime: instance?.LaunchTime?.getTime(),
        source: 'describe',
      });
      // When its root volume came is a rule of its own.
      const { rootVolumeId: _volume, rootAttachedAt: _at, ...others } = facts;
      const [first] = instance?.NetworkInterfaces ?? [];
      expect(others).toEqual({
        ...{ launchTime: sight.launchTime, rootDeviceType: 'ebs', rootDeviceName: instance?.RootDeviceName },
        interfaceAttachedAt: first?.Attachment?.AttachTime?.getTime(),
        ...{ account, region, instanceId: id, imageId: engine.known.imageId, instanceType: 't4g.small' },
        ...{ architecture: 'arm64', clientToken: instance?.ClientToken, amiLaunchIndex: 0 },
        ...{ instanceProfileArn: null, managedBy: null },
        ...{ subnetId: engine.known.subnetId, vpcId: instance?.VpcId },
        availabilityZone: instance?.Placement?.AvailabilityZone,
        ...{ privateIp: instance?.PrivateIpAddress, publicIp: instance?.PublicIpAddress },
        ...{ tags: { Name: 'web 1' }, describedAt: sight.sentAt },
      });
      const { availabilityZone, vpcId, privateIp, publicIp } = facts;
      expect(availabilityZone).toMatch(/^us-east-1[a-f]$/);
      expect(vpcId).toMatch(/^vpc-/);
      expect([privateIp, publicIp]).toEqual([expect.stringMatching(ipv4), expect.stringMatching(ipv4)]);
    });

    rule('one that runs shows when its root volume and its first interface came', 'consistent', async () => {
      const [id] = await launchIds(1);
      engine.settle();
      return attachmentOf((await describedOnly(id!)).facts);
    });

    it('keeps its tags, whatever their keys and values', async () => {
      const [id] = await launchIds(1, { tags: oddTags });
      expect((await describedOnly(id!)).facts.tags).toEqual(oddTags);
    });

    it('with a tag __proto__ is described without it', async () => {
      const [id] = await launchIds(1, { tags: { role: 'web' } });
      const Tags = [{ Key: '__proto__', Value: 'x' }];
      await sdk.send(new CreateTagsCommand({ Resources: [id!], Tags }));
      expect((await asTheyAre([id!]))[0]?.Tags).toContainEqual(Tags[0]);
      const { tags } = (await describedOnly(id!)).facts;
      expect(Object.entries(tags)).toEqual([['role', 'web']]);
      expect(Object.getPrototypeOf(tags)).toBe(Object.prototype);
    });

    rule('one that runs has no state reason', null, async () => {
      const [id] = await launchIds(1);
      engine.settle();
      return (await describedOnly(id!)).sight.stateReason;
    });

    it('ends when it is terminated, and may be told so again', async () => {
      const [ending, other] = await launchIds(2);
      await ec2.terminate({ account, region, instanceId: ending! });
      const { sight } = await describedOnly(ending!);
      expect(['shutting-down', 'terminated']).toContain(sight.state);
      expect(sight.stateReason).toBe('Client.UserInitiatedShutdown');
      await ec2.terminate({ account, region, instanceId: ending! });
      engine.settle();
      expect((await describedOnly(ending!)).sight.state).toBe('terminated');
      expect((await describedOnly(other!)).sight.state).toBe('running');
    });

    rule('the time of its termination is known', 'within a minute of its launch', async () => {
      const [id] = await launchIds(1);
      await ec2.terminate({ account, region, instanceId: id! });
      const { transitionAt, launchTime } = (await describedOnly(id!)).sight;
      if (transitionAt === null) return null;
      return Math.abs(transitionAt - launchTime) < 60_000 ? 'within a minute of its launch' : transitionAt;
    });

    it('that EC2 does not know is not terminated', async () => {
      const refusal = await ec2.terminate({ account, region, instanceId: unknown }).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(Problem);
      expect(refusal).toMatchObject({
        code: 'ec2_refused',
        facts: { instanceId: unknown, ec2Code: 'InvalidInstanceID.NotFound' },
      });
    });
  });

  describe('a question by ids', () => {
    it.each(['describe', 'describeNamed'] as const)('leaves out the unknown: %s', async (how) => {
      const ids = await launchIds(2);
      await launchIds(1);
      const { found } = await ec2[how](account, region, [unknown, ...ids, alsoUnknown]);
      expect(idsOf({ found }).sort()).toEqual(ids.sort());
      expect(await ec2[how](account, region, [unknown])).toMatchObject({ found: [] });
    });

    rule('what is no id at all is refused', 'InvalidInstanceID.Malformed', () =>
      ec2.describeNamed(account, region, ['nonsense']).then(idsOf, wordsOf),
    );
  });

  describe('a region of more than a page', () => {
    let ids: string[];
    beforeAll(async () => {
      ids = await engine.launchMany(many.region, many.count);
      expect(new Set(ids).size).toBe(many.count);
    });

    it('is listed whole, each instance once', async () => {
      const page = await regional(engine.url, (client) =>
        client.send(new DescribeInstancesCommand({ MaxResults: 1000 })),
      );
      expect(page.NextToken).toEqual(expect.any(String));
      expect(idsOf(await describeAll(ec2, account, many.region)).sort()).toEqual(ids.toSorted());
    });

    it.each(['describe', 'describeNamed'] as const)('is asked for 200 ids at once: %s', async (how) => {
      const some = ids.slice(400, 600);
      expect(idsOf(await ec2[how](account, many.region, some)).sort()).toEqual(some.toSorted());
    });

    it('is asked for the known among 200 by name', async () => {
      const some = ids.slice(0, 198);
      const asked = [...some.slice(0, 50), unknown, ...some.slice(50), alsoUnknown];
      expect(idsOf(await ec2.describeNamed(account, many.region, asked)).sort()).toEqual(some.toSorted());
    });

    rule('an answer to ids has no pages', undefined, async () => {
      const question = new DescribeInstancesCommand({ InstanceIds: ids.slice(0, 200) });
      const { NextToken } = await regional(engine.url, (client) => client.send(question));
      return NextToken && 'a token for the next page';
    });
  });

  describe('a listing', () => {
    it('of a region where nothing is, is empty', async () => {
      expect(await describeAll(ec2, account, 'eu-central-1')).toMatchObject({ found: [] });
    });

    it('of another account than the one asked for is not believed', async () => {
      await launchIds(1);
      const mistaken = openEc2('999988887777', Date.now);
      await expect(describeAll(mistaken, '999988887777', region)).rejects.toThrow('another account');
    });

    it('is no empty one where the credentials are not good', async () => {
      const trust = await engine.distrust();
      const asked = [
        describeAll(ec2, account, region),
        ec2.describe(account, region, [unknown]),
        ec2.describeNamed(account, region, [unknown]),
      ];
      const failures = await Promise.all(asked.map((answer) => answer.then(idsOf, wordsOf)));
      await trust();
      expect(failures).toEqual(['AuthFailure', 'AuthFailure', 'AuthFailure']);
      expect(await ec2.describe(account, region, [unknown])).toMatchObject({ found: [] });
    });
  });
});

it('every listed difference is one of a rule', () => {
  expect(engineDifferences.filter(({ rule }) => !rules.has(rule))).toEqual([]);
});

/** Names of an object's own and of XML; text that a parser could take for a number, a truth or space to be trimmed. */
const oddTags = {
  ...{ constructor: 'x', toString: 'y', 'a b/c:d': '', ' padded ': '  padded  ' },
  ...{ zero: '007', truth: 'true', float: '12.50', exponent: '1e5', nothing: 'null' },
  ...{ '<&>"\'': ']]>&amp;&#65;', lines: 'a\nb\tc', 'ä😀': 'ö😀' },
};
const ipv4 = /^\d+\.\d+\.\d+\.\d+$/;

const idsOf = ({ found }: Pick<DescribeAnswer, 'found'>): string[] => found.map(({ sight }) => sight.instanceId);
const inOrder = (found: readonly Described[]): Described[] =>
  found.toSorted((a, b) => a.sight.amiLaunchIndex - b.sight.amiLaunchIndex);

/** EC2's own code, where it was EC2 that refused. */
const wordsOf = (error: Error & { Code?: string }): string => error.Code ?? 'no words of EC2’s';

async function regional<T>(url: string, ask: (client: EC2Client) => Promise<T>): Promise<T> {
  const client = new EC2Client(rootOf(url, many.region));
  return ask(client).finally(() => client.destroy());
}
