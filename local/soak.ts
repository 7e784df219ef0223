import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Run, runSeed } from './simulation/run.ts';

const usage = `npm run soak -- --seeds N             simulates N runs, each from a seed of its own, as long as nothing is wrong
npm run soak -- --seeds N --seed S    the same, from seed S on`;

const progressEveryMs = 2000;
/** Where the timeline of a run that went wrong is left. */
const folder = '.muster';

/** Exit codes: 0 all was well, 1 an invariant was broken, 2 the command line makes no sense. */
async function main(): Promise<number> {
  const { values } = parseArgs({ options: { seeds: { type: 'string' }, seed: { type: 'string', default: '1' } } });
  const [seeds, first] = [values.seeds, values.seed].map((text) => (/^\d{1,9}$/.test(text ?? '') ? Number(text) : 0));
  if (!seeds || !first) {
    console.error(usage);
    return 2;
  }
  let saidAt = performance.now();
  for (let seed = first; seed < first + seeds; seed++) {
    const run = await runSeed(seed);
    if (run.broken.length > 0) return complain(seed, run);
    if (performance.now() - saidAt < progressEveryMs) continue;
    saidAt = performance.now();
    console.log(`${seed - first + 1} of ${seeds} runs, all well`);
  }
  console.log(`${seeds} runs from seed ${first}: every invariant held.`);
  return 0;
}

function complain(seed: number, { broken, weather, timeline }: Run): number {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `soak-${seed}.jsonl`);
  writeFileSync(file, timeline.map((line) => `${line}\n`).join(''));
  console.error(`Seed ${seed} broke:`);
  for (const what of broken) console.error(`  ${what}`);
  console.error(`Weather: ${JSON.stringify(weather)}`);
  console.error(`Look at it with: npx muster replay ${file}`);
  console.error(`Run it again with: npm run soak -- --seeds 1 --seed ${seed}`);
  return 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
