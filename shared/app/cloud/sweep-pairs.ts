import { hashBucket } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Outbox, Store } from '../ports.ts';

export interface SweepMessage {
  account: string;
  region: string;
}

/** A registered pair that holds nothing is looked at in one sweep of this many: lost first events are still found. */
const emptyPairSlots = 12;

export interface SweepPorts {
  store: Store;
  outbox: Outbox<SweepMessage>;
  registered: readonly SweepMessage[];
  periodSeconds: number;
}

/** Puts one message per pair on the queue: those that hold records each time, empty ones in turns. */
export async function sweepPairs(now: Instant, ports: SweepPorts): Promise<{ asked: number }> {
  const busy = new Set((await ports.store.listPairs()).map(({ account, region }) => `${account}/${region}`));
  const slot = Math.floor(now / (ports.periodSeconds * 1000)) % emptyPairSlots;
  const asked = ports.registered.filter(({ account, region }) => {
    const pair = `${account}/${region}`;
    return busy.has(pair) || hashBucket(pair, emptyPairSlots) === slot;
  });
  await ports.outbox.send(asked.map(({ account, region }) => ({ account, region })));
  return { asked: asked.length };
}
