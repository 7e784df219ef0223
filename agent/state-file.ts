import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AgentKey, exportAgentKey, importAgentKey, newAgentKey } from './proof-request.ts';

/** What an agent remembers between runs. The key is made and stored before the first request: a retry is the same agent. */
export interface AgentState {
  instanceId: string;
  key: AgentKey;
  /** The last number sent; stored before it is sent. */
  seq: number;
  enrolled: { serverId: string | null; checkinUrl: string; checkinIntervalSeconds: number } | null;
  /** The last refusal, by code; null once enrolled. */
  refused: string | null;
}

const fileName = 'agent.json';

/** The stored state; a new one if there is none, or if it is another instance's: an image was made of that disk. */
export async function openState(folder: string, instanceId: string): Promise<AgentState> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const stored = await readFile(join(folder, fileName), 'utf8').catch(() => undefined);
  if (stored !== undefined) {
    const { key, ...state } = JSON.parse(stored) as Omit<AgentState, 'key'> & { key: string };
    if (state.instanceId === instanceId) return { ...state, key: importAgentKey(key) };
  }
  const state = { instanceId, key: newAgentKey(), seq: 0, enrolled: null, refused: null };
  await saveState(folder, state);
  return state;
}

/** Whole or not at all: a power cut leaves the file of before. */
export async function saveState(folder: string, state: AgentState): Promise<void> {
  const path = join(folder, fileName);
  await writeFile(`${path}.new`, JSON.stringify({ ...state, key: exportAgentKey(state.key) }), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
