import { historyItemKey, historyTime } from '#shared/adapters/dynamo/keys.ts';
import { readPageToken, takePage } from '#shared/adapters/dynamo/page-token.ts';
import type { HistoryEntry, HistoryStore, UserDataStore } from '#shared/app/ports.ts';

/** Frozen user data, for tests and simulations. */
export function createMemoryUserData(): UserDataStore {
  const kept = new Map<string, string>();
  return {
    put: async (launchId, userData) => void kept.set(launchId, userData),
    get: async (launchId) => kept.get(launchId),
    delete: async (launchId) => void kept.delete(launchId),
  };
}

/** History, for tests and simulations: sorted and made unique by the same keys as in DynamoDB. */
export function createMemoryHistory(): HistoryStore {
  const kept = new Map<string, Map<string, HistoryEntry>>();
  const firstWritten = new Map<string, number>();
  const put = (entry: HistoryEntry) => {
    const name = `${entry.record} ${entry.eventId}`;
    const time = historyTime(entry) ?? firstWritten.get(name) ?? entry.writtenAt;
    firstWritten.set(name, time);
    const ofRecord = kept.get(entry.record) ?? new Map<string, HistoryEntry>();
    const { sk } = historyItemKey(entry.record, new Date(time).toISOString(), entry.eventId);
    if (!ofRecord.has(sk)) kept.set(entry.record, ofRecord.set(sk, entry));
  };
  return {
    put: async (entries) => entries.forEach(put),
    list: async (record, { size, after }) => {
      const start = after === null ? '' : readPageToken(after, false).sk;
      const later = [...(kept.get(record) ?? [])].filter(([sk]) => sk > start).sort(([a], [b]) => (a < b ? -1 : 1));
      const { items, next } = await takePage(later, size, ([sk]) => ({ sk }));
      return { items: items.map(([, entry]) => entry), next };
    },
  };
}
