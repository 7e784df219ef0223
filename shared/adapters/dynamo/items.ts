import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { Facts, Lease, RecordChange } from '#shared/app/ports.ts';
import { type Launch, launchDeadline } from '#shared/domain/launch.ts';
import type { Pair } from '#shared/domain/sweep.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { dueOf, expiryAfter, toInstanceItem } from './instance-item.ts';
import {
  bindingItemKey,
  factsItemKey,
  type ItemKey,
  keyItemKey,
  launchDueShard,
  launchItemKey,
  leaseItemKey,
  pairItemKey,
  serverItemKey,
} from './keys.ts';
import type { Item } from './table.ts';
import type { Put } from './write.ts';

type ItemKind = 'instance' | 'facts' | 'lease' | 'pair' | 'server' | 'key' | 'launch' | 'binding';

/** Facts and leases go this long after they were last written: after the instance that they are of. */
const keptBesideSeconds = 60 * 86_400;

/**
 * All but instances are kept whole, in one attribute, so that no field of a record can be taken for the table's own.
 * What conditions look at, `version` and `seq`, stands outside of it and there alone.
 */
function wrap(kind: ItemKind, key: ItemKey, record: object, beside: Record<string, string | number> = {}): Item {
  const { version, seq, ...rest } = record as { version?: number; seq?: number };
  // A tag may be called `constructor`; marshall would take its map for an instance of a class and refuse it.
  const options = { removeUndefinedValues: true, convertClassInstanceToMap: true };
  return marshall({ ...key, kind, version, seq, ...beside, record: rest }, options);
}

/** The record in an item of any kind but `instance`. The table is Muster's own: its items are what they were written as. */
export function unwrap<R>(item: Item): R {
  const { record, version, seq } = unmarshall(item);
  return { ...record, ...(version !== undefined && { version }), ...(seq !== undefined && { seq }) };
}

export const factsItem = (facts: Facts): Item =>
  wrap('facts', factsItemKey(facts), facts, { expiresAt: expiryAfter(facts.describedAt, keptBesideSeconds) });

export const leaseItem = (lease: Lease): Item =>
  wrap('lease', leaseItemKey(lease), lease, { expiresAt: expiryAfter(lease.lastSeenAt, keptBesideSeconds) });

export const pairItem = (pair: Pair): Item => wrap('pair', pairItemKey(pair.account, pair.region), pair);

function launchItem(launch: Launch, timing: Timing): Item {
  const deadline = launchDeadline(launch, timing);
  const waits = deadline !== null && { dueShard: launchDueShard(launch.id), due: dueOf(deadline) };
  return wrap('launch', launchItemKey(launch.id), launch, waits || {});
}

/** The put that a change comes to, on condition that the record is still the one it was decided on. */
export function putOf(change: RecordChange, timing: Timing): Put {
  const { before } = change;
  return {
    item: itemOf(change, (before?.version ?? 0) + 1, timing),
    tests: [before ? { attribute: 'version', equals: before.version } : { attribute: 'pk', is: 'absent' }],
  };
}

function itemOf(change: RecordChange, version: number, timing: Timing): Item {
  switch (change.kind) {
    case 'instance':
      return toInstanceItem({ ...change.after, version }, timing);
    case 'server':
      return wrap('server', serverItemKey(change.after.id), { ...change.after, version });
    case 'launch':
      return launchItem({ ...change.after, version }, timing);
    case 'key':
      return wrap('key', keyItemKey(change.after.id), { ...change.after, version });
    case 'binding':
      return wrap('binding', bindingItemKey(change.after.agentId), { ...change.after, version });
  }
}
