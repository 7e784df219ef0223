import * as z from 'zod/mini';
import { type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import { answer, pageOf, type Shown, text } from '../answer.ts';
import type { HistoryStore, Page, PageRequest, Store } from '../ports.ts';
import type { PublishedEvent } from './event-bus.ts';

/** One event that was told of a record; docs/events.md explains each `detailType` and its `detail`. */
const HistoryEntryAnswer = answer(
  'HistoryEntry',
  z.object({ id: text, detailType: text, detail: z.record(text, z.unknown()) }),
);
export const HistoryPage = answer('HistoryPage', pageOf(HistoryEntryAnswer));

interface HistoryPorts {
  store: Pick<Store, 'getInstance'>;
  history: HistoryStore;
}

/** A page of the events of one instance, oldest first. Those of a server that it left are among them, and so are those of an ended instance. */
export async function listInstanceHistory(key: InstanceKey, page: PageRequest, { store, history }: HistoryPorts) {
  const instance = await store.getInstance(key);
  return pageView(await history.list(keyOf(key), page, instance?.assignment.serverId ?? null));
}

/** A page of the events of one server, oldest first. */
export const listServerHistory = async (id: string, page: PageRequest, { history }: HistoryPorts) =>
  pageView(await history.list(id, page));

const pageView = ({ items, next }: Page<PublishedEvent>) => ({ items: items.map(eventView), nextPageToken: next });

const eventView = ({ detailType, detail }: PublishedEvent): Shown<typeof HistoryEntryAnswer> => ({
  id: detail.meta.id,
  detailType,
  detail: { ...detail },
});
