import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from '#local/random.ts';
import { ledgerLimit, readEntry } from '#shared/domain/cloud/ledger.ts';
import { isLegalStep } from '#shared/domain/instance/instance.ts';
import type { Case } from '#shared/domain/replay.ts';
import { formatTime } from '#shared/domain/time.ts';
import { usuallyStale } from './answers.ts';
import { drawTimeline, eventsAlone, type Faults, type Timeline } from './model.ts';
import { onlyRecord, play, story } from './play.ts';

const asked: Faults = { ...eventsAlone, staleness: usuallyStale, describes: 4, sweeps: 2 };
const anySeed = fc.integer({ min: 1, max: 0x7fffffff });

const forTimelines = (faults: Partial<Faults>, check: (timeline: Timeline) => void, numRuns = 1500): void =>
  fc.assert(
    fc.property(anySeed, (seed) => check(drawTimeline(random(seed), 'c', { ...asked, ...faults }))),
    { numRuns },
  );

/** The transition that a notification of EC2 tells of. */
function stepOf(event: unknown): string {
  const { detail, time } = event as { detail: { state: string }; time: string };
  return `${detail.state} ${formatTime(Date.parse(time))}`;
}

const eventsOfType = (state: Case, detailType: string) =>
  state.events.filter((event) => event.detailType === detailType);

describe('epochs', () => {
  it.each([
    ['nothing is lost', {}],
    ['half the events are lost', { lost: 0.5, finalSweeps: 2 }],
    ['everything comes at once', { flood: true, jitter: true }],
  ])('a named epoch never goes back when %s', (_, faults) => {
    forTimelines(faults, (timeline) => {
      let named = 0;
      play(timeline, (state) => {
        const record = onlyRecord(state);
        if (!record?.cloud.epochNamed || record.cloud.epoch === null) return;
        expect(record.cloud.epoch, story(timeline)).toBeGreaterThanOrEqual(named);
        named = record.cloud.epoch;
      });
    });
  });

  it('a named epoch is a LaunchTime that EC2 told of', () => {
    forTimelines({ lost: 0.3 }, (timeline) => {
      const launchTimes = timeline.life.changes.map(({ launchTime }) => launchTime);
      play(timeline, (state) => {
        const record = onlyRecord(state);
        if (record?.cloud.epochNamed) expect(launchTimes).toContain(record.cloud.epoch);
      });
    });
  });
});

describe('what is published', () => {
  it('the states of a record that was never in doubt are a legal path', () => {
    forTimelines({ jitter: true, late: 0, describes: 0, sweeps: 0 }, (timeline) => {
      let doubted = false;
      const state = play(timeline, (now) => {
        doubted ||= onlyRecord(now)?.cloud.verify != null;
      });
      fc.pre(!doubted);
      const path = onlyRecord(state)?.cloud.ledger.map(readEntry) ?? [];
      for (const [index, step] of path.entries()) {
        const from = path[index - 1];
        if (from) expect(isLegalStep(from.state, step.state), story(timeline)).toBe(true);
      }
    });
  });

  it('each transition that EC2 notified is told once, in whatever order they come', () => {
    forTimelines({ ...eventsAlone, flood: true }, (timeline) => {
      fc.pre(timeline.life.changes.length <= ledgerLimit);
      const notified = new Set(
        timeline.lines.flatMap((line) => (line.observe === 'event' ? [stepOf(line.event)] : [])),
      );
      const told = eventsOfType(play(timeline), 'Instance State Changed');
      const steps = told.map(({ data }) => `${data.state} ${data.at}`);
      expect(new Set(steps), story(timeline)).toEqual(notified);
      // A transition is told once more only where the record goes back to it.
      const again = told.filter((_, index) => steps.indexOf(steps[index] ?? '') < index);
      expect(again.filter(({ data }) => data.late === true)).toEqual([]);
    });
  });

  it('a consumer that keeps the state of the highest sequence that is not late has the state of the record', () => {
    forTimelines({ lost: 0.1, flood: true, finalSweeps: 2 }, (timeline) => {
      const state = play(timeline);
      const told = eventsOfType(state, 'Instance State Changed').filter(({ data }) => data.late !== true);
      const last = told.toSorted((a, b) => Number(a.data.sequence) - Number(b.data.sequence)).at(-1);
      expect(last?.data.state, story(timeline)).toBe(onlyRecord(state)?.cloud.state);
    });
  });

  it('no transition is told of twice while the ledger holds the whole life', () => {
    forTimelines(
      { lost: 0.2, flood: true, finalSweeps: 2, agent: true, tickMs: 300_000 },
      (timeline) => {
        fc.pre(timeline.life.changes.length <= ledgerLimit);
        const told = eventsOfType(play(timeline), 'Instance State Changed').map(({ entry }) => entry);
        expect(new Set(told).size, story(timeline)).toBe(told.length);
      },
      300,
    );
  });
});

describe('agents', () => {
  const life = { agent: true, tickMs: 60_000, lost: 0.1, finalSweeps: 2 };

  it('whoever enrolls, early or late, ends enrolled and is told of once', () => {
    forTimelines(
      life,
      (timeline) => {
        fc.pre(timeline.lines.some(({ observe }) => observe === 'enroll'));
        const state = play(timeline);
        expect(onlyRecord(state)?.management.status, story(timeline)).toBe('enrolled');
        expect(eventsOfType(state, 'Instance Enrolled'), story(timeline)).toHaveLength(1);
      },
      200,
    );
  });

  it('an instance becomes discovered-only at most once, and only while it is said to run', () => {
    forTimelines(
      { ...life, agent: false },
      (timeline) => {
        let managed = 'pending';
        const state = play(timeline, (now) => {
          const record = onlyRecord(now);
          if (managed === 'pending' && record?.management.status === 'discovered-only')
            expect(record.cloud.state).toBe('running');
          managed = record?.management.status ?? managed;
        });
        expect(eventsOfType(state, 'Instance Discovered-Only').length, story(timeline)).toBeLessThanOrEqual(1);
      },
      200,
    );
  });

  it('a failed launch is never discovered-only, and is named within two sweeps', () => {
    forTimelines(
      { tickMs: 60_000, finalSweeps: 2 },
      (timeline) => {
        fc.pre(timeline.life.changes.every(({ state }) => state !== 'running'));
        const state = play(timeline);
        expect(eventsOfType(state, 'Instance Discovered-Only')).toEqual([]);
        if (!timeline.listedAtEnd) return;
        const failedStart = { reason: 'Server.InternalError' };
        expect(onlyRecord(state), story(timeline)).toMatchObject({
          management: { reason: 'start_failed' },
          cloud: { failedStart },
        });
        const told = eventsOfType(state, 'Instance Start Failed').map(({ data }) => data.reason);
        expect(new Set(told).size, story(timeline)).toBe(told.length);
        expect(told.at(-1)).toBe(failedStart.reason);
      },
      60,
    );
  });
});
