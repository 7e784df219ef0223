import type { DueRecord } from '#shared/app/ports.ts';
import { type Instant, parseTime } from '#shared/domain/time.ts';
import { dueOf } from './instance-item.ts';
import {
  dueIndex,
  dueShards,
  type ItemKey,
  instanceItemKey,
  keyItemKey,
  launchItemKey,
  readInstanceItemKey,
  readKeyItemKey,
  readLaunchItemKey,
} from './keys.ts';
import { queryIndex } from './read.ts';
import { type Item, keyOfItem, type Table } from './table.ts';
import { updateItem } from './write.ts';

/** The earliest entries of all shards together; each shard is asked for as many, since one may hold them all. */
export async function listDue(table: Table, now: Instant, limit: number): Promise<DueRecord[]> {
  const range = ['due', dueOf(now)] as const;
  const shards = dueShards.map((shard) =>
    queryIndex(table, { name: dueIndex, hash: ['dueShard', shard], range, limit }),
  );
  const due = (await Promise.all(shards)).flat().map(readEntry);
  return due.sort((a, b) => a.due - b.due).slice(0, limit);
}

function readEntry(item: Item): DueRecord {
  const key = keyOfItem(item);
  const due = parseTime(item.due?.S);
  const instance = readInstanceItemKey(key);
  const launchId = readLaunchItemKey(key);
  if (due !== undefined && instance) return { kind: 'instance', instance, due };
  if (due !== undefined && launchId !== undefined) return { kind: 'launch', launchId, due };
  const keyId = readKeyItemKey(key);
  if (due !== undefined && keyId !== undefined) return { kind: 'key', keyId, due };
  throw new Error(`the index of what is due holds ${key.pk} ${key.sk}, which waits for nothing`);
}

/** Moves the entry if it still is the one that was read: a record that went, or that was written since, is left alone. */
export async function putOff(table: Table, record: DueRecord, until: Instant): Promise<void> {
  await updateItem(table, itemKeyOf(record), { set: { due: dueOf(until) } }, [
    { attribute: 'due', equals: dueOf(record.due) },
  ]);
}

function itemKeyOf({ instance, launchId, keyId }: DueRecord): ItemKey {
  if (instance) return instanceItemKey(instance);
  return keyId === undefined ? launchItemKey(launchId ?? '') : keyItemKey(keyId);
}
