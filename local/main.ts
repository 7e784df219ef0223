import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { StartError } from './dynamodb-local.ts';
import { type FunctionName, isFunctionName } from './function-host.ts';
import { type LocalRegion, startLocalRegion } from './local-region.ts';
import { page } from './page.ts';
import { localStage } from './scenario/local-stage.ts';
import { playScenario, type Row, verdictTable } from './scenario/play.ts';

const usage = `npm start                   all of Muster on this machine, with a fleet that does things
npm start -- --once         play the demonstration to its end; exit 0 if all ended as it should
npm start -- --once --json  the same as JSON on standard output
npm start -- --data DIR     keep everything in DIR; the demonstration is played once, then all goes on from what DIR holds
npm start -- --patience S   wait at most S seconds for anything in the demonstration
PORT=4001 npm start         another port than 4000`;

interface Options {
  once: boolean;
  json: boolean;
  data: string | undefined;
  disabled: ReadonlySet<FunctionName>;
  patienceSeconds: number | undefined;
  port: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      data: { type: 'string' },
      disable: { type: 'string', multiple: true, default: [] },
      patience: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const unknown = values.disable.find((name) => !isFunctionName(name));
  if (unknown !== undefined) throw new StartError(`There is no function ${unknown}.`);
  const port = Number(process.env.PORT ?? 4000);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new StartError(`PORT=${process.env.PORT} is no port.`);
  const patienceSeconds = values.patience === undefined ? undefined : Number(values.patience);
  if (patienceSeconds !== undefined && !(patienceSeconds >= 1 && patienceSeconds <= 3600))
    throw new StartError(`--patience ${values.patience} is no number of seconds from 1 to 3600.`);
  return {
    once: values.once,
    json: values.json,
    data: values.data,
    disabled: new Set(values.disable.filter(isFunctionName)),
    patienceSeconds,
    port,
  };
}

/** `.muster/local.json`: where `serverless invoke local` finds the running region. */
const localFile = join('.muster', 'local.json');

function announce(region: LocalRegion): void {
  mkdirSync('.muster', { recursive: true });
  writeFileSync(localFile, JSON.stringify({ pid: process.pid, url: region.url, env: region.env }, null, 2), {
    mode: 0o600,
  });
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
  const say = (line: string) => (options.json ? console.error(line) : console.log(line));
  const folder = options.data ?? mkdtempSync(join(tmpdir(), 'muster-'));
  const cleanUp = () => {
    rmSync(localFile, { force: true });
    if (!options.data) rmSync(folder, { recursive: true, force: true });
  };
  say('Starting Muster: DynamoDB Local, a simulated EC2, the handlers …');
  const region = await startLocalRegion({
    port: options.port,
    folder,
    inMemory: !options.data,
    disabled: options.disabled,
    page,
  });
  const stop = async (code: number) => {
    await region.close();
    cleanUp();
    process.exit(code);
  };
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, () => void stop(code));
  announce(region);
  say(`ready ${region.url}`);
  if (begun) {
    say(`Going on from ${folder}: look at ${region.url}. Ctrl-C ends everything.`);
    return new Promise(() => {});
  }
  writeFileSync(begunFile(folder), '');
  const verdict = await play(region, options.patienceSeconds, say);
  say(`\n${verdictTable(verdict)}`);
  if (!options.once) {
    say(`\nThe fleet stays: look at ${region.url}. Ctrl-C ends everything.`);
    return new Promise(() => {});
  }
  if (options.json) console.log(JSON.stringify(verdict));
  await region.close();
  cleanUp();
  return verdict.scenario.every(({ ok }) => ok) ? 0 : 1;
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
