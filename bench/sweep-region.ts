import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Instance as Ec2Instance } from '@aws-sdk/client-ec2';
import { describeInstancesAnswer } from '#local/aws/ec2/answers.ts';
import { renderXml } from '#local/aws/ec2/xml.ts';
import { openEc2 } from '#shared/adapters/aws/ec2.ts';
import { toInstanceItem } from '#shared/adapters/dynamo/instance-item.ts';
import { factsPut, leasePut, pairItem } from '#shared/adapters/dynamo/items.ts';
import { ledgerEntry } from '#shared/domain/cloud/ledger.ts';
import { mergeDescribed } from '#shared/domain/cloud/merge-describe.ts';
import { newAccountRegion } from '#shared/domain/cloud/sweep.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { instanceNamed, leaseOf } from '#test/build/records.ts';
import { type Item, itemSizeBytes } from './item-size.ts';
import { credentials, pageSize, place } from './sweep-process.ts';

/** How many instances a Region has, and how many records of instances that ended days ago. */
export interface RegionSize {
  live: number;
  dead: number;
}

const idOf = (nth: number): string => `i-${nth.toString(16).padStart(17, '0')}`;

/** EC2 with so many running instances, which never change; where it answers, and how to end it. */
export async function startEc2(live: number, startedAt: Instant): Promise<Endpoint> {
  const shape = renderXml('item', reservationOf(instanceShape(startedAt)));
  return listen(async (_request, body) => {
    const first = Number(new URLSearchParams(body).get('NextToken') ?? 0);
    const next = Math.min(live, first + pageSize);
    const items = Array.from({ length: next - first }, (_, nth) => shape.replaceAll(idOf(0), idOf(first + nth)));
    const set = `<reservationSet>${items.join('')}</reservationSet>`;
    const token = next < live ? `<nextToken>${next}</nextToken>` : '';
    return { type: 'text/xml', body: `<DescribeInstancesResponse>${set}${token}</DescribeInstancesResponse>` };
  });
}

/** Where a service answers, and how to end it. */
interface Endpoint {
  url: string;
  stop: () => void;
}

type Answer = (request: IncomingMessage, body: string) => Promise<{ type: string; body: string }>;

async function listen(answer: Answer): Promise<Endpoint> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { type, body: text } = await answer(request, body);
    response.setHeader('content-type', type);
    response.end(text);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, stop: () => server.close() };
}

function reservationOf(instance: Ec2Instance) {
  const answer = describeInstancesAnswer({
    Reservations: [{ ReservationId: 'r-0123456789abcdef0', OwnerId: place.account, Instances: [instance] }],
  });
  return (answer.reservationSet as Parameters<typeof renderXml>[1][])[0] as Parameters<typeof renderXml>[1];
}

/** As much as EC2 says of a usual instance: one volume, one interface, a role, some tags. */
function instanceShape(LaunchTime: Instant): Ec2Instance {
  const at = new Date(LaunchTime);
  const groups = [{ GroupId: 'sg-0123456789abcdef0', GroupName: 'web' }];
  const names = ['Name', 'environment', 'team', 'cost-centre', 'aws:autoscaling:groupName', 'service'];
  return {
    InstanceId: idOf(0),
    ImageId: 'ami-0123456789abcdef0',
    State: { Code: 16, Name: 'running' },
    PrivateDnsName: 'ip-10-0-12-34.ec2.internal',
    StateTransitionReason: '',
    AmiLaunchIndex: 0,
    InstanceType: 't4g.medium',
    LaunchTime: at,
    Placement: { AvailabilityZone: 'us-east-1a', GroupName: '', Tenancy: 'default' },
    Monitoring: { State: 'disabled' },
    SubnetId: 'subnet-0123456789abcdef0',
    VpcId: 'vpc-0123456789abcdef0',
    PrivateIpAddress: '10.0.12.34',
    PublicIpAddress: '203.0.113.17',
    Architecture: 'arm64',
    RootDeviceType: 'ebs',
    RootDeviceName: '/dev/xvda',
    BlockDeviceMappings: [
      {
        DeviceName: '/dev/xvda',
        Ebs: { VolumeId: 'vol-0123456789abcdef0', Status: 'attached', AttachTime: at, DeleteOnTermination: true },
      },
    ],
    VirtualizationType: 'hvm',
    ClientToken: '01234567-89ab-cdef-0123-456789abcdef',
    Tags: names.map((Key) => ({ Key, Value: `${Key} of the instance` })),
    Hypervisor: 'xen',
    SecurityGroups: groups,
    IamInstanceProfile: { Arn: `arn:aws:iam::${place.account}:instance-profile/web`, Id: 'AIPA0123456789ABCDEF0' },
    NetworkInterfaces: [
      {
        NetworkInterfaceId: 'eni-0123456789abcdef0',
        PrivateIpAddress: '10.0.12.34',
        Groups: groups,
        Attachment: {
          AttachmentId: 'eni-attach-0123456789abcdef0',
          DeviceIndex: 0,
          NetworkCardIndex: 0,
          AttachTime: at,
          Status: 'attached',
          DeleteOnTermination: true,
        },
      },
    ],
    HibernationOptions: { Configured: false },
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, HttpEndpoint: 'enabled', State: 'applied' },
  };
}

