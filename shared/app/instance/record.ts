import { eventsOf } from '#shared/domain/events/events.ts';
import { enrollmentDeadline, mergeTime } from '#shared/domain/instance/deadline.ts';
import { type Instance, type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import { defineRecord } from '../records/define-record.ts';

/** The items of one account and Region lie together, so that one query reads them for a sweep or a listing. */
export const instancePartition = (account: string, region: string): string => `INSTANCE#${account}#${region}`;

/** An id as `keyOf` writes it. Undefined for any other text. */
export function readInstanceId(id: string): InstanceKey | undefined {
  const [account, region, instanceId, more] = id.split('/');
  return account && region && instanceId && more === undefined ? { account, region, instanceId } : undefined;
}

/** The hot item. Its layout (shared/adapters/dynamo/instance-item.ts) is packed: an event's write costs one unit only below 1 KB. */
export const instanceRecord = defineRecord<Instance>({
  idOf: keyOf,
  place: {
    keyOf(id) {
      const key = readInstanceId(id);
      if (!key) throw new Error(`${id} is not the id of an instance's record`);
      return { pk: instancePartition(key.account, key.region), sk: key.instanceId };
    },
    idOf({ pk, sk }) {
      const [kind, account, region, more] = pk.split('#');
      if (kind !== 'INSTANCE' || !account || !region || more !== undefined || sk.includes('#')) return undefined;
      return `${account}/${region}/${sk}`;
    },
    list: null,
  },
  dueAt: enrollmentDeadline,
  onDue(instance, now, timing) {
    const { changed, instance: after } = mergeTime(instance, now, timing);
    return changed ? { after, next: null } : { next: enrollmentDeadline(instance, timing) };
  },
  events: eventsOf,
});
