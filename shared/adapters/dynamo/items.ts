import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { InstanceFacts, Lease, RecordChange } from '#shared/app/ports.ts';
import type { AccountRegion } from '#shared/domain/cloud/sweep.ts';
import { type EnrollmentKey, everyInstance, keyDeadline } from '#shared/domain/enrollment/enrollment-key.ts';
import { type Launch, launchDeadline } from '#shared/domain/launch/launch.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { dueOf, expiryAfter, toInstanceItem } from './instance-item.ts';
import {
  bindingItemKey,
  factsItemKey,
  type ItemKey,
  keyDueShard,
  keyItemKey,
  launchDueShard,
  launchItemKey,
  leaseItemKey,
  pairItemKey,
  serverItemKey,
} from './keys.ts';
import type { Item } from './table.ts';
import type { Put } from './write.ts';

type ItemKind = 'instance' | 'facts' | 'lease' | 'pair' | 'server' | 'key' | 'launch' | 'binding' | 'mark';

/** Facts and leases go this long after they were last written: after the instance that they are of. */
const keptBesideSeconds = 60 * 86_400;

/**
 * All but instances are kept whole, in one attribute, so that no field of a record can be taken for the table's own.
 * What conditions look at, `version`, `seq`, `link` and `overtakenAt`, stands outside of it and there alone.
 */
function wrap(kind: ItemKind, key: ItemKey, record: object, beside: Record<string, string | number> = {}): Item {
  const { version, seq, link, overtakenAt, ...rest } = record as Partial<
    Record<'version' | 'seq' | 'overtakenAt', number>
  > & { link?: string };
  // A tag may be called `constructor`; marshall would take its map for an instance of a class and refuse it.
  const options = { removeUndefinedValues: true, convertClassInstanceToMap: true };
  return marshall({ ...key, kind, version, seq, link, overtakenAt, ...beside, record: rest }, options);
}

/** The record in an item of any kind but `instance`. The table is Muster's own: its items are what they were written as. */
export function unwrap<R>(item: Item): R {
  const { record, version, seq, link, overtakenAt } = unmarshall(item);
  const beside = { version, seq, link, overtakenAt };
  return { ...record, ...Object.fromEntries(Object.entries(beside).filter(([, value]) => value !== undefined)) };
}

export const factsItem = (facts: InstanceFacts): Item =>
  wrap('facts', factsItemKey(facts), facts, { expiresAt: expiryAfter(facts.describedAt, keptBesideSeconds) });

/** The put of a lease, on condition that the one it was decided on stands: no two of them are alike in all that is tested. */
export const leasePut = (before: Lease | undefined, after: Lease): Put => ({
  item: wrap('lease', leaseItemKey(after), after, { expiresAt: expiryAfter(after.lastSeenAt, keptBesideSeconds) }),
  tests: before
    ? [
        { attribute: 'seq', equals: before.seq },
        // A Muster without links may have left it.
        isOrAbsent('link', before.link),
        isOrAbsent('overtakenAt', before.overtakenAt),
      ]
    : [{ attribute: 'pk', is: 'absent' }],
});

const isOrAbsent = (attribute: string, value: string | number | undefined): Put['tests'][number] =>
  value === undefined ? { attribute, is: 'absent' } : { attribute, equals: value };

export const pairItem = (pair: AccountRegion): Item => wrap('pair', pairItemKey(pair.account, pair.region), pair);

function launchItem(launch: Launch, timing: Timing): Item {
  const deadline = launchDeadline(launch, timing);
  const waits = deadline !== null && { dueShard: launchDueShard(launch.id), due: dueOf(deadline) };
  return wrap('launch', launchItemKey(launch.id), launch, waits || {});
}

/** The last use stands beside the record, where it can be noted without reading anything. */
function keyItem({ lastUsedAt, lastUsedBy, ...key }: EnrollmentKey, timing: Timing): Item {
  const deadline = keyDeadline({ ...key, lastUsedAt, lastUsedBy }, timing);
  const waits = deadline !== null && { dueShard: keyDueShard(key.id), due: dueOf(deadline) };
  return wrap(
    'key',
    keyItemKey(key.id),
    { ...key, scope: narrowing(key.scope) },
    { ...(lastUsedAt !== null && keyUse(lastUsedAt, lastUsedBy)), ...waits },
  );
}

/** What a scope names, if anything: an item is read by its size, and DynamoDB Local's stream has no word for an empty list. */
function narrowing(scope: EnrollmentKey['scope']): object | undefined {
  const given = Object.entries(scope).filter(
    ([, member]) => typeof member === 'number' || Object.keys(member ?? {}).length > 0,
  );
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}

/** The attributes of a key's last use. */
export const keyUse = (usedAt: Instant, usedBy: string | null): Record<string, string | number> => ({
  usedAt,
  ...(usedBy !== null && { usedBy }),
});

/** A key outlives versions of Muster: what an older one did not write is as if it had not been asked for. */
export function readKey(item: Item): EnrollmentKey {
  const { lastUsedAt = null, lastUsedBy = null, warnedAt = null, scope, ...key } = unwrap<EnrollmentKey>(item);
  const { usedAt = lastUsedAt, usedBy = lastUsedBy } = unmarshall(item);
  return { ...key, scope: { ...everyInstance, ...scope }, warnedAt, lastUsedAt: usedAt, lastUsedBy: usedBy };
}

export const markItem = (key: ItemKey): Item => wrap('mark', key, {});

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
      return keyItem({ ...change.after, version }, timing);
    case 'binding':
      return wrap('binding', bindingItemKey(change.after.agentId), { ...change.after, version });
  }
}
