import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  CreateSecurityGroupCommand,
  DescribeImagesCommand,
  DescribeInstanceAttributeCommand,
  DescribeSubnetsCommand,
  EC2Client,
  RequestSpotInstancesCommand,
} from '@aws-sdk/client-ec2';
import { CreateInstanceProfileCommand, IAMClient } from '@aws-sdk/client-iam';
import { startEc2Server } from '#local/aws/ec2/server.ts';
import { pythonWith } from '#local/stack/python.ts';
import { startTethered } from '#local/stack/tethered.ts';
import { freePort } from '../e2e/muster-process.ts';
import { account, makeRegion, regionName } from '../local/aws/ec2/lab.ts';

/** Somebody who answers for EC2, and what a test does there that no Muster does. */
export interface Ec2Engine {
  /** For AWS_ENDPOINT_URL_EC2; whoever's access key id is the account's number is its root. */
  readonly url: string;
  /** What a launch may name there, in the home region. The image is for arm64. */
  readonly known: { imageId: string; subnetId: string; securityGroupId: string; instanceProfileArn: string };
  /** Of a launched instance in the home region, in base64. */
  userDataOf(instanceId: string): Promise<string | undefined>;
  /** Launches so many, in whatever way is quickest there. */
  launchMany(region: string, count: number): Promise<string[]>;
  /** No call's credentials are good any more, until the function that this gives is called. */
  distrust(): Promise<() => Promise<void>>;
  /** All that is under way comes to its end, and nothing is throttled for what was before. */
  settle(): void;
  close(): Promise<void>;
}

/** For a client of the account's root. */
export const rootOf = (url: string, region: string) => ({
  endpoint: url,
  region,
  credentials: { accessKeyId: account, secretAccessKey: 'unused' },
  maxAttempts: 1,
});

/** Moto's EC2, which nobody of Muster wrote. */
export async function startMoto(): Promise<Ec2Engine> {
  const repository = resolve(import.meta.dirname, '../..');
  const requirements = join(repository, 'test/deployed/checks.txt');
  const python = await pythonWith({ requirements, folder: join(repository, '.muster/python'), say: console.log });
  const folder = await mkdtemp(join(tmpdir(), 'muster-moto-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = await startTethered({
    name: 'Moto',
    python,
    args: ['moto.server', '-H', '127.0.0.1', '-p', String(port)],
    env: { MOTO_ACCOUNT_ID: account, TMPDIR: folder },
    logFile: join(folder, 'moto.log'),
    healthUrl: `${url}/moto-api/`,
  });
  const ec2 = new EC2Client(rootOf(url, regionName));
  const trustAfter = (calls: string) => fetch(`${url}/moto-api/reset-auth`, { method: 'POST', body: calls });
  return {
    url,
    known: await knownToMoto(url, ec2),
    async userDataOf(InstanceId) {
      const { UserData } = await ec2.send(new DescribeInstanceAttributeCommand({ InstanceId, Attribute: 'userData' }));
      return UserData?.Value;
    },
    // Its pages count reservations, and this makes as many: each spot request has one of its own.
    async launchMany(region, InstanceCount) {
      const LaunchSpecification = { ImageId: 'ami-1', InstanceType: 't4g.nano' } as const;
      const request = new RequestSpotInstancesCommand({ InstanceCount, LaunchSpecification });
      const { SpotInstanceRequests = [] } = await new EC2Client(rootOf(url, region)).send(request);
      return SpotInstanceRequests.flatMap(({ InstanceId }) => InstanceId ?? []);
    },
    async distrust() {
      await trustAfter('0');
      return async () => void (await trustAfter('inf'));
    },
    settle: () => {},
    async close() {
      ec2.destroy();
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}

async function knownToMoto(url: string, ec2: EC2Client): Promise<Ec2Engine['known']> {
  const Filters = [{ Name: 'architecture', Values: ['arm64'] }];
  const { Images: [image] = [] } = await ec2.send(new DescribeImagesCommand({ Filters }));
  const { Subnets: [subnet] = [] } = await ec2.send(new DescribeSubnetsCommand({}));
  const group = { GroupName: 'web', Description: 'web', VpcId: subnet?.VpcId };
  const { GroupId } = await ec2.send(new CreateSecurityGroupCommand(group));
  const iam = new IAMClient(rootOf(url, regionName));
  const { InstanceProfile } = await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: 'web' }));
  return {
    imageId: image?.ImageId ?? '',
    subnetId: subnet?.SubnetId ?? '',
    securityGroupId: GroupId ?? '',
    instanceProfileArn: InstanceProfile?.Arn ?? '',
  };
}

/** Muster's own, with a clock that stands still until all is to settle. */
export async function startSimulatedEc2(): Promise<Ec2Engine> {
  const { region: simulated, clock } = makeRegion();
  const server = await startEc2Server({ region: simulated, defaultAccount: account, newRequestId: randomUUID });
  const settle = () => clock.advance(600_000);
  const launch = (region: string, count: number) => {
    settle();
    const request = { MinCount: count, MaxCount: count, ImageId: 'ami-00000001' };
    const { Instances = [] } = simulated.runInstances({ account, region }, request);
    return Instances.flatMap(({ InstanceId }) => InstanceId ?? []);
  };
  return {
    url: server.url,
    known: {
      imageId: 'ami-0123456789abcdef0',
      subnetId: 'subnet-00000001',
      securityGroupId: 'sg-00000001',
      instanceProfileArn: `arn:aws:iam::${account}:instance-profile/web`,
    },
    async userDataOf(instanceId) {
      const instance = simulated.instance({ account, region: regionName, instanceId });
      return instance?.configuration.userData ?? undefined;
    },
    async launchMany(region, count) {
      // Ten minutes give back the tokens for so many.
      const ids: string[] = [];
      while (ids.length < count) ids.push(...launch(region, Math.min(count - ids.length, 1000)));
      return ids;
    },
    async distrust() {
      const trust = simulated.faults.add({ what: 'refuse', where: { service: 'ec2' }, code: 'AuthFailure' });
      return async () => trust();
    },
    settle,
    close: server.close,
  };
}
