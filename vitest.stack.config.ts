import { defineConfig } from 'vitest/config';

/** `npm run check:stack`: what needs Python as well, for linters and an emulator. `npm test` does without. */
export default defineConfig({
  test: {
    include: ['test/deployed/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    // One file at a time: each keeps every core busy by itself, and an emulator must not be late
    fileParallelism: false,
  },
});
