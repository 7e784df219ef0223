import { readLine } from '/work/main/cli/replay.ts';
import { newCase, replay } from '/work/main/shared/domain/replay.ts';
import { defaultTiming } from '/work/main/shared/domain/timing.ts';
import { truthful, usuallyStale } from '/work/main/test/simulation/timelines/answers.ts';
import { usualFaults } from '/work/main/test/simulation/timelines/bus.ts';
import { drawTimeline, type Faults, linesOf } from '/work/main/test/simulation/timelines/model.ts';
import { seeded } from '/work/main/test/simulation/timelines/random.ts';

const N = Number(process.argv[2] ?? 10000);
const show = Number(process.argv[3] ?? 0);
const variants: Record<string, Partial<Faults>> = {
  plain: {},
  jitter: { jitter: true },
  flood: { flood: true },
  floodJitter: { flood: true, jitter: true },
  stale: { describes: 3, staleness: usuallyStale, sweeps: 1 },
  staleJitter: { jitter: true, describes: 3, staleness: usuallyStale, sweeps: 1 },
  staleFlood: { flood: true, describes: 3, staleness: usuallyStale, sweeps: 1 },
  staleFloodJitter: { flood: true, jitter: true, describes: 3, staleness: usuallyStale, sweeps: 1 },
};
for (const [name, v] of Object.entries(variants)) {
  if (process.argv[4] && process.argv[4] !== name) continue;
  const t0 = Date.now();
  let lines = 0,
    wrong = 0,
    silent = 0,
    flagged = 0;
  for (let seed = 1; seed <= N; seed++) {
    const tl = drawTimeline(seeded(seed), 'c', {
      ...usualFaults,
      staleness: truthful,
      describes: 0,
      sweeps: 0,
      finalSweeps: 0,
      ...v,
    });
    const c = newCase('c');
    const text = linesOf(tl);
    lines += text.length;
    text.forEach((l, i) => replay(c, readLine(l, i + 1), defaultTiming));
    const r = [...c.instances.values()][0];
    const ok = r?.state === tl.truth.state;
    if (r?.verify) flagged++;
    if (!ok) {
      wrong++;
      if (!r?.verify) {
        silent++;
        if (silent <= show) {
          console.log(
            'SEED',
            seed,
            name,
            'truth',
            tl.truth.state,
            'rec',
            r?.state,
            r?.at && new Date(r.at).toISOString(),
          );
          for (const ch of tl.life.changes)
            console.log('   true', ch.state, new Date(ch.at).toISOString(), 'L', new Date(ch.launchTime).toISOString());
          for (const l of tl.lines as any[])
            console.log(
              '   ',
              l.receivedAt,
              l.observe,
              l.event?.detail.state,
              l.event?.time,
              l.sentAt,
              l.complete,
              JSON.stringify(l.instances?.map((i: any) => [i.State.Name, i.LaunchTime, i.StateTransitionReason])),
            );
        }
      }
    }
  }
  const s = (Date.now() - t0) / 1000;
  console.log(
    name.padEnd(18),
    'wrong',
    ((100 * wrong) / N).toFixed(3) + '%',
    'silent',
    silent,
    ((100 * silent) / N).toFixed(4) + '%',
    'flagged',
    ((100 * flagged) / N).toFixed(2) + '%',
    lines,
    'lines',
    s.toFixed(1) + 's',
    Math.round(lines / s),
    '/s',
  );
}
