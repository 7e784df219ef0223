import type { Instant } from '../time.ts';

/** What EC2 says of the disk that an instance starts from and of its first interface, the one with device index 0. */
export interface Attachments {
  /** EC2's word: `ebs` or `instance-store`. */
  rootDeviceType: string | null;
  rootDeviceName: string | null;
  rootVolumeId: string | null;
  rootAttachedAt: Instant | null;
  interfaceAttachedAt: Instant | null;
}

/**
 * What the two times come to. `root_moved`: one of them was attached long after the other, as after a moved disk or a
 * replaced root volume, which EC2 does not tell apart. `root_unknown`: EC2 has not told both, as at a launch's beginning.
 */
export const attachmentOutcomes = ['consistent', 'root_moved', 'instance_store_root', 'root_unknown'] as const;
export type AttachmentOutcome = (typeof attachmentOutcomes)[number];

/** EC2 attaches root volume and first interface together when it makes the instance. A property of EC2, not a setting; SPIRE's `aws_iid` plugin uses the same limit. */
const attachedTogetherMs = 60_000;

/** Compares the two with each other, never with LaunchTime: that moves with every start, and neither of them does. */
export function attachmentOf(described: Attachments | undefined): AttachmentOutcome {
  if (described?.rootDeviceType === 'instance-store') return 'instance_store_root';
  if (!described?.rootAttachedAt || !described.interfaceAttachedAt) return 'root_unknown';
  const apart = Math.abs(described.rootAttachedAt - described.interfaceAttachedAt);
  return apart <= attachedTogetherMs ? 'consistent' : 'root_moved';
}
