import type { Random } from '#local/random.ts';
import type { Instant } from '#shared/domain/time.ts';
import { type Life, lastChange } from './life.ts';
import { between } from './random.ts';

/** The stretches of a life in which the instance truly ran; an agent can speak in no other. */
function runs(life: Life): { from: Instant; until: Instant }[] {
  return life.changes.flatMap((change, index) =>
    change.state === 'running'
      ? [{ from: change.at, until: life.changes[index + 1]?.at ?? lastChange(life).at + 3_600_000 }]
      : [],
  );
}

/** When an agent enrolls: half a minute into some run, or late; undefined if no run lasts that long. */
export function enrollsAt(random: Random, life: Life): Instant | undefined {
  const long = runs(life).filter(({ from, until }) => until - from > 30_000);
  const run = long[Math.floor(random() * long.length)];
  return run && Math.round(between(random, run.from + 30_000, run.until));
}

/** Check-ins once a minute while the instance runs, at most ten a run; they arrive up to two seconds later. */
export function checksInAt(random: Random, life: Life, enrolledAt: Instant): Instant[] {
  return runs(life).flatMap(({ from, until }) =>
    Array.from({ length: 10 }, (_, n) => Math.max(from, enrolledAt) + (n + 1) * 60_000)
      .filter((moment) => moment < until)
      .map((moment) => Math.round(moment + between(random, 0, 2000))),
  );
}
