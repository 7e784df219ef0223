import type { Attachments } from '../enrollment/attachment.ts';
import type { Instant } from '../time.ts';
import type { InstanceKey } from './instance.ts';

/** What a describe says of an instance beyond its state. Muster keeps it beside the record, so that an event's write stays small. */
export interface InstanceFacts extends InstanceKey, Attachments {
  /** The LaunchTime of the start that the facts belong to. */
  launchTime: Instant;
  imageId: string;
  instanceType: string;
  architecture: string | null;
  availabilityZone: string | null;
  subnetId: string | null;
  vpcId: string | null;
  privateIp: string | null;
  publicIp: string | null;
  instanceProfileArn: string | null;
  /** The AWS service that manages the instance, for example `eks.amazonaws.com`; null if the account's owner does. */
  managedBy: string | null;
  clientToken: string | null;
  amiLaunchIndex: number;
  tags: Readonly<Record<string, string>>;
  describedAt: Instant;
}
