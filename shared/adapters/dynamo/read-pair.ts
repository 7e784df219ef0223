import { instancePartition } from '#shared/app/instance/record.ts';
import type { AccountRegionStore } from '#shared/app/ports.ts';
import type { Lease } from '#shared/domain/agent/lease.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Test } from './expressions.ts';
import { attributeOf, fromInstanceItem } from './instance-item.ts';
import { unwrap } from './items.ts';
import { query } from './read.ts';
import type { Table } from './table.ts';

/** `isOver` says the opposite in memory. Facts and leases have none of these attributes: they pass. */
const unlessOver = (endedBefore: Instant): Test => ({
  anyOf: [
    { attribute: attributeOf('cloud.state'), noneOf: ['terminated'] },
    { attribute: attributeOf('cloud.verify'), is: 'present' },
    { attribute: attributeOf('cloud.at'), atLeast: endedBefore },
  ],
});

/**
 * The records of an account and Region. DynamoDB leaves out those that are over, so they are neither sent nor parsed. What lies beside a
 * record comes right behind it in the order of sort keys, so what comes behind a record that was left out is dropped as it comes.
 */
export async function readPair(
  table: Table,
  account: string,
  region: string,
  endedBefore: Instant | null,
): ReturnType<AccountRegionStore['readPair']> {
  const instances: Instance[] = [];
  const lastHeardAt = new Map<string, number>();
  const facts = new Map<string, InstanceFacts>();
  const tests = endedBefore === null ? undefined : [unlessOver(endedBefore)];
  for await (const item of query(table, { pk: instancePartition(account, region), ...(tests && { tests }) })) {
    if (item.kind?.S === 'instance') instances.push(fromInstanceItem(item));
    const last = instances.at(-1)?.instanceId;
    if (last === undefined || !item.sk?.S?.startsWith(`${last}#`)) continue;
    if (item.kind?.S === 'lease') lastHeardAt.set(last, unwrap<Lease>(item).lastSeenAt);
    if (item.kind?.S === 'facts') facts.set(last, unwrap<InstanceFacts>(item));
  }
  return { instances, lastHeardAt, facts };
}
