import { defineConfig } from 'vitest/config';

/** `npm run check:stack`: what needs Python as well, for linters and an emulator. `npm test` does without. */
export default defineConfig({
  test: {
    include: ['test/deployed/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,

    // Most of what these wait for is a schedule; a third at once would make an emulator late
    maxWorkers: 2,
  },
});
