import type { UserDataStore } from '#shared/app/ports.ts';
import type { Instant } from '#shared/domain/time.ts';
import { expiryAfter } from './instance-item.ts';
import { userDataItemKey } from './keys.ts';
import { getItem } from './read.ts';
import { fromItem, type Table, toItem } from './table.ts';
import { deleteItem, putItem } from './write.ts';

/** No launch waits this long; what a crash left behind goes by itself. */
const keptSeconds = 86_400;

/** Frozen user data in the private table, which has no stream: the seed of a launch's grant leaves with RunInstances alone. */
export function createDynamoUserData(table: Table, now: () => Instant): UserDataStore {
  return {
    async put(launchId, userData) {
      const item = toItem({ ...userDataItemKey(launchId), userData, expiresAt: expiryAfter(now(), keptSeconds) });
      await putItem(table, { item, tests: [] });
    },
    async get(launchId) {
      const item = await getItem(table, userDataItemKey(launchId));
      return item && (fromItem(item).userData as string);
    },
    async delete(launchId) {
      await deleteItem(table, userDataItemKey(launchId));
    },
  };
}
