import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type DemonstrationOptions, demonstrate, exitWith, sayer, signalled } from '../demonstration.ts';
import { readPatience, readPort } from '../options.ts';
import { patienceSeconds, stage } from './settings.ts';
import { environmentOf, type Stack, startStack } from './stack.ts';

const usage = `npm run stack                   Muster deployed into an AWS emulator on this machine, with a fleet that does things
npm run stack -- --once         play the demonstration to its end; exit 0 if all ended as it should
npm run stack -- --once --json  the same as JSON on standard output
npm run stack -- --patience S   wait at most S seconds for anything in the demonstration
PORT=4567 npm run stack         another port than 4566`;

interface Options extends DemonstrationOptions {
  port: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      patience: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const { once, json } = values;
  return { once, json, patienceSeconds: readPatience(values.patience) ?? patienceSeconds, port: readPort(4566) };
}

/** For `. .muster/stack.env` in a shell: what docs/deploy.md does on AWS is then done here. */
const environmentFile = join('.muster', 'stack.env');

function announce({ endpoint, people, url }: Stack): void {
  const variables = { ...environmentOf(endpoint, people.deployer), MUSTER_STAGE: stage, MUSTER_URL: url };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`);
  mkdirSync('.muster', { recursive: true });
  writeFileSync(environmentFile, lines.join(''), { mode: 0o600 });
  announced = lines.join('');
}

/** Takes back what this process announced; another's, started since, stays. */
function withdraw(): void {
  if (announced === '' || !existsSync(environmentFile)) return;
  if (readFileSync(environmentFile, 'utf8') === announced) rmSync(environmentFile, { force: true });
}
let announced = '';

async function main(): Promise<number> {
  const options = readOptions();
  const folder = mkdtempSync(join(tmpdir(), 'muster-stack-'));
  try {
    return await run(options, folder);
  } finally {
    withdraw();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Resolves with the exit code when the demonstration has ended, or when the process is told to stop. */
async function run(options: Options, folder: string): Promise<number> {
  const say = sayer(options);
  const told = signalled();
  say('Starting an AWS emulator and a simulated EC2 …');
  const starting = startStack({ port: options.port, folder, pythons: join('.muster', 'python'), say });
  const stack = await Promise.race([told, starting]);
  if (typeof stack === 'number') return stack;
  try {
    announce(stack);
    say(`ready ${stack.url}`);
    say(`In another shell, \`. ${environmentFile}\` lets you use it as docs/deploy.md does.`);
    return await Promise.race([told, stack.failed, demonstrate(stack, options, say)]);
  } finally {
    await stack.close();
  }
}

await exitWith(main, usage);
