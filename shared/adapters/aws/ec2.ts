import {
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  type DescribeInstancesCommandOutput,
  EC2Client,
  type EC2ClientConfig,
  type Instance as Ec2Instance,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { LaunchAnswer, Launcher } from '#shared/app/launch/run-launch.ts';
import type { DescribeAnswer, Described } from '#shared/app/ports.ts';
import { readCallLimits } from '#shared/config.ts';
import { partitionOf } from '#shared/domain/account/accounts.ts';
import { transitionTime } from '#shared/domain/cloud/merge-describe.ts';
import { type InstanceKey, isEc2State } from '#shared/domain/instance/instance.ts';
import { clientTokenOf, type Launch } from '#shared/domain/launch/launch.ts';
import { Problem } from '#shared/domain/problems.ts';
import { attachmentsOf } from './ec2-attachments.ts';
import type { MemberCredentials } from './member-credentials.ts';

/** DescribeInstances lists up to 1,000 a page (API_DescribeInstances.html). */
const pageSize = 1000;

export interface Ec2 extends Launcher {
  terminate(key: InstanceKey): Promise<void>;
}

/**
 * EC2 by the functions' own credentials for the deployment's account, and by a member's for that member: EC2 answers about whoever asks,
 * and what it says of one account would end all records of another. Without `memberCredentials`, members are refused. One client per
 * partition, account and region, kept for the life of the process. `settings` are for every client: a transport other than the network.
 */
export function openEc2(
  ownAccount: string,
  now: () => number,
  memberCredentials?: MemberCredentials,
  settings: EC2ClientConfig = {},
): Ec2 {
  const clients = new Map<string, EC2Client>();
  const pageLimits = settings.requestHandler ? {} : { requestTimeout: readCallLimits('page').requestTimeout };

  /** Member credentials are asked for here as well, so that what goes wrong with them is no refusal of EC2's. */
  async function clientOf(account: string, region: string): Promise<EC2Client> {
    const credentials = account === ownAccount ? undefined : await credentialsOf(account, region);
    const key = `${partitionOf(region)}/${account}/${region}`;
    const client =
      clients.get(key) ??
      new EC2Client({ requestHandler: readCallLimits(), ...settings, region, ...(credentials && { credentials }) });
    clients.set(key, client);
    return client;
  }

  /** For a client: it asks again when they near their end. */
  async function credentialsOf(account: string, region: string) {
    if (!memberCredentials) throw new Error(`EC2 is asked as account ${ownAccount}, not ${account}`);
    const credentials = () => memberCredentials(account, region);
    await credentials();
    return credentials;
  }

  /** One missing id fails the whole request: halved until the ids that EC2 knows have been asked for. */
  async function listNamed(account: string, region: string, ids: readonly string[]): Promise<DescribeAnswer> {
    try {
      return await list(account, region, { InstanceIds: [...ids] });
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'InvalidInstanceID.NotFound') throw error;
      if (ids.length <= 1) return { sentAt: now(), found: [], unreadableIds: [] };
      const middle = ids.length >> 1;
      const first = await listNamed(account, region, ids.slice(0, middle));
      const second = await listNamed(account, region, ids.slice(middle));
      return {
        sentAt: first.sentAt,
        found: [...first.found, ...second.found],
        unreadableIds: [...first.unreadableIds, ...second.unreadableIds],
      };
    }
  }

  async function list(account: string, region: string, input: DescribeInstancesCommandInput): Promise<DescribeAnswer> {
    const answers = await Array.fromAsync(pages(account, region, input));
    return {
      sentAt: Math.min(...answers.map(({ sentAt }) => sentAt)),
      found: answers.flatMap(({ found }) => found),
      unreadableIds: answers.flatMap(({ unreadableIds }) => unreadableIds),
    };
  }

  async function* pages(
    account: string,
    region: string,
    input: DescribeInstancesCommandInput,
    limits: { requestTimeout?: number } = {},
  ): AsyncGenerator<DescribeAnswer, void> {
    const client = await clientOf(account, region);
    const sentAt = now();
    const tokens = new Set<string>();
    let NextToken: string | undefined;
    do {
      const request = new DescribeInstancesCommand({
        ...input,
        ...(!input.InstanceIds && { MaxResults: pageSize }),
        // Instances that another AWS service manages exist too
        IncludeManagedResources: true,
        NextToken,
      });
      const { page, next } = await readPage(() => client.send(request, limits), account, region, sentAt);
      NextToken = next;
      if (NextToken !== undefined && tokens.has(NextToken))
        throw new Error('EC2 repeated a page token: the listing is not whole');
      if (NextToken !== undefined) tokens.add(NextToken);
      yield page;
    } while (NextToken !== undefined);
  }

  return {
    describe: (account, region, ids) => list(account, region, { Filters: [{ Name: 'instance-id', Values: [...ids] }] }),
    describeNamed: listNamed,
    describePages: (account, region) => pages(account, region, {}, pageLimits),
    describeByToken: (account, region, token) =>
      list(account, region, { Filters: [{ Name: 'client-token', Values: [token] }] }),
    async runInstances(launch, userData) {
      return runInstances(await clientOf(launch.account, launch.region), launch, userData, now());
    },
    async terminate({ account, region, instanceId }) {
      const client = await clientOf(account, region);
      const request = new TerminateInstancesCommand({ InstanceIds: [instanceId] });
      const answer = await client.send(request).catch((error: Error) => {
        throw new Problem('ec2_refused', 'EC2 did not terminate the instance', { instanceId, ec2Code: error.name });
      });
      answered(answer.TerminatingInstances);
    },
  };
}

