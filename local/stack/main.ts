import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type DemonstrationOptions, demonstrate, exitWith, sayer, untilTold } from '../region/demonstration.ts';
import { readPatience, readPort } from '../region/options.ts';
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

function announce({ endpoint, people, url, cloud }: Stack): void {
  const { AWS_REGION: region, ...reached } = environmentOf(endpoint, people.deployer);
  const regions = { AWS_REGION: region, AWS_DEFAULT_REGION: region };
  const variables = {
    ...reached,
    ...regions,
    AWS_ENDPOINT_URL_EC2: cloud.ec2Url,
    MUSTER_STAGE: stage,
    MUSTER_URL: url,
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`);
  // What somebody's shell has of another account would win over some of them
  announced = ['unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN\n', ...lines].join('');
  mkdirSync('.muster', { recursive: true });
  writeFileSync(environmentFile, announced, { mode: 0o600 });
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
  const { say, told } = untilTold(sayer(options));
  say('Starting an AWS emulator and a simulated EC2 …');
  const starting = startStack({ port: options.port, folder, pythons: join('.muster', 'python'), say });
  const stack = await Promise.race([told, starting]);
  if (typeof stack === 'number') return stack;
  try {
    announce(stack);
    say(`ready ${stack.url}`);
    say(`In another shell, \`. ${environmentFile}\` lets you use it as docs/deploy.md does.`);
    const use = `in another shell, \`. ${environmentFile}\`, then \`npx muster api GET /v1/instances\`, or any command of docs/deploy.md`;
    return await Promise.race([told, stack.failed, demonstrate(stack, options, { say, look: use })]);
  } finally {
    await stack.close();
  }
}

await exitWith(main, usage);
