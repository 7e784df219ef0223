import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeCheckin, replayEnrollment } from '#shared/domain/agent/merge-agent.ts';
import { readEntry } from '#shared/domain/cloud/ledger.ts';
import { type DescribedState, mergeDescribed } from '#shared/domain/cloud/merge-describe.ts';
import { mergeEvent, type StateChange } from '#shared/domain/cloud/merge-event.ts';
import { newAccountRegion, planSweep } from '#shared/domain/cloud/sweep.ts';
import type { Outcome } from '#shared/domain/cloud/transition.ts';
import { eventsOf } from '#shared/domain/events/events.ts';
import { enrollmentDeadline, mergeTime } from '#shared/domain/instance/deadline.ts';
import { ec2States, type Instance, newInstance, rankOf } from '#shared/domain/instance/instance.ts';
import { seconds } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { aKey, anEvent, anInstance, aSight, clock } from '#test/build/an-instance.ts';

// Any observations at all, truthful or not: stamps lie close together so that they collide, and far apart.
const t0 = clock('10:00:00');
const moment = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 2000 })).map((s) => t0 + s * 1000);
const anyState = fc.constantFrom(...ec2States);
const anyEvent: fc.Arbitrary<StateChange> = fc
  .record({ state: anyState, at: moment, id: fc.uuid() })
  .map((event) => anEvent({ ...event, receivedAt: t0 + 2_000_000 }));
const anySight: fc.Arbitrary<DescribedState> = fc
  .record({
    state: anyState,
    launchTime: moment,
    transitionAt: fc.option(moment),
    stateReason: fc.constantFrom(null, 'Server.InternalError', 'Client.UserInitiatedShutdown'),
    sentAt: moment,
  })
  .map((sight) => aSight(sight));

type Observation = { what: string; merge: (current: Instance | undefined) => Outcome };
const event = anyEvent.map(
  (e): Observation => ({ what: `event ${e.state} ${e.at}`, merge: (it) => mergeEvent(it, e, defaultTiming) }),
);
const sight = anySight.map(
  (s): Observation => ({ what: `sight ${s.state}`, merge: (it) => mergeDescribed(it, s, defaultTiming) }),
);
const blank = newInstance(aKey, t0);
const agent = fc.tuple(fc.boolean(), moment).map(
  ([enrolls, at]): Observation => ({
    what: enrolls ? `enroll ${at}` : `checkin ${at}`,
    merge: (it) => (enrolls ? replayEnrollment(it, aKey, at) : mergeCheckin(it ?? blank, at)),
  }),
);
const time = moment.map(
  (now): Observation => ({ what: `time ${now}`, merge: (it) => mergeTime(it ?? blank, now, defaultTiming) }),
);

const observations = fc.array(fc.oneof(event, event, sight, agent, time), { maxLength: 12 });
const after = (seen: readonly Observation[], from?: Instance): Instance | undefined =>
  seen.reduce<Instance | undefined>((record, { merge }) => merge(record).instance, from);
/** Any record that a history of observations can leave behind. */
const anyRecord = observations.map((seen) => after(seen));
const knownRecord = fc.tuple(anyEvent, observations).map(([first, seen]) => {
  const record = after(seen, mergeEvent(undefined, first, defaultTiming).instance);
  if (!record) throw new Error('an event always leaves a record');
  return record;
});

const property = <T extends [unknown, ...unknown[]]>(
  ...args: [...{ [K in keyof T]: fc.Arbitrary<T[K]> }, (...values: T) => void]
) =>
  fc.assert(fc.property(...(args as unknown as [fc.Arbitrary<unknown>, (value: unknown) => void])), { numRuns: 3000 });

