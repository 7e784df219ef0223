import { instancePartition } from '#shared/app/instance/record.ts';
import type { HistoryEntry } from '#shared/app/ports.ts';
import type { ItemKey } from '#shared/app/records/define-record.ts';
import { hashBucket, type InstanceKey } from '#shared/domain/instance/instance.ts';
import { type Instant, parseTime } from '#shared/domain/time.ts';

export type { ItemKey };

export const pairName = (account: string, region: string): string => `${account}#${region}`;

/** Beside an instance's item lie its `#facts` and its `#lease`. */
export const instanceItemKey = ({ account, region, instanceId }: InstanceKey): ItemKey => ({
  pk: instancePartition(account, region),
  sk: instanceId,
});
export const factsItemKey = (key: InstanceKey): ItemKey => beside(key, 'facts');
export const leaseItemKey = (key: InstanceKey): ItemKey => beside(key, 'lease');
const beside = (key: InstanceKey, what: string): ItemKey => {
  const { pk, sk } = instanceItemKey(key);
  return { pk, sk: `${sk}#${what}` };
};

export const pairsPartition = 'PAIRS';

export const pairItemKey = (account: string, region: string): ItemKey => ({
  pk: pairsPartition,
  sk: pairName(account, region),
});

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
/** The shard of a record by its id in the registry. */
export const dueShard = (id: string): string => `DUE#${hashBucket(id, dueShardCount)}`;

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
