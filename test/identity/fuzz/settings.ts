import { expect } from 'vitest';

/** A longer run: `FUZZ_RUNS=100000 npx vitest run test/identity/fuzz`. */
export const runs = Number(process.env.FUZZ_RUNS ?? 1000);
/** Another at every run; `FUZZ_SEED` repeats one. */
export const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);

/** What fast-check is given, and a line that tells it. */
export function parameters(what: string): { numRuns: number; seed: number; endOnFailure: boolean } {
  console.log(`fuzz, ${what}: FUZZ_SEED=${seed} FUZZ_RUNS=${runs}`);
  return { numRuns: runs, seed, endOnFailure: false };
}

/** What `run` makes or throws, which must not take long: the reader is linear, and this is thousands of times what it needs. */
export function soon<T>(run: () => T): T {
  const began = performance.now();
  try {
    return run();
  } finally {
    expect(performance.now() - began).toBeLessThan(5000);
  }
}
