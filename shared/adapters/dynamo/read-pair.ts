import { instancePartition } from '#shared/app/instance/record.ts';
import type { PairRecord } from '#shared/app/ports.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Test } from './expressions.ts';
import { attributeOf, fromInstanceItem, instanceAttributes } from './instance-item.ts';
import { type Query, query } from './read.ts';
import { fromItem, type Item, type Table } from './table.ts';

/** `isOver` says the opposite in memory. Facts and leases have none of these attributes: they pass. */
const unlessOver = (endedBefore: Instant): Test => ({
  anyOf: [
    { attribute: attributeOf('cloud.state'), noneOf: ['terminated'] },
    { attribute: attributeOf('cloud.verify'), is: 'present' },
    { attribute: attributeOf('cloud.at'), atLeast: endedBefore },
  ],
});

/** What a sweep needs of a record, of its facts and of its lease. DynamoDB reads and bills the items whole all the same. */
const attributes = [...instanceAttributes, 'kind', 'digest', 'describedAt', 'record.lastSeenAt'];

/** What is asked of DynamoDB for the records of an account and Region. */
export const queryOfPair = (account: string, region: string, endedBefore: Instant | null): Query => ({
  pk: instancePartition(account, region),
  attributes,
  ...(endedBefore !== null && { tests: [unlessOver(endedBefore)] }),
});

/**
 * The records of an account and Region. DynamoDB leaves out those that are over, so they are neither sent nor parsed. What lies beside a
 * record comes right behind it in the order of sort keys, so what comes behind a record that was left out is dropped as it comes.
 */
export async function* readPair(
  table: Table,
  account: string,
  region: string,
  endedBefore: Instant | null,
): AsyncGenerator<PairRecord, void> {
  let last: PairRecord | undefined;
  for await (const item of query(table, queryOfPair(account, region, endedBefore))) {
    if (item.kind?.S === 'instance') {
      if (last) yield last;
      last = { instance: fromInstanceItem(item) };
    }
    if (last && item.sk?.S?.startsWith(`${last.instance.instanceId}#`)) last = { ...last, ...readBeside(item) };
  }
  if (last) yield last;
}

function readBeside(item: Item): Omit<PairRecord, 'instance'> {
  const { kind, record, digest = '', describedAt } = fromItem(item);
  if (kind === 'lease') return { lastHeardAt: record.lastSeenAt };
  // Facts that an earlier Muster wrote have neither: they are the oldest that there are.
  return kind === 'facts' ? { facts: { digest, describedAt: describedAt ?? 0 } } : {};
}
