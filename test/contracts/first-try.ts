import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { firstTry, guardHolds } from '#shared/domain/cloud/first-try.ts';
import { ledgerEntry } from '#shared/domain/cloud/ledger.ts';
import { mergeEvent, type StateChange } from '#shared/domain/cloud/merge-event.ts';
import { enrollmentDeadline } from '#shared/domain/instance/deadline.ts';
import { type Instance, keyOf } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import type { InstanceParts } from '#test/build/an-instance.ts';
import { instanceNamed, keyNamed, type MakeStore, second, start } from '#test/build/records.ts';
import { anyStep } from './arbitraries.ts';

const farAhead = start + 365 * 86_400 * second;

const eventAt = (state: StateChange['state'], at: number): StateChange => ({
  ...keyNamed('i-1'),
  id: `${state} at ${at}`,
  state,
  at,
  receivedAt: at,
});

const stepOf = (event: StateChange) => firstTry(event, defaultTiming)!;

const launched = (fields: InstanceParts = {}): Instance =>
  instanceNamed(
    'i-1',
    {
      cloud: {
        state: 'pending',
        at: start,
        source: 'event',
        epoch: start,
        ledger: [ledgerEntry('pending', start, 'first')],
      },
    },
    fields,
  );

/** Of transitions that lie close, a merge may put those before the last one in another order than the ledger has. Nothing depends on it. */
const withoutOrder = (record: Instance | undefined) =>
  record && { ...record, cloud: { ...record.cloud, ledger: record.cloud.ledger.toSorted() } };

/** One step in ten applies: with every second chosen from those, some do however few are tried. */
const step = anyStep('i-1');
const applicable = step.filter(({ record, event }) => guardHolds(stepOf(event).guard, record));

export function firstTryContract(makeStore: MakeStore, cases: number): void {
  describe('the first try', () => {
    test('an event in order is applied without a read', async () => {
      const store = await makeStore();
      await store.saveInstance(undefined, launched());
      const event = eventAt('running', start + 20 * second);
      expect(await store.tryFirst(stepOf(event))).toEqual({ saved: true });
      expect(await store.getInstance(keyNamed('i-1'))).toEqual({
        ...launched(),
        version: 2,
        cloud: {
          ...launched().cloud,
          state: 'running',
          at: event.at,
          runningAt: event.at,
          ledger: [ledgerEntry('pending', start, 'first'), ledgerEntry('running', event.at, event.id)],
        },
      });
    });

    test('the same event again is refused', async () => {
      const store = await makeStore();
      await store.saveInstance(undefined, launched());
      const step = stepOf(eventAt('running', start + 20 * second));
      await store.tryFirst(step);
      const stands = await store.getInstance(keyNamed('i-1'));
      expect(await store.tryFirst(step)).toEqual({ saved: false, current: stands });
      expect(await store.getInstance(keyNamed('i-1'))).toEqual(stands);
    });

    test('it never makes a record', async () => {
      const store = await makeStore();
      expect(await store.tryFirst(stepOf(eventAt('running', start)))).toEqual({ saved: false, current: undefined });
      expect(await store.getInstance(keyNamed('i-1'))).toBeUndefined();
    });

    test.each<[string, InstanceParts, StateChange['state']]>([
      ['in a state that does not come before', { cloud: { state: 'stopping' } }, 'running'],
      ['within the ordering window', { cloud: { at: start + 18 * second } }, 'running'],
      ['later than the event', { cloud: { at: start + 30 * second } }, 'running'],
      ['that a describe saw as late as the event', { cloud: { seenAt: start + 20 * second } }, 'running'],
      [
        'that has stopped, and a describe saw less than the window before',
        { cloud: { state: 'stopped', stoppedAt: start + second, seenAt: start + 18 * second } },
        'pending',
      ],
      ['in doubt', { cloud: { verify: { reason: 'illegal_step', since: start } } }, 'running'],
      [
        'with a full ledger',
        { cloud: { ledger: Array.from({ length: 8 }, (_, n) => ledgerEntry('pending', start - n, `${n}`)) } },
        'running',
      ],
      ['that knows nothing of the cloud yet', { cloud: { state: 'unknown', at: null } }, 'running'],
      ['whose deadline counts from a later time', { management: { notBefore: start + 21 * second } }, 'running'],
      ['that ran in this epoch already', { cloud: { runningAt: start } }, 'running'],
      ['without an epoch', { cloud: { epoch: null } }, 'running'],
      ['that waits because a start failed', { management: { reason: 'start_failed' } }, 'running'],
      ['whose last stop is of an epoch before', { cloud: { state: 'stopped', stoppedAt: start - 1 } }, 'pending'],
      [
        'with a failed start',
        { cloud: { state: 'stopping', failedStart: { at: start, reason: 'unknown' } } },
        'stopped',
      ],
      ['whose running was never seen', { cloud: { state: 'running' } }, 'stopping'],
      ['that still waits for an enrollment', { cloud: { state: 'shutting-down' } }, 'terminated'],
    ])('a record %s is left to the merge, and handed back', async (_, fields, state) => {
      const store = await makeStore();
      await store.saveInstance(undefined, launched(fields));
      const tried = await store.tryFirst(stepOf(eventAt(state, start + 20 * second)));
      expect(tried).toEqual({ saved: false, current: launched({ ...fields, version: 1 }) });
      expect(await store.getInstance(keyNamed('i-1'))).toEqual(launched({ ...fields, version: 1 }));
    });

    test('it takes a waiting instance into the index of what is due and out again', async () => {
      const store = await makeStore();
      await store.saveInstance(undefined, launched());
      const at = start + 20 * second;
      await store.tryFirst(stepOf(eventAt('running', at)));
      const deadline = at + 900 * second;
      expect(await store.listDue(deadline - 1, 10)).toEqual([]);
      expect(await store.listDue(deadline, 10)).toEqual([
        { kind: 'instance', id: keyOf(keyNamed('i-1')), due: deadline },
      ]);
      await store.tryFirst(stepOf(eventAt('stopping', at + 60 * second)));
      expect(await store.listDue(deadline, 10)).toEqual([]);
    });

    test('where its guard holds, and only there, the record is what the merge makes of it, and due when that is', async () => {
      const store = await makeStore();
      let applied = 0;
      await fc.assert(
        fc.asyncProperty(fc.oneof(step, applicable), async ({ record, event }) => {
          await store.saveInstance(await store.getInstance(record), record);
          const before = (await store.getInstance(record))!;
          const merged = mergeEvent(before, event, defaultTiming).instance;
          const tried = await store.tryFirst(stepOf(event));
          expect(tried.saved).toBe(guardHolds(stepOf(event).guard, before));
          const expected = tried.saved ? { ...merged, version: before.version + 1 } : before;
          const after = await store.getInstance(record);
          expect(withoutOrder(after)).toEqual(withoutOrder(expected));
          expect(after?.cloud.ledger.at(-1)).toBe(expected.cloud.ledger.at(-1));
          if (!tried.saved) expect(tried.current).toEqual(before);
          const [entry] = await store.listDue(farAhead, 2);
          expect(entry?.due ?? null).toBe(enrollmentDeadline(expected, defaultTiming));
          applied += Number(tried.saved);
        }),
        { numRuns: cases },
      );
      // The guard must let a fair share through, or the property says nothing.
      expect(applied).toBeGreaterThan(cases / 5);
    });
  });
}
