import type { _InstanceType, Instance, InstanceBlockDeviceMapping, InstanceState, Tag } from '@aws-sdk/client-ec2';
import type { Ec2State } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import {
  type LaunchConfiguration,
  presentOf,
  privateDnsName,
  type SimulatedInstance,
  type Transition,
} from './simulated-instance.ts';

/** How far describes lag behind the truth, in milliseconds: ec2/latest/devguide/eventual-consistency.html */
export interface Lags {
  /** A new instance is unknown to every call for this long. */
  newInstanceMs: number;
  /** A describe shows the state before the last transition for this long. */
  stateMs: number;
  /** A new instance shows no root volume for this long; the answer to its launch never does. */
  volumesMs: number;
  /** Tags, also those of the launch, take this long to appear. */
  tagsMs: number;
}

/** What describes show, in milliseconds. */
export interface Visibility extends Lags {
  /** A terminated instance is listed for this long, "usually less than one hour"; its tags for half of it. */
  terminatedMs: number;
}

/** An EC2 that hides nothing new and forgets as the real one does. */
export const consistent: Visibility = {
  newInstanceMs: 0,
  stateMs: 0,
  volumesMs: 0,
  tagsMs: 0,
  terminatedMs: 3_600_000,
};

/** What a describe may know of an instance at some moment. */
export interface Sighting {
  instance: SimulatedInstance;
  transition: Transition;
  tags: ReadonlyMap<string, string>;
  showsVolumes: boolean;
}

/** Null if the instance is not visible yet, or not any more. */
export function sightingOf(instance: SimulatedInstance, now: Instant, visibility: Visibility): Sighting | null {
  const present = presentOf(instance);
  const age = now - instance.history[0].at;
  const ended = present.state === 'terminated' ? now - present.at : -1;
  if (age < visibility.newInstanceMs || ended > visibility.terminatedMs) return null;
  const before = now - present.at < visibility.stateMs ? instance.history.at(-2) : undefined;
  const tagsSince = ended > visibility.terminatedMs / 2 ? Number.NEGATIVE_INFINITY : now - visibility.tagsMs;
  const [transition, showsVolumes] = [before ?? present, age >= visibility.volumesMs];
  return { instance, transition, tags: tagsAsOf(instance, tagsSince), showsVolumes };
}

/** The very truth, as the answer to the launch itself shows it. */
export function truthOf(instance: SimulatedInstance): Sighting {
  const tags = tagsAsOf(instance, Number.POSITIVE_INFINITY);
  return { instance, transition: presentOf(instance), tags, showsVolumes: false };
}

function tagsAsOf(instance: SimulatedInstance, moment: Instant): ReadonlyMap<string, string> {
  return new Map(instance.tags.filter((tag) => tag.at <= moment).map((tag) => [tag.key, tag.value]));
}

/** State codes: AWSEC2/latest/APIReference/API_InstanceState.html */
const stateCodes: Record<Ec2State, number> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

export const instanceState = (state: Ec2State): InstanceState => ({ Code: stateCodes[state], Name: state });

/** The instance as DescribeInstances returns it. A terminated one has given up its network. */
export function describe({ instance, transition, tags, showsVolumes }: Sighting): Instance {
  const { configuration } = instance;
  return {
    InstanceId: instance.instanceId,
    ImageId: configuration.imageId,
    State: instanceState(transition.state),
    StateTransitionReason: transition.transitionReason,
    ...(transition.stateReason && {
      StateReason: { Code: transition.stateReason.code, Message: transition.stateReason.message },
    }),
    AmiLaunchIndex: instance.amiLaunchIndex,
    InstanceType: configuration.instanceType as _InstanceType,
    LaunchTime: new Date(transition.launchTime),
    Placement: { AvailabilityZone: configuration.availabilityZone, GroupName: '', Tenancy: 'default' },
    Monitoring: { State: 'disabled' },
    Architecture: configuration.architecture,
    RootDeviceName: rootDeviceName,
    RootDeviceType: instance.rootVolume ? 'ebs' : 'instance-store',
    BlockDeviceMappings: transition.state === 'terminated' || !showsVolumes ? [] : describeVolumes(instance),
    VirtualizationType: 'hvm',
    Hypervisor: 'xen',
    ClientToken: instance.clientToken,
    ...(configuration.keyName !== null && { KeyName: configuration.keyName }),
    HibernationOptions: { Configured: configuration.hibernation },
    MetadataOptions: describeMetadataOptions(configuration),
    Tags: [...tags].map(([Key, Value]): Tag => ({ Key, Value })),
    ...(transition.state === 'terminated' ? {} : describeNetwork(instance, transition)),
  };
}

const rootDeviceName = '/dev/xvda';

function describeVolumes({ rootVolume }: SimulatedInstance): InstanceBlockDeviceMapping[] {
  if (!rootVolume) return [];
  const { volumeId: VolumeId, attachedAt } = rootVolume;
  const Ebs = { VolumeId, AttachTime: new Date(attachedAt), Status: 'attached', DeleteOnTermination: true } as const;
  return [{ DeviceName: rootDeviceName, Ebs }];
}

function describeMetadataOptions({ metadataOptions }: LaunchConfiguration): NonNullable<Instance['MetadataOptions']> {
  return {
    State: 'applied',
    HttpTokens: metadataOptions.httpTokens,
    HttpPutResponseHopLimit: metadataOptions.httpPutResponseHopLimit,
    HttpEndpoint: metadataOptions.httpEndpoint,
    InstanceMetadataTags: metadataOptions.instanceMetadataTags,
  };
}

function describeNetwork(instance: SimulatedInstance, transition: Transition): Partial<Instance> {
  const { configuration, privateIpAddress } = instance;
  const { iamInstanceProfileArn, securityGroupIds, subnetId, vpcId } = configuration;
  const groups = securityGroupIds.map((GroupId) => ({ GroupId, GroupName: GroupId }));
  return {
    PrivateIpAddress: privateIpAddress,
    PrivateDnsName: privateDnsName(instance),
    ...(transition.publicIpAddress !== null && { PublicIpAddress: transition.publicIpAddress }),
    SubnetId: subnetId,
    VpcId: vpcId,
    SecurityGroups: groups,
    ...(iamInstanceProfileArn !== null && { IamInstanceProfile: { Arn: iamInstanceProfileArn } }),
    NetworkInterfaces: [
      {
        MacAddress: instance.macAddress,
        PrivateIpAddress: privateIpAddress,
        SubnetId: subnetId,
        VpcId: vpcId,
        Status: 'in-use',
        Groups: groups,
        Attachment: { AttachTime: new Date(instance.interfaceAttachedAt), DeviceIndex: 0, Status: 'attached' },
      },
    ],
  };
}
