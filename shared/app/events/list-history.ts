import * as z from 'zod/mini';
import { type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import { answer, pageOf, type Shown, text } from '../answer.ts';
import type { HistoryEntry, HistoryStore, PageRequest } from '../ports.ts';

/** One event that was told of a record; docs/events.md explains each `detailType` and its `detail`. */
const HistoryEntryAnswer = answer(
  'HistoryEntry',
  z.object({ id: text, detailType: text, detail: z.record(text, z.unknown()) }),
);
export const HistoryPage = answer('HistoryPage', pageOf(HistoryEntryAnswer));

interface HistoryPorts {
  history: HistoryStore;
}

/** A page of the events of one instance, oldest first. */
export const listInstanceHistory = (key: InstanceKey, page: PageRequest, ports: HistoryPorts) =>
  listHistory(keyOf(key), page, ports);

/** A page of the events of one record, oldest first. `record` is an instance's `<account>/<region>/<id>` or a server's id. */
export async function listHistory(record: string, page: PageRequest, { history }: HistoryPorts) {
  const { items, next } = await history.list(record, page);
  return { items: items.map(historyView), nextPageToken: next };
}

const historyView = ({ eventId, detailType, detail }: HistoryEntry): Shown<typeof HistoryEntryAnswer> => ({
  id: eventId,
  detailType,
  detail,
});
