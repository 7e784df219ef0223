import { backoff } from './ask-muster.ts';
import { checkInForever } from './check-in.ts';
import { enroll } from './enroll.ts';
import { holdFolder } from './folder-hold.ts';
import { readMetadata } from './imds.ts';
import type { AgentOptions, Settings } from './options.ts';
import { openState } from './state-file.ts';

export type { AgentDescription, AgentOptions, Settings } from './options.ts';

/** Enrolls, then checks in until it is told to stop. Returns what came of it. */
export async function runAgent(options: AgentOptions): Promise<'stopped' | 'refused' | 'unmanaged'> {
  const metadata = await patiently(options, () => readMetadata(options.metadataEndpoint, options.fetch));
  if (!metadata) return 'stopped';
  const settings = options.settings ?? readSettings(metadata.userData);
  if (!settings) return 'unmanaged';
  const letGo = await holdPatiently(options);
  if (!letGo) return 'stopped';
  try {
    const state = await openState(options.folder, metadata.instanceId, options.newLink);
    if (!state.enrolled && !(await enroll(state, settings, options))) return options.stopped() ? 'stopped' : 'refused';
    return await checkInForever(state, settings, options);
  } finally {
    await letGo();
  }
}

/** `{"muster":{"url","grant":{"id","seed"},"proof"}}` in the user data; undefined where the instance was launched without. */
function readSettings(userData: string): Settings | undefined {
  try {
    const { muster } = JSON.parse(userData) as { muster?: Settings };
    return typeof muster?.url === 'string' ? muster : undefined;
  } catch {
    return undefined;
  }
}

async function holdPatiently(options: AgentOptions): Promise<(() => Promise<void>) | undefined> {
  for (let tries = 0; !options.stopped(); tries++) {
    const letGo = await holdFolder(options.folder);
    if (letGo) return letGo;
    options.say(`another agent runs with ${options.folder}: this one waits for its end`);
    await options.wait(backoff(tries, options.random));
  }
  return undefined;
}

async function patiently<T>(options: AgentOptions, read: () => Promise<T>): Promise<T | undefined> {
  for (let tries = 0; !options.stopped(); tries++) {
    try {
      return await read();
    } catch (error) {
      options.say(error instanceof Error ? error.message : String(error));
      await options.wait(backoff(tries, options.random));
    }
  }
  return undefined;
}
