import type { HistoryEntry } from '#shared/app/ports.ts';
import { hashBucket, type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import { type Instant, parseTime } from '#shared/domain/time.ts';

/** The primary key of an item, in either table. */
export interface ItemKey {
  pk: string;
  sk: string;
}

// A pair's items lie together so that a sweep or a listing of it is one query: the record, `#facts` and `#lease` of each instance.
export const pairPartition = (pair: string): string => `INSTANCE#${pair}`;
export const pairName = (account: string, region: string): string => `${account}#${region}`;

export const instanceItemKey = ({ account, region, instanceId }: InstanceKey): ItemKey => ({
  pk: pairPartition(pairName(account, region)),
  sk: instanceId,
});
export const factsItemKey = (key: InstanceKey): ItemKey => beside(key, 'facts');
export const leaseItemKey = (key: InstanceKey): ItemKey => beside(key, 'lease');
const beside = (key: InstanceKey, what: string): ItemKey => {
  const { pk, sk } = instanceItemKey(key);
  return { pk, sk: `${sk}#${what}` };
};

/** The instance that an item of the instance kind is of; undefined for every other key. */
export function readInstanceItemKey({ pk, sk }: ItemKey): InstanceKey | undefined {
  const [kind, account, region, more] = pk.split('#');
  if (kind !== 'INSTANCE' || !account || !region || more !== undefined || sk.includes('#')) return undefined;
  return { account, region, instanceId: sk };
}

export const pairsPartition = 'PAIRS';
export const serversPartition = 'SERVERS';
export const keysPartition = 'KEYS';

export const pairItemKey = (account: string, region: string): ItemKey => ({
  pk: pairsPartition,
  sk: pairName(account, region),
});
export const serverItemKey = (id: string): ItemKey => ({ pk: serversPartition, sk: id });
export const keyItemKey = (id: string): ItemKey => ({ pk: keysPartition, sk: id });
export const launchItemKey = (id: string): ItemKey => ({ pk: `LAUNCH#${id}`, sk: 'LAUNCH' });
export const bindingItemKey = (agentId: string): ItemKey => ({ pk: `AGENT#${agentId}`, sk: 'AGENT' });

/** The launch that an item of the launch kind is of; undefined for every other key. */
export const readLaunchItemKey = ({ pk, sk }: ItemKey): string | undefined =>
  sk === 'LAUNCH' && pk.startsWith('LAUNCH#') ? pk.slice('LAUNCH#'.length) : undefined;

/** The enrollment key that an item of the key kind is of; undefined for every other key. */
export const readKeyItemKey = ({ pk, sk }: ItemKey): string | undefined => (pk === keysPartition ? sk : undefined);

/**
 * The marks that a revoked key leaves. A binding checks one of them, which its agent's id falls to: a transaction's check
 * of an item stands in the way of every other transaction on that item (transaction-apis.html, "Transaction conflict
 * handling"), so that one mark, or the key itself, would make a fleet that starts at once enroll one by one.
 */
const markCount = 16;
export const revocationMarks = (keyId: string): ItemKey[] =>
  Array.from({ length: markCount }, (_, nth) => revocationMark(keyId, nth));
export const revocationMarkOf = (keyId: string, agentId: string): ItemKey =>
  revocationMark(keyId, hashBucket(agentId, markCount));
const revocationMark = (keyId: string, nth: number): ItemKey => ({ pk: `REVOKED#${keyId}#${nth}`, sk: 'REVOKED' });

/** The index of what waits for time to pass: sparse, so a record without `dueShard` is not in it whatever `due` says. */
export const dueIndex = 'due';
const dueShardCount = 16;
export const dueShards: readonly string[] = Array.from({ length: dueShardCount }, (_, shard) => `DUE#${shard}`);
const dueShard = (id: string): string => `DUE#${hashBucket(id, dueShardCount)}`;
export const instanceDueShard = (key: InstanceKey): string => dueShard(keyOf(key));
export const launchDueShard = (launchId: string): string => dueShard(launchId);
export const keyDueShard = (keyId: string): string => dueShard(keyId);

// The private table.
export const userDataItemKey = (launchId: string): ItemKey => ({ pk: `USERDATA#${launchId}`, sk: 'USERDATA' });
export const historyPartition = (record: string): string => `HISTORY#${record}`;
export const historyTimesPrefix = 'AT#';
/** An entry: sorted by its time, one per event and time. */
export const historyItemKey = (record: string, time: string, eventId: string): ItemKey => ({
  pk: historyPartition(record),
  sk: `${historyTimesPrefix}${time}#${eventId}`,
});
/** What Muster's events say of themselves: `data.at`. */
export function historyTime({ detail }: HistoryEntry): Instant | undefined {
  const { data } = detail;
  return typeof data === 'object' && data !== null && 'at' in data ? parseTime(data.at) : undefined;
}

/** Where the first writer of an event without a time of its own leaves the time that counts. */
export const historyTimeItemKey = (record: string, eventId: string): ItemKey => ({
  pk: historyPartition(record),
  sk: `ID#${eventId}`,
});
