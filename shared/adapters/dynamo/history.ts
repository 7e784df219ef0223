import type { HistoryEntry, HistoryStore } from '#shared/app/ports.ts';
import type { Instant } from '#shared/domain/time.ts';
import { expiryAfter } from './instance-item.ts';
import { historyItemKey, historyPartition, historyTime, historyTimeItemKey, historyTimesPrefix } from './keys.ts';
import { foreignPageToken, readPageToken, takePage } from './page-token.ts';
import { query } from './read.ts';
import { fromItem, type Item, type Table, toItem } from './table.ts';
import { putItem } from './write.ts';

const keptSeconds = 400 * 86_400;

/**
 * History in the private table, oldest first. An entry's key is made of its record, its time and its event's id, so that
 * writing it again writes the same item. The time is the event's own; one that has none gets that of its first writing.
 */
export function createDynamoHistory(table: Table): HistoryStore {
  return {
    async put(entries) {
      await Promise.all(entries.map((entry) => putEntry(table, entry)));
    },
    async list(record, { size, after }) {
      const afterSortKey = after === null ? undefined : readPageToken(after, false).sk;
      if (afterSortKey !== undefined && !afterSortKey.startsWith(historyTimesPrefix)) throw foreignPageToken();
      const items = query(table, {
        pk: historyPartition(record),
        sortKeyPrefix: historyTimesPrefix,
        afterSortKey,
        limit: size + 1,
      });
      const page = await takePage(items, size, (item) => ({ sk: item.sk?.S ?? '' }));
      return { items: page.items.map((item) => fromItem(item).entry as HistoryEntry), next: page.next };
    },
  };
}

async function putEntry(table: Table, entry: HistoryEntry): Promise<void> {
  const time = historyTime(entry) ?? (await firstWritten(table, entry));
  const key = historyItemKey(entry.record, new Date(time).toISOString(), entry.eventId);
  // The first writing stands: a repetition may come with another `writtenAt`.
  await putItem(table, { item: itemOf(key, { entry }, entry), tests: [{ attribute: 'pk', is: 'absent' }] });
}

/** The first writer's time, left under the event's id before the entry is written: after a crash in between, the next one finds it. */
async function firstWritten(table: Table, entry: HistoryEntry): Promise<Instant> {
  const item = itemOf(historyTimeItemKey(entry.record, entry.eventId), { writtenAt: entry.writtenAt }, entry);
  const written = await putItem(table, { item, tests: [{ attribute: 'pk', is: 'absent' }] });
  return Number((!written.done && written.standing?.writtenAt?.N) || entry.writtenAt);
}

const itemOf = (key: object, content: object, { writtenAt }: HistoryEntry): Item =>
  toItem({ ...key, ...content, expiresAt: expiryAfter(writtenAt, keptSeconds) });
