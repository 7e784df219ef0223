import { parseArgs } from 'node:util';
import { runSeed } from './region/run.ts';
import { soak } from './region/soak.ts';

const usage = `npm run soak -- --seeds N             simulates N runs, each from a seed of its own, as long as nothing is wrong
npm run soak -- --seeds N --seed S    the same, from seed S on`;

/** The first seed and how many; undefined if the command line makes no sense. */
function readOptions(): { first: number; seeds: number } | undefined {
  try {
    const { values } = parseArgs({ options: { seeds: { type: 'string' }, seed: { type: 'string', default: '1' } } });
    const [seeds, first] = [values.seeds, values.seed].map((text) => (/^\d{1,9}$/.test(text ?? '') ? Number(text) : 0));
    return seeds && first ? { seeds, first } : undefined;
  } catch {
    return undefined;
  }
}

/** Exit codes: 0 all was well, 1 an invariant was broken, 2 the command line makes no sense. */
const options = readOptions();
if (options) {
  const say = (line: string) => console.log(line);
  const now = () => performance.now();
  process.exitCode = (await soak({ ...options, run: runSeed, folder: '.muster', now, say })) ? 0 : 1;
} else {
  console.error(usage);
  process.exitCode = 2;
}
