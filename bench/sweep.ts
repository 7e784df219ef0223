import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import type { SweepAt, SweepTook } from './sweep-process.ts';
import { type RegionSize, startEc2, startTable } from './sweep-region.ts';

/** A process's figures: how long its work took, and the most memory that it had resident (getrusage's ru_maxrss). */
interface Took {
  ms: number;
  /** The processor's time, in milliseconds, without the process's start. */
  cpuMs: number;
  megabytes: number;
}

/** A sweep of a Region where nothing changed, and the SDK's own reading of the same pages, each in a process of its own. */
export interface SweepFigures {
  sweep: Took & SweepTook;
  floor: Took;
}

/** In MB: the process that is measured has the heap that Lambda gives a function of this size. */
const functionSize = 256;

/** As Lambda's runtime starts Node: a tenth of the function's memory for new objects, in two halves, and the rest for old ones. */
const heap = [
  `--max-semi-space-size=${Math.floor(functionSize / 20)}`,
  `--max-old-space-size=${functionSize - Math.floor(functionSize / 10)}`,
];

export async function measureSweep(size: RegionSize): Promise<SweepFigures> {
  const now = Math.floor(Date.now() / 1000) * 1000;
  const ec2 = await startEc2(size.live, now - 3 * 3_600_000);
  const table = await startTable({ ...size, ec2Url: ec2.url, now });
  const at: SweepAt = { ec2Url: ec2.url, dynamoUrl: table.url, now };
  const folder = await mkdtemp(join(tmpdir(), 'muster-sweep-'));
  try {
    const file = await bundle(folder);
    const sweep = await inProcess<Took & SweepTook>(file, 'sweep', at);
    return { sweep, floor: await inProcess<Took>(file, 'floor', at) };
  } finally {
    await rm(folder, { recursive: true });
    ec2.stop();
    table.stop();
  }
}

/** One file, as the function is deployed: Node's own reading of TypeScript takes some 100 MB. */
async function bundle(folder: string): Promise<string> {
  const outfile = join(folder, 'sweep-process.mjs');
  const entry = fileURLToPath(new URL('sweep-process.ts', import.meta.url));
  // What the SDK has in CommonJS asks for `require`
  const banner = { js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);" };
  const options = { bundle: true, platform: 'node', format: 'esm', target: 'node24', minify: true } as const;
  await build({ ...options, entryPoints: [entry], outfile, banner });
  return outfile;
}

async function inProcess<Figures>(file: string, what: 'sweep' | 'floor', at: SweepAt): Promise<Figures> {
  const { stdout } = await promisify(execFile)(process.execPath, [...heap, file, what, JSON.stringify(at)]);
  return JSON.parse(stdout);
}