/**
 * DynamoDB as sweeps and events have left it: everything is on record as EC2 shows it, all agents speak, and nothing lies beside what ended
 * days ago. It answers queries a megabyte of what it read at a time, without what the filter leaves out, and takes every write. That
 * DynamoDB's own filter and projection do the same is what test/contracts says.
 */
export async function startTable(size: RegionSize & { ec2Url: string; now: Instant }): Promise<Endpoint> {
  const items = await itemsOf(size);
  const { account, region } = place;
  const pair = pairItem({ ...newAccountRegion(account, region), lastSweepAt: size.now - seconds(300) });
  const answers: Record<string, (body: QueryBody) => object> = {
    GetItem: () => ({ Item: pair }),
    PutItem: () => ({}),
    Query: (body) => pageOf(items, size, body),
  };
  return listen(async (request, body) => {
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    const answer = answers[operation];
    if (!answer) throw new Error(`a sweep that changes nothing sends no ${operation}`);
    return { type: 'application/x-amz-json-1.0', body: JSON.stringify(answer(JSON.parse(body))) };
  });
}

interface QueryBody {
  ExclusiveStartKey?: { sk: { S: string } };
  ExpressionAttributeNames: Record<string, string>;
}

/** One query reads so much (amazondynamodb/latest/developerguide/Query.Pagination.html). */
const megabyte = 1024 * 1024;

interface TableItems {
  live(nth: number): Item[];
  deadBytes: number;
}

function pageOf({ live, deadBytes }: TableItems, size: RegionSize, body: QueryBody): object {
  const names = Object.values(body.ExpressionAttributeNames);
  let nth = Number(body.ExclusiveStartKey?.sk.S ?? 0);
  const Items: Item[] = [];
  for (let bytes = 0; nth < size.live + size.dead && bytes < megabyte; nth++) {
    const items = nth < size.live ? live(nth) : [];
    bytes += nth < size.live ? items.reduce((sum, item) => sum + itemSizeBytes(item), 0) : deadBytes;
    Items.push(...items.map((item) => projected(item, names)));
  }
  const isLast = nth === size.live + size.dead;
  return { Items, ...(!isLast && { LastEvaluatedKey: { pk: { S: 'INSTANCE' }, sk: { S: String(nth) } } }) };
}

function projected(item: Item, names: readonly string[]): Item {
  const shown = Object.entries(item).filter(([name]) => names.includes(name) && name !== 'record');
  const lastSeenAt = item.kind?.S === 'lease' ? item.record?.M?.lastSeenAt : undefined;
  return { ...Object.fromEntries(shown), ...(lastSeenAt && { record: { M: { lastSeenAt } } }) };
}

async function itemsOf({ ec2Url, now }: { ec2Url: string; now: Instant }): Promise<TableItems> {
  const { account, region } = place;
  const ec2 = openEc2(account, () => now - seconds(300), undefined, { endpoint: ec2Url, credentials });
  const [one] = (await ec2.describe(account, region, [idOf(0)])).found;
  if (!one) throw new Error('EC2 shows nothing');
  const record = liveRecord(mergeDescribed(undefined, one.sight, defaultTiming).instance);
  const lease = leaseOf(idOf(0), { ...place, agentId, lastSeenAt: now });
  const dead = toInstanceItem(deadRecord(now), defaultTiming);
  return {
    live: (nth) => [
      toInstanceItem({ ...record, instanceId: idOf(nth) }, defaultTiming),
      factsPut({ ...one.facts, instanceId: idOf(nth) }).item,
      leasePut(undefined, { ...lease, instanceId: idOf(nth) }).item,
    ],
    deadBytes: itemSizeBytes(dead),
  };
}

const agentId = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs';
const serverId = 'srv_0123456789abcdef0123456789abcdef';

/** A server's instance with its agent, some hours after it was launched. */
function liveRecord(seen: Instance): Instance {
  const at = seen.cloud.at ?? 0;
  return {
    ...seen,
    cloud: { ...seen.cloud, ledger: [ledgerEntry('pending', at, 'pending'), ...seen.cloud.ledger] },
    management: { ...seen.management, status: 'enrolled', reason: 'launched', since: at },
    assignment: { serverId, launchId: 'lch_0123456789abcdef0123456789abcdef', surplusSince: null },
    agent: {
      ...{ id: agentId, version: '1.0.0', bootId: '01234567-89ab-cdef-0123-456789abcdef', enrolledAt: at },
      ...{ state: 'operational', stateAt: at },
    },
    version: 7,
  };
}

function deadRecord(now: Instant): Instance {
  const states = ['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated'] as const;
  const at = now - seconds(3 * 86_400);
  const ledger = states.map((state, step) => ledgerEntry(state, at - seconds(60 * (5 - step)), state));
  const cloud = {
    state: 'terminated',
    at,
    source: 'event',
    epoch: at - seconds(300),
    epochNamed: true,
    ledger,
  } as const;
  const ended = instanceNamed(idOf(0), { cloud });
  return { ...liveRecord(ended), ...place, cloud: ended.cloud };
}
