import { instancePartition } from '#shared/app/instance/record.ts';
import type { HistoryLink, ToldEntry } from '#shared/app/ports.ts';
import type { ItemKey } from '#shared/app/records/define-record.ts';
import { hashBucket, type InstanceKey } from '#shared/domain/instance/instance.ts';

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
/** What an instance told as a server lies in the server's partition, so that one query lists it; all else in its record's own. */
export const historyPartition = (record: string): string => `HISTORY#${record}`;

/** The sort keys of what was told, and where they end. */
export const historyTold = { from: 'AT#', to: 'AT#~' };

/** One item for each change of a record and moment, in the order of time, then of the record's versions. */
export const historyItemKey = ({ record, serverId, at, version }: ToldEntry): ItemKey => ({
  pk: historyPartition(serverId ?? record),
  sk: `${historyTold.from}${new Date(at).toISOString()}#${String(version).padStart(10, '0')}#${record.split('/').at(-1)}`,
});

/** In an instance's own partition: a server in whose partition it told things. */
export const historyLinks = { from: 'WITH#', to: 'WITH#~' };
export const historyLinkKey = ({ record, serverId }: Pick<HistoryLink, 'record' | 'serverId'>): ItemKey => ({
  pk: historyPartition(record),
  sk: `${historyLinks.from}${serverId}`,
});
