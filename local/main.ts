import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demonstrate, exitWith, sayer, untilTold } from './region/demonstration.ts';
import { type LocalRegion, startLocalRegion } from './region/local-region.ts';
import { type Options, readOptions, usage } from './region/options.ts';
import { page } from './region/page.ts';
import { StartError } from './region/start-error.ts';

/** `.muster/local.json`: where `serverless invoke local` finds the running region. */
const localFile = join('.muster', 'local.json');

function announce(region: LocalRegion): void {
  mkdirSync('.muster', { recursive: true });
  const announced = { pid: process.pid, url: region.url, env: region.env };
  writeFileSync(localFile, JSON.stringify(announced, null, 2), { mode: 0o600 });
}

/** Takes back what this process announced; another's, started since, stays. */
function withdraw(): void {
  const { pid } = existsSync(localFile) ? (JSON.parse(readFileSync(localFile, 'utf8')) as { pid: number }) : { pid: 0 };
  if (pid === process.pid) rmSync(localFile, { force: true });
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new StartError(`--data ${path} cannot be a folder: ${(error as Error).message}`);
  }
}

/** Left in the folder before the demonstration begins: what a killed run did not finish is not begun anew. */
const begunFile = (folder: string): string => join(folder, 'demonstration-begun');

async function main(): Promise<number> {
  const options = readOptions();
  if (options.data !== undefined) makeFolder(options.data);
  const begun = options.data !== undefined && existsSync(begunFile(options.data));
  if (begun && options.once) {
    throw new StartError(
      `The demonstration has begun in ${options.data} before: leave --once out, or name a new folder.`,
    );
  }
  const folder = options.data ?? mkdtempSync(join(tmpdir(), 'muster-'));
  const cleanUp = () => {
    withdraw();
    if (!options.data) rmSync(folder, { recursive: true, force: true });
  };
  try {
    return await run(options, folder, begun);
  } finally {
    cleanUp();
  }
}

/** Resolves with the exit code when the demonstration has ended, or when the process is told to stop. */
async function run(options: Options, folder: string, begun: boolean): Promise<number> {
  const { say, told } = untilTold(sayer(options));
  say('Starting Muster: DynamoDB Local, a simulated EC2, the handlers …');
  const { port, faults } = options;
  const region = await startLocalRegion({ port, folder, inMemory: !options.data, faults, page });
  try {
    announce(region);
    say(`ready ${region.url}`);
    return await Promise.race([told, begun ? goOn(folder, region, say) : begin(folder, region, options, say)]);
  } finally {
    await region.close();
  }
}

function goOn(folder: string, region: LocalRegion, say: (line: string) => void): Promise<never> {
  say(`Going on from ${folder}: look at ${region.url}. Ctrl-C ends everything.`);
  return new Promise(() => {});
}

function begin(folder: string, region: LocalRegion, options: Options, say: (line: string) => void): Promise<number> {
  writeFileSync(begunFile(folder), '');
  return demonstrate(region, options, { say, look: `look at ${region.url}` });
}

await exitWith(main, usage);
