import { createHash } from 'node:crypto';
import type { InstanceMetadataOptionsRequest, RunInstancesRequest } from '@aws-sdk/client-ec2';
import { Ec2Error } from './ec2-error.ts';
import { type LaunchConfiguration, type MetadataOptions, type Place, partitionOf } from './simulated-instance.ts';
import { launchTags } from './tagging.ts';

/** A RunInstances request that EC2 would take, read. */
export interface RunInstancesInput {
  count: number;
  /** Null: wherever EC2 likes, and the client token counts in the whole region. */
  availabilityZone: string | null;
  configuration: Omit<LaunchConfiguration, 'availabilityZone' | 'subnetId' | 'vpcId'>;
  subnetId: string | null;
  tags: ReadonlyMap<string, string>;
  clientToken: string | null;
  /** Hash of all that must be the same when a client token is used again. */
  fingerprint: string;
}

/** Raw, before base64: AWSEC2/latest/UserGuide/user-data.html */
const userDataLimitBytes = 16_384;

/** Throws what RunInstances answers to a request that makes no sense. */
export function readLaunchRequest(place: Place, input: RunInstancesRequest): RunInstancesInput {
  const { SubnetId: networkSubnet, Groups: networkGroups } = input.NetworkInterfaces?.[0] ?? {};
  const subnetId = input.SubnetId ?? networkSubnet ?? null;
  return {
    count: readCount(input),
    availabilityZone: readZone(place, subnetId, input.Placement?.AvailabilityZone ?? null),
    subnetId,
    tags: launchTags(input.TagSpecifications ?? []),
    clientToken: readClientToken(input.ClientToken),
    fingerprint: fingerprintOf(input),
    configuration: {
      imageId: readImageId(input.ImageId),
      instanceType: input.InstanceType ?? 'm1.small',
      architecture: architectureOf(input.InstanceType ?? 'm1.small'),
      securityGroupIds: input.SecurityGroupIds ?? networkGroups ?? ['sg-00000000'],
      keyName: input.KeyName ?? null,
      userData: readUserData(input.UserData),
      iamInstanceProfileArn: readProfile(place, input),
      shutdownBehavior: input.InstanceInitiatedShutdownBehavior ?? 'stop',
      hibernation: input.HibernationOptions?.Configured ?? false,
      metadataOptions: readMetadataOptions(input.MetadataOptions ?? {}),
    },
  };
}

/** The zones of every region here: a, b and c. */
export const zonesOf = (region: string): string[] => ['a', 'b', 'c'].map((letter) => `${region}${letter}`);

/** The default subnet of the zone. Any subnet id is taken here; its last digit, modulo three, is its zone. */
export function defaultSubnetId(zone: string): string {
  return `subnet-0000000${Math.max('abc'.indexOf(zone.slice(-1)), 0)}`;
}

function readZone(place: Place, subnetId: string | null, zone: string | null): string | null {
  if (zone !== null && !zonesOf(place.region).includes(zone)) {
    throw new Ec2Error('InvalidParameterValue', `Invalid availability zone: [${zone}]`);
  }
  if (subnetId === null) return zone;
  if (!/^subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(subnetId)) {
    throw new Ec2Error('InvalidSubnetID.NotFound', `The subnet ID '${subnetId}' does not exist`);
  }
  const subnetZone = `${place.region}${'abc'.charAt(Number.parseInt(subnetId.slice(-1), 16) % 3)}`;
  if (zone !== null && zone !== subnetZone) {
    throw new Ec2Error('InvalidParameterValue', `The subnet '${subnetId}' is not in the availability zone '${zone}'`);
  }
  return subnetZone;
}

function readCount({ MinCount: least, MaxCount: most }: RunInstancesRequest): number {
  if (least === undefined || most === undefined) {
    throw new Ec2Error('MissingParameter', 'The request must contain the parameters MinCount and MaxCount');
  }
  if (!Number.isInteger(least) || !Number.isInteger(most) || least < 1 || most < least) {
    throw new Ec2Error('InvalidParameterValue', `Value ( ${least} to ${most} ) for the instance count is invalid`);
  }
  return most;
}

function readImageId(imageId: string | undefined): string {
  if (!imageId) throw new Ec2Error('MissingParameter', 'The request must contain the parameter ImageId');
  if (/^ami-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(imageId)) return imageId;
  throw new Ec2Error('InvalidAMIID.Malformed', `Invalid id: "${imageId}"`);
}

/** At most 64 ASCII characters: ec2/latest/devguide/ec2-api-idempotency.html */
function readClientToken(token: string | undefined): string | null {
  if (token === undefined || /^[\x21-\x7e]{1,64}$/.test(token)) return token ?? null;
  throw new Ec2Error('InvalidParameterValue', 'The client token is not 1 to 64 ASCII characters');
}

function readUserData(userData: string | undefined): string | null {
  if (userData === undefined) return null;
  const bytes = Buffer.from(userData, 'base64');
  if (bytes.toString('base64') !== userData) {
    throw new Ec2Error('InvalidUserData.Malformed', 'Invalid BASE64 encoding of user data');
  }
  if (bytes.length <= userDataLimitBytes) return userData;
  throw new Ec2Error('InvalidParameterValue', `User data is limited to ${userDataLimitBytes} bytes`);
}

function readProfile({ account, region }: Place, { IamInstanceProfile: profile }: RunInstancesRequest): string | null {
  if (profile?.Arn && profile.Name) {
    throw new Ec2Error('InvalidParameterCombination', "The parameter 'arn' may not be used in combination with 'name'");
  }
  if (profile?.Name) return `arn:${partitionOf(region)}:iam::${account}:instance-profile/${profile.Name}`;
  return profile?.Arn ?? null;
}

/** What is not given is as API_InstanceMetadataOptionsRequest.html says of an account without defaults of its own. */
function readMetadataOptions(options: InstanceMetadataOptionsRequest): MetadataOptions {
  const hopLimit = options.HttpPutResponseHopLimit ?? 1;
  if (!Number.isInteger(hopLimit) || hopLimit < 1 || hopLimit > 64) {
    throw new Ec2Error('InvalidParameterValue', 'HttpPutResponseHopLimit is a whole number from 1 to 64');
  }
  return {
    httpTokens: options.HttpTokens ?? 'optional',
    httpPutResponseHopLimit: hopLimit,
    httpEndpoint: options.HttpEndpoint ?? 'enabled',
    instanceMetadataTags: options.InstanceMetadataTags ?? 'disabled',
  };
}

/** Graviton types have a `g` behind the generation: t4g, m7gd, c8gn (ec2/latest/instancetypes/instance-type-names.html). */
function architectureOf(instanceType: string): LaunchConfiguration['architecture'] {
  return /^[a-z]+\d+g/.test(instanceType) ? 'arm64' : 'x86_64';
}

function fingerprintOf({ ClientToken: _, DryRun: __, ...input }: RunInstancesRequest): string {
  return createHash('sha256').update(JSON.stringify(input, sortKeys)).digest('hex');
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
