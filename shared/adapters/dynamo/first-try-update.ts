import type { FirstTry, GuardTest } from '#shared/domain/cloud/first-try.ts';
import type { Timing } from '#shared/domain/timing.ts';
import type { Test, Update } from './expressions.ts';
import { attributeOf, cloudAttributes, dueOf, expiryAfter, packEntry } from './instance-item.ts';

/** A first try as one UpdateItem: what to change, and what must hold. */
export function firstTryUpdate(
  { set, entry, deadline, guard }: FirstTry,
  timing: Timing,
): { update: Update; tests: Test[] } {
  const endedAt = set.state === 'terminated' ? set.at : undefined;
  const update: Update = {
    set: {
      ...cloudAttributes(set),
      due: deadline === null ? null : dueOf(deadline),
      ...(typeof endedAt === 'number' && { expiresAt: expiryAfter(endedAt, timing.keepTerminatedSeconds) }),
    },
    append: { attribute: attributeOf('cloud.ledger'), entry: packEntry(entry) },
    increment: 'version',
  };
  return { update, tests: guard.map(testOf) };
}

function testOf(condition: GuardTest): Test {
  const attribute = attributeOf(condition.field);
  if ('oneOf' in condition) return { attribute, oneOf: condition.oneOf };
  if ('noneOf' in condition) return { attribute, noneOf: condition.noneOf };
  if ('is' in condition) return { attribute, is: condition.is === 'null' ? 'absent' : 'present' };
  if ('shorterThan' in condition) return { attribute, shorterThan: condition.shorterThan };
  if ('nullOrBefore' in condition) return { attribute, absentOrBelow: condition.nullOrBefore };
  if ('atMost' in condition) return { attribute, atMost: condition.atMost };
  return { attribute, notBelow: { attribute: attributeOf(condition.notBefore) } };
}
