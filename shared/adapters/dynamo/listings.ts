import { instancePartition } from '#shared/app/instance/record.ts';
import type { Page, PageRequest } from '#shared/app/ports.ts';
import { definitionOf, type Kind, type RecordOf } from '#shared/app/records/registry.ts';
import type { AccountRegion } from '#shared/domain/cloud/sweep.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { fromInstanceItem } from './instance-item.ts';
import { readRecord, unwrap } from './items.ts';
import { pairName, pairsPartition } from './keys.ts';
import { readPageToken, takePage } from './page-token.ts';
import { query } from './read.ts';
import type { Table } from './table.ts';

/** Beside each instance lie its facts and its lease. */
const itemsPerInstance = 3;

export async function listPairs(table: Table): Promise<AccountRegion[]> {
  const pairs: AccountRegion[] = [];
  for await (const item of query(table, { pk: pairsPartition })) pairs.push(unwrap<AccountRegion>(item));
  return pairs;
}

const areInstances = [{ attribute: 'kind', equals: 'instance' }];

/** Every instance, pair by pair. One page looks for the one record more that tells whether it is the last. */
export async function listInstances(table: Table, { size, after }: PageRequest): Promise<Page<Instance>> {
  const start = after === null ? undefined : readPageToken(after, true);
  const limit = (size + 1) * itemsPerInstance;
  async function* instances(): AsyncGenerator<Instance> {
    for (const { account, region } of await listPairs(table)) {
      const pair = pairName(account, region);
      if (start?.pair !== undefined && pair < start.pair) continue;
      const afterSortKey = pair === start?.pair ? start.sk : undefined;
      const items = query(table, { pk: instancePartition(account, region), tests: areInstances, afterSortKey, limit });
      for await (const item of items) yield fromInstanceItem(item);
    }
  }
  return takePage(instances(), size, (last) => ({
    pair: pairName(last.account, last.region),
    sk: last.instanceId,
  }));
}

/** All records of a kind that lie in one list, in the order of their ids. */
export async function listRecords<K extends Kind>(
  table: Table,
  kind: K,
  { size, after }: PageRequest,
): Promise<Page<RecordOf<K>>> {
  const { idOf, place } = definitionOf(kind);
  const { list } = place;
  if (list === null) throw new Error(`records of the kind ${kind} cannot be listed`);
  const afterSortKey = after === null ? undefined : readPageToken(after, false).sk;
  async function* listed(partition: string): AsyncGenerator<RecordOf<K>> {
    const items = query(table, { pk: partition, afterSortKey, limit: size + 1 });
    for await (const item of items) yield readRecord(kind, item);
  }
  return takePage(listed(list), size, (record) => ({ sk: idOf(record) }));
}
