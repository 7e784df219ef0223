import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { type SweepMessage, sweepPairs } from '#shared/app/cloud/sweep-pairs.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { second, start } from '#test/build/records.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';

const periodSeconds = 300;
const registered = Array.from({ length: 40 }, (_, nth) => ({
  account: String(111122223333 + nth),
  region: 'us-east-1',
}));

function stageOf() {
  const store = createMemoryStore({ timing: defaultTiming });
  const outbox = new KeepingOutbox<SweepMessage>();
  const sweep = (now: number) => sweepPairs(now, { store, outbox, registered, periodSeconds });
  return { store, outbox, sweep };
}

describe('a sweep of all pairs', () => {
  it('asks each time for the pairs that hold records', async () => {
    const { store, outbox, sweep } = stageOf();
    const busy = registered[7]!;
    await store.ensurePair(busy.account, busy.region);
    for (let turn = 0; turn < 5; turn++) await sweep(start + turn * periodSeconds * second);
    expect(outbox.messages.filter(({ account }) => account === busy.account)).toHaveLength(5);
  });

  it('asks for each empty pair once in twelve turns', async () => {
    const { outbox, sweep } = stageOf();
    for (let turn = 0; turn < 12; turn++) await sweep(start + turn * periodSeconds * second);
    expect(outbox.messages.map(({ account }) => account).sort()).toEqual(registered.map(({ account }) => account));
  });

  it('asks for no pair that is not registered any more', async () => {
    const { store, outbox, sweep } = stageOf();
    await store.ensurePair('999988887777', 'us-east-1');
    for (let turn = 0; turn < 12; turn++) await sweep(start + turn * periodSeconds * second);
    expect(outbox.messages.some(({ account }) => account === '999988887777')).toBe(false);
  });

  it('says how many it asked for', async () => {
    const { store, outbox, sweep } = stageOf();
    for (const { account, region } of registered) await store.ensurePair(account, region);
    expect(await sweep(start)).toEqual({ asked: 40 });
    expect(outbox.messages).toEqual(registered);
  });
});
