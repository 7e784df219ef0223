import { defineConfig } from 'vitest/config';

/** `npm run check:stack`: what needs Python as well, for linters and an emulator. `npm test` does without. */
export default defineConfig({
  test: {
    include: ['test/deployed/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 600_000,

    // Most of what these wait for is a schedule; a third at once would make an emulator late
    maxWorkers: 2,
  },
});
