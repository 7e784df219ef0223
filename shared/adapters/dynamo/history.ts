import { readInstanceId } from '#shared/app/instance/record.ts';
import type { HistoryEntry, HistoryStore } from '#shared/app/ports.ts';
import { historyEvents, historyItem, historyPosition, type ListedEvent, linkItem } from './history-item.ts';
import { historyLinks, historyPartition, historyTold } from './keys.ts';
import { takePage } from './page-token.ts';
import { type Query, query } from './read.ts';
import { type Item, keyOfItem, type Table } from './table.ts';
import { itemsPerBatch, putBatch } from './write.ts';

type Pause = (milliseconds: number) => Promise<unknown>;

/**
 * History in the private table, oldest first. An entry's key follows from its change, and so does all that it holds: written again, it
 * is the same item (docs/decisions/0013-history-is-kept-once.md).
 */
export function createDynamoHistory(table: Table, pause: Pause): HistoryStore {
  return {
    put: (entries) => putEntries(table, entries, pause),
    async list(record, { size, after }, serverId = null) {
      const position = after === null ? null : historyPosition(after);
      const listed = merged(await sourcesOf(table, record, serverId, { position, size }));
      const page = await takePage(listed, size, ({ position: sk }) => ({ sk }));
      return { items: page.items.map(({ event }) => event), next: page.next };
    },
  };
}

/** Side by side, in requests of as many as DynamoDB takes. The same item twice is sent once: a request with both would be refused. */
async function putEntries(table: Table, entries: readonly HistoryEntry[], pause: Pause): Promise<unknown[]> {
  const items = entries.map((entry) => (entry.kind === 'told' ? historyItem(entry) : linkItem(entry)));
  const byKey = new Map(items.map((item) => [nameOf(item), item]));
  const names = [...byKey.keys()];
  const refused = new Map<string, unknown>();
  const putSome = async (some: readonly string[]) => {
    const batch = some.map((name) => byKey.get(name) as Item);
    try {
      const left = await putBatch(table, batch, pause);
      for (const { pk, sk } of left) refused.set(`${pk} ${sk}`, new Error('DynamoDB did not take the entry'));
    } catch (error) {
      for (const name of some) refused.set(name, error);
    }
  };
  const batches = Array.from({ length: Math.ceil(names.length / itemsPerBatch) }, (_, nth) =>
    names.slice(nth * itemsPerBatch, (nth + 1) * itemsPerBatch),
  );
  await Promise.all(batches.map(putSome));
  return items.map((item) => refused.get(nameOf(item)));
}

const nameOf = (item: Item): string => {
  const { pk, sk } = keyOfItem(item);
  return `${pk} ${sk}`;
};

/** A server's or a key's events lie in one partition. An instance's lie in its own, and in those of the servers that it is or was. */
async function sourcesOf(
  table: Table,
  record: string,
  serverId: string | null,
  { position, size }: { position: string | null; size: number },
): Promise<AsyncGenerator<ListedEvent>[]> {
  // An item holds several events, and a page may end between two of them.
  const from = position === null ? historyTold.from : position.slice(0, position.lastIndexOf('#'));
  const between = { from, to: historyTold.to };
  async function* eventsOf(asked: Query): AsyncGenerator<ListedEvent> {
    for await (const item of query(table, asked)) {
      yield* historyEvents(item).filter((one) => position === null || one.position > position);
    }
  }
  const own = eventsOf({ pk: historyPartition(record), between, limit: size + 1 });
  if (!readInstanceId(record)) return [own];
  const servers = new Set(serverId === null ? [] : [serverId]);
  for await (const item of query(table, { pk: historyPartition(record), between: historyLinks })) {
    servers.add(keyOfItem(item).sk.slice(historyLinks.from.length));
  }
  const tests = [{ attribute: 'of', equals: record }];
  return [own, ...[...servers].map((id) => eventsOf({ pk: historyPartition(id), between, tests }))];
}

/** Several listings, each in order, as one in order. */
async function* merged(sources: readonly AsyncGenerator<ListedEvent>[]): AsyncGenerator<ListedEvent> {
  const heads = await Promise.all(sources.map((source) => source.next()));
  for (;;) {
    let least: { nth: number; value: ListedEvent } | undefined;
    for (const [nth, { done, value }] of heads.entries()) {
      if (!done && (!least || value.position < least.value.position)) least = { nth, value };
    }
    if (!least) return;
    yield least.value;
    heads[least.nth] = (await sources[least.nth]?.next()) as IteratorResult<ListedEvent>;
  }
}
