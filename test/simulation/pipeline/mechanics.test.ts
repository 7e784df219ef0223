import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { keyOf } from '#shared/domain/instance/instance.ts';
import { seconds } from '#shared/domain/time.ts';
import {
  batchOf,
  failedOf,
  heldBack,
  here,
  longEnough,
  minutes,
  record,
  runDirectly,
  runOne,
  type Setup,
  setup,
} from './setup.ts';

/** Instances in every state and in every zone, all of them in doubt and half of them known by zone. */
async function inDoubt(): Promise<{ where: Setup; keys: InstanceKey[] }> {
  const where = setup(27);
  const { clock, ec2, functions } = where.pipeline;
  const events = heldBack(where);
  where.pipeline.faults.add({ what: 'drop', where: { service: 'sqs', queue: 'verify' } });
  const keys = ['a', 'b', 'c'].flatMap((zone) => runDirectly(where, 4, `us-east-1${zone}`));
  await clock.advanceBy(seconds(30));
  await functions.onInstanceChanged(batchOf(events));
  const every = (nth: number, of: number) => keys.filter((_key, index) => index % of === nth);
  await functions.verify(batchOf(every(0, 2).map(asked)));
  ec2.stopInstances(here, { InstanceIds: every(1, 4).map(({ instanceId }) => instanceId) });
  ec2.terminateInstances(here, { InstanceIds: every(2, 4).map(({ instanceId }) => instanceId) });
  await clock.advanceBy(minutes(1));
  return { where, keys };
}

const asked = ({ account, region, instanceId }: InstanceKey) => ({ account, region, instanceId, attempt: 0 });
const unknownIds = ['i-0123456789abcdef0', 'i-0fedcba9876543210'].map((instanceId) => ({ ...here, instanceId }));

/** What becomes of each instance, asked about in these batches: its record, and whether its message comes back. */
async function outcomes(batches: (keys: readonly InstanceKey[]) => InstanceKey[][], zone: string | null) {
  const { where, keys } = await inDoubt();
  if (zone) where.pipeline.faults.add({ what: 'zone-down', where: { service: 'ec2', zone } });
  const outcome = new Map<string, unknown>();
  for (const batch of batches([...keys, ...unknownIds])) {
    const failed = failedOf(await where.pipeline.functions.verify(batchOf(batch.map(asked))));
    for (const [index, key] of batch.entries()) {
      outcome.set(keyOf(key), { record: record(where, key), again: failed.includes(`m${index}`) });
    }
  }
  return outcome;
}

describe('27 batch equivalence', () => {
  it.each([
    ['all zones healthy', null],
    ['a zone dead', 'us-east-1a'],
  ])(
    'with %s, each instance gets the answer that it would have had alone, whatever it is asked with',
    async (_what, deadZone) => {
      const alone = await outcomes((keys) => keys.map((key) => [key]), deadZone);
      const cuts = fc.array(fc.integer({ min: 1, max: 14 }), { minLength: 1, maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(fc.infiniteStream(fc.nat()), cuts, async (order, sizes) => {
          const together = await outcomes((keys) => cut(shuffled(keys, order), sizes), deadZone);
          expect(new Map([...together].sort())).toEqual(new Map([...alone].sort()));
        }),
        { numRuns: 30 },
      );
      expect([...alone.values()].some((outcome) => (outcome as { again: boolean }).again)).toBe(deadZone !== null);
    },
  );
});

function shuffled<T>(items: readonly T[], order: Iterator<number>): T[] {
  return items
    .map((item) => ({ item, place: order.next().value as number }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

function cut<T>(items: readonly T[], sizes: readonly number[]): T[][] {
  const parts: T[][] = [];
  for (let start = 0, nth = 0; start < items.length; nth++) {
    const size = sizes[nth % sizes.length] ?? 1;
    parts.push(items.slice(start, start + size));
    start += size;
  }
  return parts;
}

describe('28 partial failure exactness', () => {
  it('of a batch exactly the messages without a durable effect come again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 10 }), async (broken) => {
        const where = setup(28);
        const events = heldBack(where);
        const keys = runDirectly(where, 10);
        const { store } = where.pipeline.ports;
        const failing = new Set(broken.map((nth) => keys[nth]?.instanceId));
        where.pipeline.ports.store = {
          ...store,
          async saveInstance(before, after) {
            if (failing.has(after.instanceId)) throw new Error('the table is throttled');
            return store.saveInstance(before, after);
          },
        };
        const poison = [{ ...events[0], detail: null }, 'no event', null];
        const answer = await where.pipeline.functions.onInstanceChanged(batchOf([...events, ...poison]));
        expect(failedOf(answer).sort()).toEqual(broken.map((nth) => `m${nth}`).sort());
        expect(keys.filter((key) => !record(where, key))).toEqual(
          keys.filter(({ instanceId }) => failing.has(instanceId)),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('a message that always fails ends among the dead letters and delays no other', async () => {
    const where = setup();
    const { pipeline } = where;
    const { store } = pipeline.ports;
    const poisoned = runOne(where);
    pipeline.ports.store = {
      ...store,
      async tryFirst(step) {
        if (step.key.instanceId === poisoned.instanceId) throw new Error('never');
        return store.tryFirst(step);
      },
    };
    const healthy = runDirectly(where, 5);
    await pipeline.clock.advanceBy(seconds(20));
    expect(healthy.map((key) => record(where, key)?.cloud.state)).toEqual(healthy.map(() => 'running'));
    await pipeline.clock.advanceBy(longEnough);
    expect(pipeline.queues.queue('instance-events-dead').counts().visible).toBe(2);
    expect(record(where, poisoned)).toMatchObject({ cloud: { state: 'running' } });
  });
});

describe('11 mass-removal guard', () => {
  /** Twenty instances that an empty listing seems to have lost. */
  async function emptied() {
    const where = setup();
    const keys = runDirectly(where, 20);
    await where.pipeline.clock.advanceBy(minutes(10));
    where.pipeline.faults.add({ what: 'empty', where: { service: 'ec2' } });
    return { where, keys };
  }

  it('an empty listing for less than an hour removes nothing and raises an alarm', async () => {
    const { where, keys } = await emptied();
    await where.pipeline.clock.advanceBy(minutes(55));
    expect(where.pipeline.alarms).toContain('mass_removal_withheld');
    expect(keys.map((key) => record(where, key)?.cloud.state)).toEqual(keys.map(() => 'running'));
    where.pipeline.faults.clear();
    await where.pipeline.clock.advanceBy(longEnough);
    expect(await where.wrong()).toEqual([]);
  });

  it('what an hour of complete listings agreed on is undone by the first sight', async () => {
    const { where, keys } = await emptied();
    await where.pipeline.clock.advanceBy(minutes(120));
    expect(keys.map((key) => record(where, key)?.cloud)).toEqual(
      keys.map(() => expect.objectContaining({ state: 'terminated', inferred: true })),
    );
    where.pipeline.faults.clear();
    await where.pipeline.clock.advanceBy(longEnough);
    expect(where.pipeline.alarms).toContain('termination_inferred_wrongly');
    expect(keys.map((key) => record(where, key)?.cloud)).toEqual(
      keys.map(() => expect.objectContaining({ state: 'running', inferred: false, verify: null })),
    );
  });
});
