import { expect, it } from 'vitest';
import { loadStream } from '../../bench/stream.ts';

it('keeps up with a thousand changes a second on one shard, at 20 ms for each call of AWS, and tells each once', async () => {
  const { longestWaitMs, told, tookMs } = await loadStream(2000, 1000);
  console.info(
    `1,000 changes a second: ${Math.round(longestWaitMs)} ms is the longest wait; 2,000 changes took ${tookMs} ms`,
  );
  // What waits does not grow with the load's length: a poll's time, and what one batch takes
  expect(longestWaitMs).toBeLessThan(600);
  expect(told.size).toBe(2 * 2000);
  expect(new Set(told.values())).toEqual(new Set([1]));
});

it('works off a backlog of changes faster than they come', async () => {
  const { tookMs } = await loadStream(2000, Number.POSITIVE_INFINITY);
  expect(2000 / (tookMs / 1000)).toBeGreaterThan(1000);
});