describe('order', () => {
  it('the same observation twice changes nothing the second time and owes no event', () => {
    property(anyRecord, fc.oneof(event, sight, agent, time), (record, { merge }) => {
      const once = merge(record).instance;
      const twice = merge(once);
      expect(twice.changed).toBe(false);
      expect(twice.instance).toEqual(once);
      expect(eventsOf(once, twice.instance)).toEqual([]);
    });
  });

  it('two events in either order leave the same state, or a doubt', () => {
    property(anyRecord, anyEvent, anyEvent, (record, a, b) => {
      const ab = mergeEvent(mergeEvent(record, a, defaultTiming).instance, b, defaultTiming).instance;
      const ba = mergeEvent(mergeEvent(record, b, defaultTiming).instance, a, defaultTiming).instance;
      expect(ab.cloud.state === ba.cloud.state || ab.cloud.verify !== null || ba.cloud.verify !== null).toBe(true);
    });
  });

  it('nothing but a describe leads out of what EC2 called terminated', () => {
    property(knownRecord, fc.array(fc.oneof(event, agent, time)), (record, seen) => {
      const ended = mergeEvent(record, anEvent({ state: 'terminated', at: t0 + 2_100_000 }), defaultTiming).instance;
      expect(after(seen, ended)?.cloud.state).toBe('terminated');
    });
  });

  it('an event that is surely older than a last transition that is surely last changes neither state nor stamp', () => {
    property(knownRecord, anyEvent, (record, late) => {
      const entries = record.cloud.ledger.map(readEntry);
      const before = (entries.at(-1)?.at ?? 0) - seconds(defaultTiming.orderingWindowSeconds);
      fc.pre(late.at < before && entries.slice(0, -1).every(({ until }) => until < before));
      fc.pre(late.state !== 'terminated' && !record.cloud.inferred);
      const { state, at } = mergeEvent(record, late, defaultTiming).instance.cloud;
      expect({ state, at }).toEqual({ state: record.cloud.state, at: record.cloud.at });
    });
  });

  it('an answer to a request that was sent before the record’s stamp changes no state', () => {
    property(knownRecord, anySight, (record, old) => {
      fc.pre(old.sentAt < (record.cloud.at ?? 0) - 2000);
      expect(mergeDescribed(record, old, defaultTiming).instance.cloud.state).toBe(record.cloud.state);
    });
  });

  it('an answer never takes the record back before S has passed, unless EC2 tells of another start', () => {
    property(knownRecord, anySight, (record, answer) => {
      fc.pre(
        record.cloud.state !== 'unknown' &&
          record.cloud.at !== null &&
          answer.sentAt <= record.cloud.at + 300_000 &&
          !record.cloud.inferred,
      );
      fc.pre(
        record.cloud.epoch !== null &&
          answer.launchTime <= record.cloud.epoch + 10_000 &&
          answer.launchTime <= (record.cloud.stoppedAt ?? record.cloud.at),
      );
      const next = mergeDescribed(record, answer, defaultTiming).instance;
      expect(rankOf(next.cloud.state as StateChange['state'])).toBeGreaterThanOrEqual(
        rankOf(record.cloud.state as StateChange['state']),
      );
    });
  });

  it('stamps never go back', () => {
    property(knownRecord, fc.oneof(event, sight, agent, time), (record, { merge }) => {
      expect(merge(record).instance.cloud.at).toBeGreaterThanOrEqual(record.cloud.at ?? 0);
    });
  });
});

