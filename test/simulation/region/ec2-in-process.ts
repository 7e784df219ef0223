import type { DescribeInstancesRequest, Instance as Ec2Instance } from '@aws-sdk/client-ec2';
import { Ec2Error } from '#local/aws/ec2/ec2-error.ts';
import type { Ec2Region } from '#local/aws/ec2/region.ts';
import { attachmentsOf } from '#shared/adapters/aws/ec2-attachments.ts';
import type { LaunchAnswer, Launcher } from '#shared/app/launch/run-launch.ts';
import type { DescribeAnswer, Described } from '#shared/app/ports.ts';
import { transitionTime } from '#shared/domain/cloud/merge-describe.ts';
import { type InstanceKey, isEc2State } from '#shared/domain/instance/instance.ts';
import { clientTokenOf, type Launch } from '#shared/domain/launch/launch.ts';
import type { Instant } from '#shared/domain/time.ts';

/** What one answer of EC2's said; `complete`: it lists a whole account and region. */
export interface Answer {
  account: string;
  region: string;
  sentAt: Instant;
  complete: boolean;
  instances: readonly Ec2Instance[];
}

/** Somebody who looks on. */
export interface Onlooker {
  answered(answer: Answer): void;
  /** RunInstances is about to be sent. */
  sent(launchId: string): void;
}

/** Small enough that a few instances take more than one page; DescribeInstances takes no less. */
const pageSize = 5;

/** EC2 as Muster's ports have it, over a simulated region in the same process: no network, no time passes. */
export function ec2InProcess(region: Ec2Region, now: () => Instant, onlooker: Onlooker): Launcher {
  const ask = (account: string, name: string, input: DescribeInstancesRequest, complete: boolean): DescribeAnswer => {
    const sentAt = now();
    const instances = allPages(region, { account, region: name }, input);
    onlooker.answered({ account, region: name, sentAt, complete, instances });
    return { sentAt, found: instances.map((one) => describedOf(account, name, one, sentAt, 'describe')) };
  };
  const byFilter = (Name: string, values: readonly string[]) => ({ Filters: [{ Name, Values: [...values] }] });
  return {
    describe: async (account, name, ids) => ask(account, name, byFilter('instance-id', ids), false),
    describeNamed: async (account, name, ids) => askNamed(ask, account, name, ids),
    describeAll: async (account, name) => ask(account, name, {}, true),
    describeByToken: async (account, name, token) => ask(account, name, byFilter('client-token', [token]), false),
    async runInstances(launch, userData) {
      onlooker.sent(launch.id);
      return runInstances(region, launch, userData, { sentAt: now(), onlooker });
    },
  };
}

function allPages(region: Ec2Region, place: { account: string; region: string }, input: DescribeInstancesRequest) {
  const instances: Ec2Instance[] = [];
  const seen = new Set<string>();
  let NextToken: string | undefined;
  do {
    const paging = input.InstanceIds ? {} : { MaxResults: pageSize, ...(NextToken !== undefined && { NextToken }) };
    const page = region.describeInstances(place, { ...input, ...paging });
    instances.push(...(page.Reservations ?? []).flatMap(({ Instances = [] }) => Instances));
    NextToken = page.NextToken;
    if (NextToken !== undefined && seen.has(NextToken)) throw new Error('a page token came twice');
    if (NextToken !== undefined) seen.add(NextToken);
  } while (NextToken !== undefined);
  return instances;
}

type Ask = (account: string, region: string, input: DescribeInstancesRequest, complete: boolean) => DescribeAnswer;

/** One missing id fails the whole request: halved until every id that is known has been asked for. */
function askNamed(ask: Ask, account: string, region: string, ids: readonly string[]): DescribeAnswer {
  try {
    return ask(account, region, { InstanceIds: [...ids] }, false);
  } catch (error) {
    if (!(error instanceof Ec2Error) || error.name !== 'InvalidInstanceID.NotFound' || ids.length === 0) throw error;
    if (ids.length === 1) return { sentAt: Number.POSITIVE_INFINITY, found: [] };
    const middle = ids.length >> 1;
    const halves = [ids.slice(0, middle), ids.slice(middle)].map((half) => askNamed(ask, account, region, half));
    return { sentAt: Math.min(...halves.map(({ sentAt }) => sentAt)), found: halves.flatMap(({ found }) => found) };
  }
}

function runInstances(
  region: Ec2Region,
  launch: Launch,
  userData: string,
  { sentAt, onlooker }: { sentAt: Instant; onlooker: Onlooker },
): LaunchAnswer {
  const { request, account } = launch;
  const count = launch.servers.length;
  try {
    const { Instances = [] } = region.runInstances(
      { account, region: launch.region },
      {
        ClientToken: clientTokenOf(launch),
        ImageId: request.imageId,
        InstanceType: request.instanceType as NonNullable<Ec2Instance['InstanceType']>,
        MinCount: count,
        MaxCount: count,
        UserData: Buffer.from(userData).toString('base64'),
        ...(request.subnetId !== null && { SubnetId: request.subnetId }),
      },
    );
    onlooker.answered({ account, region: launch.region, sentAt, complete: false, instances: Instances });
    return {
      outcome: 'launched',
      described: Instances.map((one) => describedOf(account, launch.region, one, sentAt, 'launch')),
    };
  } catch (error) {
    return outcomeOf(error);
  }
}

/** As shared/adapters/aws/ec2.ts has it: token errors have names, the caller's mistakes are final, all else is tried again. */
function outcomeOf(error: unknown): LaunchAnswer {
  if (!(error instanceof Ec2Error)) throw error;
  if (error.name === 'IdempotentParameterMismatch') return { outcome: 'token_mismatch' };
  if (error.name === 'IdempotentInstanceTerminated') return { outcome: 'token_terminated' };
  if (error.status < 500) return { outcome: 'refused', code: error.name };
  throw error;
}

function describedOf(
  account: string,
  region: string,
  instance: Ec2Instance,
  sentAt: Instant,
  source: 'describe' | 'launch',
): Described {
  const { InstanceId: instanceId, LaunchTime: launchTime, State: { Name: state } = {} } = instance;
  if (!instanceId || !launchTime || !isEc2State(state)) throw new Error('an instance without id, state or LaunchTime');
  const key: InstanceKey = { account, region, instanceId };
  const common = {
    imageId: instance.ImageId ?? '',
    instanceType: instance.InstanceType ?? '',
    subnetId: instance.SubnetId ?? null,
    clientToken: instance.ClientToken ?? null,
    amiLaunchIndex: instance.AmiLaunchIndex ?? 0,
  };
  const transitionAt = transitionTime(instance.StateTransitionReason);
  const stateReason = instance.StateReason?.Code ?? null;
  const times = { launchTime: launchTime.getTime(), transitionAt, sentAt };
  const facts = {
    launchTime: launchTime.getTime(),
    ...attachmentsOf(instance),
    architecture: instance.Architecture ?? null,
    availabilityZone: instance.Placement?.AvailabilityZone ?? null,
    vpcId: instance.VpcId ?? null,
    privateIp: instance.PrivateIpAddress ?? null,
    publicIp: instance.PublicIpAddress ?? null,
    instanceProfileArn: instance.IamInstanceProfile?.Arn ?? null,
    tags: Object.fromEntries((instance.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value])),
    describedAt: sentAt,
  };
  return { sight: { ...key, ...common, ...times, state, stateReason, source }, facts: { ...key, ...common, ...facts } };
}
