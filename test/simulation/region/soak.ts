import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Run } from './run.ts';

export interface SoakOptions {
  first: number;
  seeds: number;
  run: (seed: number) => Promise<Pick<Run, 'broken' | 'timeline' | 'weather'>>;
  /** Where the timeline of a run that went wrong is left. */
  folder: string;
  /** Milliseconds, from any beginning. */
  now: () => number;
  say: (line: string) => void;
}

const progressEveryMs = 2000;

/** Runs seed after seed until one breaks an invariant, whose timeline it leaves for `muster replay`. True if none did. */
export async function soak({ first, seeds, run, folder, now, say }: SoakOptions): Promise<boolean> {
  let saidAt = now();
  for (let seed = first; seed < first + seeds; seed++) {
    const { broken, timeline, weather } = await run(seed);
    if (broken.length > 0) {
      const file = leave(timeline, join(folder, `soak-${seed}.jsonl`));
      say([`Seed ${seed} broke:`, ...broken, `Weather: ${JSON.stringify(weather)}`].join('\n  '));
      say(`What Muster saw: npx muster replay ${file}`);
      say(`Again: npm run soak -- --seeds 1 --seed ${seed}`);
      return false;
    }
    if (now() - saidAt < progressEveryMs) continue;
    saidAt = now();
    say(`${seed - first + 1} of ${seeds} runs, all well`);
  }
  say(`${seeds} runs from seed ${first}: every invariant held.`);
  return true;
}

function leave(timeline: readonly string[], file: string): string {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, timeline.map((line) => `${line}\n`).join(''));
  return file;
}
