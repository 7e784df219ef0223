import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StartError } from './dynamodb-local.ts';
import { type LocalRegion, startLocalRegion } from './local-region.ts';
import { type Options, readOptions, usage } from './options.ts';
import { page } from './page.ts';
import { localStage } from './scenario/local-stage.ts';
import { playScenario, type Row, verdictTable } from './scenario/play.ts';

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

/** Left in the folder before the demonstration begins: what a killed run did not finish is not begun anew. */
const begunFile = (folder: string): string => join(folder, 'demonstration-begun');

async function main(): Promise<number> {
  const options = readOptions();
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
  const say = (line: string) => (options.json ? console.error(line) : console.log(line));
  const told = signalled();
  say('Starting Muster: DynamoDB Local, a simulated EC2, the handlers …');
  const { port, disabled } = options;
  const region = await startLocalRegion({ port, folder, inMemory: !options.data, disabled, page });
  try {
    announce(region);
    say(`ready ${region.url}`);
    return await Promise.race([told, begun ? goOn(folder, region, say) : demonstrate(region, folder, options, say)]);
  } finally {
    await region.close();
  }
}

/** The exit code for the signal that ends the process: 128 and its number, as shells have it. */
function signalled(): Promise<number> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve(130));
    process.once('SIGTERM', () => resolve(143));
  });
}

function goOn(folder: string, region: LocalRegion, say: (line: string) => void): Promise<never> {
  say(`Going on from ${folder}: look at ${region.url}. Ctrl-C ends everything.`);
  return new Promise(() => {});
}

async function demonstrate(region: LocalRegion, folder: string, options: Options, say: (line: string) => void) {
  writeFileSync(begunFile(folder), '');
  const verdict = await play(region, options.patienceSeconds, say);
  say(`\n${verdictTable(verdict)}`);
  if (options.json) console.log(JSON.stringify(verdict));
  if (options.once) return verdict.scenario.every(({ ok }) => ok) ? 0 : 1;
  say(`\nThe fleet stays: look at ${region.url}. Ctrl-C ends everything.`);
  return new Promise<never>(() => {});
}

async function play(region: LocalRegion, patienceSeconds: number | undefined, say: (line: string) => void) {
  const began = Date.now();
  const told = ({ name, ended, ok }: Row) => {
    const after = `${((Date.now() - began) / 1000).toFixed(0)} s`.padStart(5);
    say(`${after}  ${ok ? '✓' : '✗'} ${name}: ${ended}`);
  };
  return playScenario(localStage(region, patienceSeconds), told);
}

try {
  process.exit(await main());
} catch (error) {
  if (error instanceof StartError) {
    console.error(error.message);
    process.exit(error.exitCode);
  }
  if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
    console.error(`${error.message}\n\n${usage}`);
    process.exit(2);
  }
  console.error(error);
  process.exit(1);
}
