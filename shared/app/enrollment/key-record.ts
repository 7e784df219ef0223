import { type EnrollmentKey, everyInstance, keyDeadline, warnOfEnd } from '#shared/domain/enrollment/enrollment-key.ts';
import { keyEventsOf } from '#shared/domain/events/events.ts';
import type { Instant } from '#shared/domain/time.ts';
import { defineRecord, inOneList } from '../records/define-record.ts';

/** The attributes of a key's last use. An update notes a use without reading the record. */
export const keyUse = (usedAt: Instant, usedBy: string | null): Record<string, string | number> => ({
  usedAt,
  ...(usedBy !== null && { usedBy }),
});

export const enrollmentKeyRecord = defineRecord<EnrollmentKey>({
  idOf: ({ id }) => id,
  place: inOneList('KEYS'),
  dueAt: keyDeadline,
  onDue(key, now, timing) {
    const after = warnOfEnd(key, now, timing);
    return after ? { after, next: null } : { next: keyDeadline(key, timing) };
  },
  events: keyEventsOf,
  beside: ({ lastUsedAt, lastUsedBy }) => (lastUsedAt === null ? {} : keyUse(lastUsedAt, lastUsedBy)),
  pack: ({ lastUsedAt: _at, lastUsedBy: _by, ...key }) => ({ ...key, scope: narrowing(key.scope) }),
  read(content, attributes) {
    const { lastUsedAt = null, lastUsedBy = null, warnedAt = null, scope, ...key } = content;
    const { usedAt = lastUsedAt, usedBy = lastUsedBy } = attributes as { usedAt?: Instant; usedBy?: string };
    return { ...key, scope: { ...everyInstance, ...scope }, warnedAt, lastUsedAt: usedAt, lastUsedBy: usedBy };
  },
});

/** The members of a scope that narrow it, if any. DynamoDB bills a read by the item's size, and the stream of DynamoDB Local cannot hold an empty list. */
function narrowing(scope: EnrollmentKey['scope']): object | undefined {
  const given = Object.entries(scope).filter(
    ([, member]) => typeof member === 'number' || Object.keys(member ?? {}).length > 0,
  );
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}
