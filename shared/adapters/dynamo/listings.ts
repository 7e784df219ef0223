import type { Page, PageRequest } from '#shared/app/ports.ts';
import type { AccountRegion } from '#shared/domain/cloud/sweep.ts';
import type { EnrollmentKey } from '#shared/domain/enrollment/enrollment-key.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import type { Server } from '#shared/domain/server/server.ts';
import { fromInstanceItem } from './instance-item.ts';
import { readKey, unwrap } from './items.ts';
import { keysPartition, pairName, pairPartition, pairsPartition, serversPartition } from './keys.ts';
import { readPageToken, takePage } from './page-token.ts';
import { query } from './read.ts';
import type { Item, Table } from './table.ts';

/** Beside each instance lie its facts and its lease. */
const itemsPerInstance = 3;

export async function listPairs(table: Table): Promise<AccountRegion[]> {
  const pairs: AccountRegion[] = [];
  for await (const item of query(table, { pk: pairsPartition })) pairs.push(unwrap<AccountRegion>(item));
  return pairs;
}

/** Every instance, pair by pair. One page looks for the one record more that tells whether it is the last. */
export async function listInstances(table: Table, { size, after }: PageRequest): Promise<Page<Instance>> {
  const start = after === null ? undefined : readPageToken(after, true);
  const limit = (size + 1) * itemsPerInstance;
  async function* instances(): AsyncGenerator<Instance> {
    for (const { account, region } of await listPairs(table)) {
      const pair = pairName(account, region);
      if (start?.pair !== undefined && pair < start.pair) continue;
      const afterSortKey = pair === start?.pair ? start.sk : undefined;
      const items = query(table, { pk: pairPartition(pair), kinds: ['instance'], afterSortKey, limit });
      for await (const item of items) yield fromInstanceItem(item);
    }
  }
  return takePage(instances(), size, (last) => ({
    pair: pairName(last.account, last.region),
    sk: last.instanceId,
  }));
}

export const listServers = (table: Table, page: PageRequest): Promise<Page<Server>> =>
  listById(table, serversPartition, page, unwrap<Server>);

export const listKeys = (table: Table, page: PageRequest): Promise<Page<EnrollmentKey>> =>
  listById(table, keysPartition, page, readKey);

async function listById<R extends { id: string }>(
  table: Table,
  pk: string,
  { size, after }: PageRequest,
  read: (item: Item) => R,
): Promise<Page<R>> {
  const afterSortKey = after === null ? undefined : readPageToken(after, false).sk;
  async function* records(): AsyncGenerator<R> {
    for await (const item of query(table, { pk, afterSortKey, limit: size + 1 })) yield read(item);
  }
  return takePage(records(), size, ({ id }) => ({ sk: id }));
}
