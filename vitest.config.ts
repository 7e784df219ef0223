import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // These need Python: vitest.stack.config.ts
    exclude: [...configDefaults.exclude, 'test/deployed/**'],
    // What is slow on a busy machine waits longer; what never comes still fails
    testTimeout: 600_000,
    hookTimeout: 600_000,
    maxWorkers: 2,
  },
});