describe('absence', () => {
  const fleet = fc
    .integer({ min: 1, max: 120 })
    .chain((size) => fc.record({ size: fc.constant(size), missing: fc.integer({ min: 0, max: size }) }));
  const records = (size: number) =>
    Array.from({ length: size }, (_, n) => anInstance({ instanceId: `i-${n.toString(16).padStart(17, '0')}` }));
  const sweep = (
    pair = newAccountRegion(aKey.account, aKey.region),
    known: readonly Instance[],
    missing: number,
    sentAt: number,
    complete = true,
  ) =>
    planSweep(
      {
        pair,
        records: known,
        lastHeardAt: new Map(),
        sentAt,
        complete,
        unreadableIds: [],
        sights: known.slice(missing).map(({ instanceId }) => aSight({ instanceId, sentAt })),
      },
      defaultTiming,
    );
  const applied = (known: readonly Instance[], plan: ReturnType<typeof sweep>) => {
    const changed = new Map(plan.changes.map(({ outcome }) => [outcome.instance.instanceId, outcome.instance]));
    return known.map((record) => changed.get(record.instanceId) ?? record);
  };
  const ended = (known: readonly Instance[]) => known.filter(({ cloud: { state } }) => state === 'terminated').length;

  it('one sweep ends nothing, whatever it misses', () => {
    property(fleet, moment, fc.boolean(), ({ size, missing }, sentAt, complete) => {
      const known = records(size);
      expect(ended(applied(known, sweep(undefined, known, missing, sentAt + 3_600_000, complete)))).toBe(0);
    });
  });

  it('no number of incomplete sweeps ends anything or leaves a mark', () => {
    property(fleet, fc.array(moment), ({ size, missing }, moments) => {
      const known = records(size);
      for (const sentAt of moments.sort()) {
        const plan = sweep(undefined, known, missing, sentAt + 3_600_000, false);
        expect(
          applied(known, plan).every(({ cloud: { state, absent } }) => state === 'running' && absent === null),
        ).toBe(true);
      }
    });
  });

  it('two sweeps end all that they miss, or none of it if that is more than five and more than a tenth', () => {
    property(fleet, ({ size, missing }) => {
      const first = records(size);
      const one = sweep(undefined, first, missing, clock('11:00:00'));
      const second = applied(first, one);
      const two = sweep(one.pair, second, missing, clock('11:05:00'));
      const tooMany = missing > Math.max(5, size / 10);
      expect(ended(applied(second, two))).toBe(tooMany ? 0 : missing);
      expect(two.alarms.includes('mass_removal_withheld')).toBe(tooMany);
      expect(two.withheldIds).toHaveLength(tooMany ? missing : 0);
    });
  });
});

describe('deadlines', () => {
  it('an instance is marked once per wait, running, and never before its deadline', () => {
    property(anyRecord, moment, (record, now) => {
      fc.pre(record !== undefined && record.management.status !== 'discovered-only');
      const next = mergeTime(record as Instance, now, defaultTiming).instance;
      if (next.management.status !== 'discovered-only') return;
      expect(next.cloud.state).toBe('running');
      expect(now).toBeGreaterThanOrEqual(
        Math.max(next.cloud.runningAt ?? Infinity, next.management.notBefore) + 900_000,
      );
      expect(mergeTime(next, now + 3_600_000, defaultTiming).changed).toBe(false);
    });
  });

  it('whatever runs, unenrolled, is marked by the first tick at its deadline', () => {
    property(knownRecord, (record) => {
      fc.pre(record.cloud.state === 'running' && record.management.status === 'pending');
      const deadline = enrollmentDeadline(record, defaultTiming);
      expect(deadline).not.toBeNull();
      expect(mergeTime(record, (deadline ?? 0) - 1, defaultTiming).changed).toBe(false);
      expect(mergeTime(record, deadline ?? 0, defaultTiming).instance.management.status).toBe('discovered-only');
    });
  });

  it('what does not run has no deadline', () => {
    property(knownRecord, (record) => {
      fc.pre(record.cloud.state !== 'running');
      expect(enrollmentDeadline(record, defaultTiming)).toBeNull();
    });
  });

  it('an enrollment always wins, and nothing undoes it but an operator', () => {
    property(anyRecord, moment, observations, (record, at, seen) => {
      const enrolled = replayEnrollment(record, aKey, at).instance;
      expect(enrolled.management.status).toBe('enrolled');
      expect(after(seen, enrolled)?.management.status).toBe('enrolled');
    });
  });
});

describe('agents', () => {
  it('no word of an agent changes what the cloud is said to do', () => {
    property(knownRecord, fc.array(agent), (record, words) => {
      const {
        cloud: { state, at, epoch, epochNamed, runningAt, ledger },
      } = after(words, record) as Instance;
      expect({ state, at, epoch, epochNamed, runningAt, ledger }).toEqual({
        state: record.cloud.state,
        at: record.cloud.at,
        epoch: record.cloud.epoch,
        epochNamed: record.cloud.epochNamed,
        runningAt: record.cloud.runningAt,
        ledger: record.cloud.ledger,
      });
    });
  });
});
