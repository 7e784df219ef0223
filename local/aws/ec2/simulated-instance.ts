import type { Ec2State, InstanceKey } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';

/** An account's share of one region: the scope of ids, client tokens and throttling. */
export interface Place {
  account: string;
  region: string;
}

/** Everything of an instance that changes with its state, as of one transition. */
export interface Transition {
  state: Ec2State;
  /** The exact moment; EC2 itself tells whole seconds only. */
  at: Instant;
  /** The last start, in whole seconds. */
  launchTime: Instant;
  publicIpAddress: string | null;
  /** StateTransitionReason: empty, or who did it and, for users, when. */
  transitionReason: string;
  stateReason: { code: string; message: string } | null;
}

export interface MetadataOptions {
  httpTokens: 'optional' | 'required';
  httpPutResponseHopLimit: number;
  httpEndpoint: 'enabled' | 'disabled';
  instanceMetadataTags: 'enabled' | 'disabled';
}

/** What a launch fixes for good. */
export interface LaunchConfiguration {
  imageId: string;
  instanceType: string;
  architecture: 'x86_64' | 'arm64';
  availabilityZone: string;
  subnetId: string;
  vpcId: string;
  securityGroupIds: string[];
  keyName: string | null;
  /** Base64, as RunInstances carried it. */
  userData: string | null;
  iamInstanceProfileArn: string | null;
  shutdownBehavior: 'stop' | 'terminate';
  hibernation: boolean;
  metadataOptions: MetadataOptions;
}

/** The truth about one instance. Plain data: a snapshot holds it as it is. */
export interface SimulatedInstance extends InstanceKey {
  reservationId: string;
  clientToken: string;
  amiLaunchIndex: number;
  configuration: LaunchConfiguration;
  privateIpAddress: string;
  macAddress: string;
  /** The disk that it starts from; null for one in an instance store, which nobody attaches. */
  rootVolume: { volumeId: string; attachedAt: Instant } | null;
  /** When the first interface was attached: once, at the launch, the only trace of it after a restart. */
  interfaceAttachedAt: Instant;
  /** Every tag ever set, in order; a later one of the same key replaces. */
  tags: { key: string; value: string; at: Instant }[];
  /** What happened, oldest first; the last is the present. */
  history: [Transition, ...Transition[]];
  /** What will happen unless something intervenes, soonest first. */
  ahead: Transition[];
  reboots: Instant[];
}

export function presentOf(instance: SimulatedInstance): Transition {
  return instance.history.at(-1) ?? instance.history[0];
}

/** `arn:aws:` everywhere but in China and GovCloud: reference-arns.html, "partition". */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/** `ip-10-0-1-2.ec2.internal`, the IP-based private name of an instance: AWSEC2/latest/UserGuide/ec2-instance-naming.html */
export function privateDnsName(instance: SimulatedInstance): string {
  const host = `ip-${instance.privateIpAddress.replaceAll('.', '-')}`;
  return instance.region === 'us-east-1' ? `${host}.ec2.internal` : `${host}.${instance.region}.compute.internal`;
}
