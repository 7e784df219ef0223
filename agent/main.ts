import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { arch, hostname, platform, release } from 'node:os';
import type { AgentDescription } from '#protocol/enrollment.ts';
import type { Settings } from '#protocol/settings.ts';
import { runAgent } from './agent.ts';
import { openStateFolder } from './state/state-folder.ts';

/** The agent's process: reads its environment variables, enrolls, checks in, and ends on SIGTERM or SIGINT. SIGHUP rotates its key. */
const { MUSTER_AGENT_FOLDER: folder, MUSTER_AGENT_SETTINGS: settingsFile } = process.env;
const metadataEndpoint = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT ?? 'http://169.254.169.254';
const bootId = process.env.MUSTER_AGENT_BOOT_ID ?? readBootId();

let stopping = false;
let wake = () => {};
let rotate = false;
// Not SIGUSR1: that opens Node's debugger.
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
  state: openStateFolder(folder ?? '/var/lib/muster'),
  metadataEndpoint,
  settings: settingsFile ? readSettingsFile(settingsFile) : undefined,
  describe: describeMachine,
  newId: randomUUID,
  randomBytes,
  random: Math.random,
  now: Date.now,
  fetch,
  timeout: (seconds) => AbortSignal.timeout(seconds * 1000),
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
  // The state folder or its file cannot be used. An operator must repair it.
  process.exitCode = 1;
  return error instanceof Error ? error.message : String(error);
});
console.log(outcome);

function describeMachine(): AgentDescription {
  return { version: '0.1.0', os: platform(), osVersion: release(), arch: arch(), hostname: hostname(), bootId };
}

/** Ends the process if the file is not JSON. The parser's own message would quote the file, which holds a seed. */
function readSettingsFile(path: string): Settings {
  const text = readFileSync(path, 'utf8');
  try {
    return JSON.parse(text) as Settings;
  } catch {
    console.log(`${path} is not JSON`);
    process.exit(2);
  }
}

/** The kernel's id of this boot. On a system without one, an id for this run. */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return randomUUID();
  }
}