/** One page of a listing. EC2's own objects end with this call: they are ten times as large as what is read of them. */
async function readPage(
  ask: () => Promise<DescribeInstancesCommandOutput>,
  account: string,
  region: string,
  sentAt: number,
): Promise<{ page: DescribeAnswer; next: string | undefined }> {
  const { Reservations, NextToken: next } = await ask();
  const found: Described[] = [];
  const unreadableIds: string[] = [];
  for (const reservation of answered(Reservations)) {
    // A region's listing is of one account; anything else is not ours to believe.
    if (reservation.OwnerId !== undefined && reservation.OwnerId !== account)
      throw new Error('EC2 answered for another account');
    for (const instance of reservation.Instances ?? []) {
      const described = describedOf(account, region, instance, sentAt);
      if (described) found.push(described);
      else unreadableIds.push(instance.InstanceId ?? '');
    }
  }
  return { page: { sentAt, found, unreadableIds }, next };
}

async function runInstances(
  client: EC2Client,
  launch: Launch,
  userData: string,
  sentAt: number,
): Promise<LaunchAnswer> {
  try {
    const answer = await client.send(new RunInstancesCommand(requestOf(launch, userData)));
    const described = answered(answer.Instances).map((instance) => {
      const one = describedOf(launch.account, launch.region, instance, sentAt, 'launch');
      if (!one) throw new Error('RunInstances answered an instance without id, state or LaunchTime');
      return one;
    });
    return { outcome: 'launched', described };
  } catch (error) {
    return nameFailure(error);
  }
}

/** The same bytes at every attempt: all of it comes from the frozen launch. */
function requestOf(launch: Launch, userData: string): RunInstancesCommandInput {
  const { request } = launch;
  const count = launch.servers.length;
  const tags = Object.entries(request.tags).map(([Key, Value]) => ({ Key, Value }));
  return {
    ClientToken: clientTokenOf(launch),
    ImageId: request.imageId,
    InstanceType: request.instanceType as NonNullable<RunInstancesCommandInput['InstanceType']>,
    MinCount: count,
    MaxCount: count,
    UserData: Buffer.from(userData).toString('base64'),
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: request.hopLimit, HttpEndpoint: 'enabled' },
    ...(request.subnetId !== null && { SubnetId: request.subnetId }),
    ...(request.securityGroupIds.length > 0 && { SecurityGroupIds: [...request.securityGroupIds] }),
    ...(request.instanceProfileArn !== null && { IamInstanceProfile: { Arn: request.instanceProfileArn } }),
    ...(request.keyName !== null && { KeyName: request.keyName }),
    ...(tags.length > 0 && { TagSpecifications: [{ ResourceType: 'instance', Tags: tags }] }),
  };
}

