import { historyEvents, historyItem, historyPosition, type ListedEvent } from '#shared/adapters/dynamo/history-item.ts';
import { takePage } from '#shared/adapters/dynamo/page-token.ts';
import { keyOfItem } from '#shared/adapters/dynamo/table.ts';
import type { HistoryStore, ToldEntry, UserDataStore } from '#shared/app/ports.ts';

/** Frozen user data, for tests and simulations. */
export function createMemoryUserData(): UserDataStore {
  const kept = new Map<string, string>();
  return {
    put: async (launchId, userData) => void kept.set(launchId, userData),
    get: async (launchId) => kept.get(launchId),
    delete: async (launchId) => void kept.delete(launchId),
  };
}

/** History, for tests and simulations: each entry as DynamoDB's item, found by its record and by its server. */
export function createMemoryHistory(): HistoryStore {
  const kept = new Map<string, { entry: ToldEntry; events: readonly ListedEvent[] }>();
  return {
    async put(entries) {
      for (const entry of entries) {
        if (entry.kind !== 'told') continue;
        const item = historyItem(entry);
        const { pk, sk } = keyOfItem(item);
        kept.set(`${pk} ${sk}`, { entry, events: historyEvents(item) });
      }
      return entries.map(() => undefined);
    },
    async list(record, { size, after }) {
      const start = after === null ? '' : historyPosition(after);
      const listed = [...kept.values()]
        .filter(({ entry }) => entry.record === record || entry.serverId === record)
        .flatMap(({ events }) => events)
        .filter(({ position }) => position > start)
        .sort((a, b) => (a.position < b.position ? -1 : 1));
      const { items, next } = await takePage(listed, size, ({ position: sk }) => ({ sk }));
      return { items: items.map(({ event }) => event), next };
    },
  };
}
