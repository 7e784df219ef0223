import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from '#local/random.ts';
import { type Ec2State, isLegalStep, orderOf } from '#shared/domain/instance/instance.ts';
import type { Case } from '#shared/domain/replay.ts';
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
      const told = eventsOfType(state, 'Instance State Changed').map(({ data }) => ({
        state: data.state as Ec2State,
        at: Date.parse(String(data.at)),
      }));
      const end = told.findIndex(({ state }) => state === 'terminated') + 1 || told.length;
      // Rule 9: a `running` that withdraws a failed start may come late, even after the end. Nothing else does.
      for (const { state } of told.slice(end)) expect(state, story(timeline)).toBe('running');
      // In the order that docs/events.md names.
      const path = told.slice(0, end).toSorted(orderOf);
      for (const [index, step] of path.entries()) {
        const from = path[index - 1];
        if (from) expect(isLegalStep(from.state, step.state), story(timeline)).toBe(true);
      }
    });
  });

  it('no transition is told of twice', () => {
    forTimelines(
      { lost: 0.2, flood: true, finalSweeps: 2, agent: true, tickMs: 300_000 },
      (timeline) => {
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
        expect(eventsOfType(state, 'Instance Start Failed')).toHaveLength(1);
      },
      60,
    );
  });
});
