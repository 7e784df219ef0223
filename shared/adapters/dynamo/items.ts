import { digestOfFacts } from '#shared/app/instance/facts-digest.ts';
import {
  type AnyRecord,
  definitionOf,
  definitionOfAny,
  idOfChange,
  type Kind,
  type RecordChange,
  type RecordOf,
} from '#shared/app/records/registry.ts';
import type { Lease } from '#shared/domain/agent/lease.ts';
import type { AccountRegion } from '#shared/domain/cloud/sweep.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { dueOf, expiryAfter, fromInstanceItem, toInstanceItem } from './instance-item.ts';
import { dueShard, factsItemKey, type ItemKey, leaseItemKey, pairItemKey } from './keys.ts';
import { fromItem, type Item, toItem } from './table.ts';
import type { Put } from './write.ts';

/** Kinds of items that are no records. */
type Beside = 'facts' | 'lease' | 'pair' | 'mark';

/** Facts and leases expire this long after their last write, which is later than the instance's own record. */
const keptBesideSeconds = 60 * 86_400;

/**
 * Every item but the hot one keeps its content whole, in one attribute, so that no member of it is taken for the table's own.
 * The members that conditions look at (`version`, `seq`, `link`, `overtakenAt`) stand beside it and there alone.
 */
function wrap(
  kind: Kind | Beside,
  key: ItemKey,
  content: object,
  beside: Readonly<Record<string, string | number>> = {},
): Item {
  const { version, seq, link, overtakenAt, ...rest } = content as Partial<
    Record<'version' | 'seq' | 'overtakenAt', number>
  > & { link?: string };
  return toItem({ ...key, kind, version, seq, link, overtakenAt, ...beside, record: rest });
}

/** The content of an item that `wrap` made. The table is Muster's own: it holds what Muster wrote. */
export function unwrap<R>(item: Item): R {
  const { record, version, seq, link, overtakenAt } = fromItem(item);
  const beside = { version, seq, link, overtakenAt };
  return { ...record, ...Object.fromEntries(Object.entries(beside).filter(([, value]) => value !== undefined)) };
}

/** The record that an item of this kind holds; also what a stream's image holds. */
export function readRecord<K extends Kind>(kind: K, item: Item): RecordOf<K> {
  if (kind === 'instance') return fromInstanceItem(item) as AnyRecord as unknown as RecordOf<K>;
  const content = unwrap<RecordOf<K>>(item);
  return definitionOf(kind).read?.(content, fromItem(item)) ?? content;
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
  const { kind } = change;
  const record = { ...change.after, version };
  if (kind === 'instance') return toInstanceItem(record as Instance, timing);
  const { place, dueAt, beside, pack } = definitionOfAny(kind);
  const id = idOfChange(change);
  const due = dueAt?.(record, timing) ?? null;
  const waits = due === null ? {} : { dueShard: dueShard(id), due: dueOf(due) };
  return wrap(kind, place.keyOf(id), pack?.(record) ?? record, { ...beside?.(record), ...waits });
}

/** The put of what a describe said, on condition that no later answer stands: a sweep's may be minutes old when it is written. */
export function factsPut(facts: InstanceFacts): Put {
  const { describedAt } = facts;
  const item = wrap('facts', factsItemKey(facts), facts, {
    describedAt,
    digest: digestOfFacts(facts),
    expiresAt: expiryAfter(describedAt, keptBesideSeconds),
  });
  return { item, tests: [{ attribute: 'describedAt', absentOrBelow: describedAt + 1 }] };
}

/** When a lease expires. A lease that another check-in renewed since has another expiry. */
export const leaseExpiry = (lastSeenAt: Instant): number => expiryAfter(lastSeenAt, keptBesideSeconds);

/** The put of a lease, on condition that the one it was decided on stands: no two of them are alike in all that is tested. */
export const leasePut = (before: Lease | undefined, after: Lease): Put => ({
  item: wrap('lease', leaseItemKey(after), after, { expiresAt: leaseExpiry(after.lastSeenAt) }),
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

export const markItem = (key: ItemKey): Item => wrap('mark', key, {});
