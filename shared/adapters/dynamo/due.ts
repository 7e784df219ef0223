import type { DueRecord } from '#shared/app/ports.ts';
import { records, subjectOfKey } from '#shared/app/records/registry.ts';
import { type Instant, parseTime } from '#shared/domain/time.ts';
import { dueOf } from './instance-item.ts';
import { dueIndex, dueShards } from './keys.ts';
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
  const subject = subjectOfKey(key);
  if (due === undefined || !subject) throw new Error(`the due index holds ${key.pk} ${key.sk}, which is no record`);
  return { ...subject, due };
}

/** Moves the entry if it still is the one that was read: a record that went, or that was written since, is left alone. */
export async function putOff(table: Table, record: DueRecord, until: Instant): Promise<void> {
  await updateItem(table, records[record.kind].place.keyOf(record.id), { set: { due: dueOf(until) } }, [
    { attribute: 'due', equals: dueOf(record.due) },
  ]);
}