/** EC2's list of what was asked for, which it sends even if it is empty: an answer without it is some proxy's, or nobody's. */
function answered<T>(list: readonly T[] | undefined): readonly T[] {
  if (!list) throw new Error('what was answered is no answer of EC2’s');
  return list;
}

/**
 * What an error of RunInstances means (ec2/latest/devguide/ec2-api-idempotency.html). EC2's own throttles, missing capacity and faults are
 * refusals for now. Faults of the network and refusals by anything but EC2 throw. For both the queue tries again until the launch's deadline.
 */
function nameFailure(error: unknown): LaunchAnswer {
  // EC2 gives a code with whatever it refuses; a proxy's page has none, whatever its status.
  const { Code: code, message = '', $metadata } = error as Ec2Error;
  if (code === undefined) throw error;
  if (code === 'IdempotentParameterMismatch') return { outcome: 'token_mismatch' };
  if (code === 'IdempotentInstanceTerminated') return { outcome: 'token_terminated' };
  const status = $metadata?.httpStatusCode ?? 500;
  const isRefusal = status >= 400 && status < 500 && status !== 429 && !passes(code, message);
  return { outcome: isRefusal ? 'refused' : 'refused_for_now', code, message: message.slice(0, messageLimit) };
}

interface Ec2Error {
  Code?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
}

/** EC2's messages name a value and a reason; what is longer is an encoded report for `sts:DecodeAuthorizationMessage`. */
const messageLimit = 500;

/**
 * Refusals with a status of 4xx that pass by themselves (AWSEC2/latest/APIReference/errors-overview.html): throttling, the verification of
 * a new account, and an instance profile that EC2 does not know for some seconds after it was made.
 */
const passes = (code: string, message: string): boolean =>
  code === 'RequestLimitExceeded' ||
  code === 'PendingVerification' ||
  (code === 'InvalidParameterValue' && /iam ?instance ?profile/i.test(message));

/** A tag `__proto__` is left out: JavaScript's objects cannot carry it through a store and back. */
function tagsOf({ Tags = [] }: Ec2Instance): Record<string, string> {
  return Object.fromEntries(Tags.flatMap(({ Key = '', Value = '' }) => (Key === '__proto__' ? [] : [[Key, Value]])));
}

/** Undefined if the answer lacks id, state or LaunchTime, or has an unknown state: such an instance exists, and nothing else is known of it. */
function describedOf(
  account: string,
  region: string,
  instance: Ec2Instance,
  sentAt: number,
  source: 'describe' | 'launch' = 'describe',
): Described | undefined {
  const { InstanceId: instanceId, LaunchTime: launchTime } = instance;
  const state = instance.State?.Name;
  if (!instanceId || !launchTime || !isEc2State(state)) return undefined;
  const key = { account, region, instanceId };
  const imageId = instance.ImageId ?? '';
  const instanceType = instance.InstanceType ?? '';
  const subnetId = instance.SubnetId ?? null;
  const clientToken = instance.ClientToken || null;
  const amiLaunchIndex = instance.AmiLaunchIndex ?? 0;
  const sight = {
    ...key,
    state,
    launchTime: launchTime.getTime(),
    transitionAt: transitionTime(instance.StateTransitionReason),
    stateReason: instance.StateReason?.Code ?? null,
    sentAt,
    source,
    ...{ clientToken, amiLaunchIndex, imageId, instanceType, subnetId },
  };
  const facts = {
    ...key,
    ...{ imageId, instanceType, subnetId, clientToken, amiLaunchIndex },
    launchTime: launchTime.getTime(),
    ...attachmentsOf(instance),
    architecture: instance.Architecture ?? null,
    availabilityZone: instance.Placement?.AvailabilityZone ?? null,
    vpcId: instance.VpcId ?? null,
    privateIp: instance.PrivateIpAddress ?? null,
    publicIp: instance.PublicIpAddress ?? null,
    instanceProfileArn: instance.IamInstanceProfile?.Arn ?? null,
    managedBy: instance.Operator?.Managed ? (instance.Operator.Principal ?? 'another AWS service') : null,
    tags: tagsOf(instance),
    describedAt: sentAt,
  };
  return { sight, facts };
}
