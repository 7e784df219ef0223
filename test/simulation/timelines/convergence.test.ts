import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from '#local/random.ts';
import { summarize } from '#shared/domain/replay.ts';
import { usuallyStale } from './answers.ts';
import { drawTimeline, eventsAlone, type Faults, type Timeline } from './model.ts';
import { onlyRecord, play, story } from './play.ts';

const asked: Faults = { ...eventsAlone, staleness: usuallyStale, describes: 3, sweeps: 1 };

/** `TIMELINES=200000` for the long run. */
const cases = Number(process.env.TIMELINES ?? 3000);

/** How the records of many timelines ended. */
function count(faults: Faults): { flagged: number; questions: number; silentlyWrong: number[] } {
  let flagged = 0;
  let questions = 0;
  const silentlyWrong: number[] = [];
  for (let seed = 1; seed <= cases; seed++) {
    const timeline = drawTimeline(random(seed), 'c', faults);
    const state = play(timeline);
    const record = onlyRecord(state);
    for (const { questions: asked } of summarize(state).instances) questions += asked;
    if (record?.cloud.verify) flagged += 1;
    else if (record?.cloud.state !== timeline.truth.state) silentlyWrong.push(seed);
  }
  return { flagged, questions, silentlyWrong };
}

describe('without loss', () => {
  it.each([
    ['events in order', 0.005, { ...eventsAlone, late: 0, duplicated: 0 }],
    ['events late and twice', 0.005, eventsAlone],
    ['stamps off by a second', 0.005, { ...eventsAlone, jitter: true }],
    ['all events in any order', 0.005, { ...eventsAlone, flood: true }],
    ['stale answers in between', 0.02, asked],
    ['stale answers and stamps off by a second', 0.02, { ...asked, jitter: true }],
    ['stale answers and all events in any order', 0.02, { ...asked, flood: true }],
  ])(
    '%s: a record is right or in doubt, but for one in 10,000, and in doubt in at most %d of 1',
    {
      timeout: 600_000,
    },
    (name, mostFlagged, faults) => {
      const { flagged, questions, silentlyWrong } = count(faults);
      const share = `${((100 * flagged) / cases).toFixed(2)} % in doubt, ${silentlyWrong.length} silently wrong`;
      console.info(`${name}: ${share}, ${((100 * questions) / cases).toFixed(1)} questions after 30 s for 100 lives`);
      expect(flagged / cases).toBeLessThanOrEqual(mostFlagged);
      expect(silentlyWrong.length, `seeds ${silentlyWrong}`).toBeLessThanOrEqual(Math.ceil(cases / 10_000));
    },
  );
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
