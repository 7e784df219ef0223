import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { arch, hostname, platform, release } from 'node:os';
import { type AgentDescription, runAgent, type Settings } from './agent.ts';

/** The agent's process: reads its surroundings once, enrolls, checks in, and ends when it is told to. */
const { MUSTER_AGENT_FOLDER: folder, MUSTER_AGENT_SETTINGS: settingsFile } = process.env;
const metadataEndpoint = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT ?? 'http://169.254.169.254';
const bootId = process.env.MUSTER_AGENT_BOOT_ID ?? readBootId();

let stopping = false;
let wake = () => {};
let rotate = false;
// SIGUSR1 would open Node's debugger.
process.on('SIGHUP', () => {
  rotate = true;
  wake();
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    stopping = true;
    wake();
  });
}

const outcome = await runAgent({
  folder: folder ?? '/var/lib/muster',
  metadataEndpoint,
  settings: settingsFile ? readSettingsFile(settingsFile) : undefined,
  describe: describeMachine,
  newId: randomUUID,
  newLink: () => randomBytes(16).toString('base64url'),
  random: Math.random,
  now: Date.now,
  fetch,
  wait: (seconds) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, stopping ? 0 : seconds * 1000);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    }),
  stopped: () => stopping,
  rotationAsked: () => {
    const asked = rotate;
    rotate = false;
    return asked;
  },
  say: (line) => console.log(line),
}).catch((error: unknown) => {
  // A folder or a file that only a person can mend
  process.exitCode = 1;
  return error instanceof Error ? error.message : String(error);
});
console.log(outcome);

function describeMachine(): AgentDescription {
  return { version: '0.1.0', os: platform(), osVersion: release(), arch: arch(), hostname: hostname(), bootId };
}

/** Without the parser's words, which quote what it read: the file holds a seed. */
function readSettingsFile(path: string): Settings {
  const text = readFileSync(path, 'utf8');
  try {
    return JSON.parse(text) as Settings;
  } catch {
    console.log(`${path} is not JSON`);
    process.exit(2);
  }
}

/** The kernel's own id of this boot; where there is none, one for this run. */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return randomUUID();
  }
}
