import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random, uuid } from '#local/random.ts';

const take = (seed: number, count: number) => {
  const next = random(seed);
  return Array.from({ length: count }, next);
};

describe('the seeded generator', () => {
  it('gives the same numbers for the same seed, others for another', () => {
    expect(take(7, 100)).toEqual(take(7, 100));
    expect(take(7, 100)).not.toEqual(take(8, 100));
  });

  it('gives numbers from 0 up to but not 1, evenly', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const numbers = take(seed, 2000);
        const tenths = Map.groupBy(numbers, (number) => Math.floor(number * 10));
        expect([...tenths.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        for (const { length } of tenths.values()) expect(Math.abs(length - 200)).toBeLessThan(100);
      }),
      { numRuns: 20 },
    );
  });

  it('makes ids of the form that AWS gives, no two alike', () => {
    const next = random(1);
    const ids = Array.from({ length: 1000 }, () => uuid(next));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(ids).size).toBe(1000);
  });
});
