import type { Settings } from '#protocol/settings.ts';
import { backoff } from './backoff.ts';
import { enroll } from './enroll/enroll.ts';
import { readMetadata } from './imds/metadata.ts';
import { checkInUntilEnd } from './loop/check-in-loop.ts';
import type { AgentPorts } from './ports.ts';
import { openState } from './state/state.ts';

/**
 * Enrolls, then checks in until it has to stop. Returns `stopped`, `refused` if Muster refused or ended the enrollment, or
 * `unmanaged` if neither settings nor user data name a Muster. Throws if the state folder cannot be used.
 */
export async function runAgent(ports: AgentPorts): Promise<'stopped' | 'refused' | 'unmanaged'> {
  const metadata = await tryUntilRead(ports, () => readMetadata(ports));
  if (!metadata) return 'stopped';
  const settings = ports.settings ?? readSettings(metadata.userData);
  if (!settings) return 'unmanaged';
  const release = await waitForFolder(ports);
  if (!release) return 'stopped';
  try {
    const state = await openState(metadata.instanceId, ports);
    if (!state.enrolled && !(await enroll(state, settings, ports))) return ports.stopped() ? 'stopped' : 'refused';
    return await checkInUntilEnd(state, settings, ports);
  } finally {
    await release();
  }
}

/** Reads `{"muster":{"url","grant":{"id","seed"},"proof"}}` from the user data. Undefined if the user data holds no such text. */
function readSettings(userData: string): Settings | undefined {
  try {
    const { muster } = JSON.parse(userData) as { muster?: Settings };
    return typeof muster?.url === 'string' ? muster : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined if the agent has to stop first. */
async function waitForFolder(ports: AgentPorts): Promise<(() => Promise<void>) | undefined> {
  for (let tries = 0; !ports.stopped(); tries++) {
    const release = await ports.state.hold();
    if (release) return release;
    ports.say(`another agent uses ${ports.state.path}: waiting until it ends`);
    await ports.wait(backoff(tries, ports.random));
  }
  return undefined;
}

/** Undefined if the agent has to stop first. */
async function tryUntilRead<T>(ports: AgentPorts, read: () => Promise<T>): Promise<T | undefined> {
  for (let tries = 0; !ports.stopped(); tries++) {
    try {
      return await read();
    } catch (error) {
      ports.say(error instanceof Error ? error.message : String(error));
      await ports.wait(backoff(tries, ports.random));
    }
  }
  return undefined;
}
