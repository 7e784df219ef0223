import { describe, expect, it } from 'vitest';
import { keepFacts } from '#shared/app/cloud/keep-facts.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import { factsOf, start } from '#test/build/records.ts';

const day = 86_400_000;

describe('facts that a sweep sees', () => {
  const known = factsOf('i-1', { describedAt: start });

  it.each([
    ['are new', undefined, start, true],
    ['have changed', { ...known, publicIp: '192.0.2.9' }, start + 1, true],
    ['are the same', known, start + 29 * day, false],
    ['are the same, and would expire while their instance lives', known, start + 31 * day, true],
  ])('are written if they %s', async (_case, before, describedAt, isWritten) => {
    const written: InstanceFacts[] = [];
    const seen = { ...known, describedAt };
    await keepFacts(seen, before, { putFacts: async (facts) => void written.push(facts) });
    expect(written).toEqual(isWritten ? [seen] : []);
  });
});
