import { describe, expect, it } from 'vitest';
import { keepFacts } from '#shared/app/cloud/keep-facts.ts';
import { digestOfFacts, knownOf } from '#shared/app/instance/facts-digest.ts';
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
    await keepFacts('running', seen, before && knownOf(before), {
      putFacts: async (facts) => void written.push(facts),
    });
    expect(written).toEqual(isWritten ? [seen] : []);
  });

  it('of an instance that has terminated are written only where none are known', async () => {
    const written: InstanceFacts[] = [];
    const store = { putFacts: async (facts: InstanceFacts) => void written.push(facts) };
    const seen = { ...known, publicIp: null, privateIp: null, describedAt: start + 40 * day };
    await keepFacts('terminated', seen, knownOf(known), store);
    expect(written).toEqual([]);
    await keepFacts('terminated', seen, undefined, store);
    expect(written).toEqual([seen]);
  });

  it('are known by a digest, whatever the order of members and tags', async () => {
    const tags = (...names: string[]) => Object.fromEntries(names.map((name) => [name, `of ${name}`]));
    const digests = [
      digestOfFacts({ ...known, tags: tags('a', 'b') }),
      digestOfFacts({
        tags: tags('b', 'a'),
        ...Object.fromEntries(
          Object.entries({ ...known, tags: undefined, describedAt: 7 })
            .reverse()
            .filter(([name]) => name !== 'tags'),
        ),
      } as InstanceFacts),
    ];
    expect(new Set(digests).size).toBe(1);
    for (const other of [{ tags: tags('a', 'c') }, { publicIp: '192.0.2.9' }, { managedBy: 'eks.amazonaws.com' }])
      expect(digestOfFacts({ ...known, tags: tags('a', 'b'), ...other })).not.toBe(digests[0]);
  });
});
