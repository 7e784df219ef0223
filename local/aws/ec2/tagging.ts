import type { Tag, TagSpecification } from '@aws-sdk/client-ec2';
import { Ec2Error } from './ec2-error.ts';

/** AWSEC2/latest/UserGuide/Using_Tags.html, "Tag restrictions". */
const limits = { tags: 50, keyLength: 128, valueLength: 256 };

/** The tags for the instances themselves; those for volumes and the like are read and let go. */
export function launchTags(specifications: readonly TagSpecification[]): ReadonlyMap<string, string> {
  const own = specifications.filter((specification) => specification.ResourceType === 'instance');
  return readTags(own.flatMap((specification) => specification.Tags ?? []));
}

/** Throws InvalidParameterValue for a key or value that EC2 does not take. */
export function readTags(tags: readonly Tag[]): ReadonlyMap<string, string> {
  const read = new Map(tags.map(({ Key = '', Value = '' }) => [Key, Value]));
  for (const [key, value] of read) {
    const tooLong = key.length > limits.keyLength || value.length > limits.valueLength;
    if (key === '' || key.startsWith('aws:') || tooLong) {
      throw new Ec2Error(
        'InvalidParameterValue',
        `Tag '${key.slice(0, limits.keyLength)}' has a key or value that is not allowed`,
      );
    }
  }
  checkTagCount(read.size);
  return read;
}

export function checkTagCount(count: number): void {
  if (count > limits.tags) throw new Ec2Error('TagLimitExceeded', `A resource has at most ${limits.tags} tags`);
}
