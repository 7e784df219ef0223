import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from '#local/random.ts';
import { usuallyStale } from './answers.ts';
import { drawTimeline, eventsAlone, type Faults, type Timeline } from './model.ts';
import { onlyRecord, play, story } from './play.ts';

const asked: Faults = { ...eventsAlone, staleness: usuallyStale, describes: 3, sweeps: 1 };

/** `TIMELINES=200000` for the long run. */
const cases = Number(process.env.TIMELINES ?? 10_000);

/** How the records of many timelines ended. */
function count(faults: Faults): { flagged: number; silentlyWrong: number[] } {
  let flagged = 0;
  const silentlyWrong: number[] = [];
  for (let seed = 1; seed <= cases; seed++) {
    const timeline = drawTimeline(random(seed), 'c', faults);
    const record = onlyRecord(play(timeline));
    if (record?.cloud.verify) flagged += 1;
    else if (record?.cloud.state !== timeline.truth.state) silentlyWrong.push(seed);
  }
  return { flagged, silentlyWrong };
}

describe('without loss', () => {
  it.each([
    ['events alone', eventsAlone],
    ['stamps off by a second', { ...eventsAlone, jitter: true }],
    ['all events in any order', { ...eventsAlone, flood: true }],
    ['stale answers in between', asked],
    ['stale answers and stamps off by a second', { ...asked, jitter: true }],
    ['stale answers and all events in any order', { ...asked, flood: true }],
  ])('%s: a record is right or asks to be verified, but for one in 10,000', { timeout: 600_000 }, (name, faults) => {
    const { flagged, silentlyWrong } = count(faults);
    console.info(`${name}: ${((100 * flagged) / cases).toFixed(1)} % flagged, ${silentlyWrong.length} silently wrong`);
    expect(silentlyWrong.length, `seeds ${silentlyWrong}`).toBeLessThanOrEqual(Math.ceil(cases / 10_000));
  });
});

/** After the last sweep: state, named epoch and no doubt; or ended by inference, where EC2 has forgotten the instance. */
function expectRight(timeline: Timeline): void {
  const record = onlyRecord(play(timeline));
  const { truth, listedAtEnd } = timeline;
  if (!listedAtEnd) {
    expect(record?.cloud.state ?? 'terminated', story(timeline)).toBe('terminated');
    expect(record?.cloud.verify ?? null, story(timeline)).toBeNull();
    return;
  }
  expect(record, story(timeline)).toMatchObject({
    cloud: { state: truth.state, verify: null, epochNamed: true, inferred: false },
  });
  expect(Math.abs((record?.cloud.epoch ?? 0) - truth.launchTime), story(timeline)).toBeLessThanOrEqual(10_000);
}

const anySeed = fc.integer({ min: 1, max: 0x7fffffff });
const anyLoss = fc.record({
  lost: fc.constantFrom(0, 0.1, 0.5, 0.9, 1),
  jitter: fc.boolean(),
  flood: fc.boolean(),
  describes: fc.integer({ min: 0, max: 4 }),
  sweeps: fc.integer({ min: 0, max: 3 }),
});

describe('with any loss', () => {
  it('two complete sweeps after everything has settled leave every record right', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(anySeed, anyLoss, (seed, loss) => {
        expectRight(drawTimeline(random(seed), 'c', { ...asked, ...loss, finalSweeps: 2 }));
      }),
      { numRuns: cases },
    );
  });

  it('an instance whose end nobody told of is ended by inference', () => {
    fc.assert(
      fc.property(anySeed, (seed) => {
        const timeline = drawTimeline(random(seed), 'c', { ...eventsAlone, finalSweeps: 2 });
        const listed = timeline.lines.some(({ instances }) => Array.isArray(instances) && instances.length > 0);
        fc.pre(timeline.truth.state === 'terminated' && !listed);
        const told = timeline.lines.filter((line) => {
          const detail = (line.event as { detail?: { state?: string } } | undefined)?.detail;
          return detail?.state !== 'terminated' && detail?.state !== 'shutting-down';
        });
        const record = onlyRecord(play({ ...timeline, lines: told }));
        expect(record, story(timeline)).toMatchObject({ cloud: { state: 'terminated', inferred: true, verify: null } });
      }),
      { numRuns: 500 },
    );
  });
});
