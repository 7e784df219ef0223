import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type AgentKey, exportAgentKey, importAgentKey, newAgentKey } from './proof-request.ts';

/** What an agent remembers between runs. The key is made and stored before the first request: a retry is the same agent. */
export interface AgentState {
  instanceId: string;
  key: AgentKey;
  /** The last number sent; stored before it is sent. */
  seq: number;
  /** What the next check-in brings until Muster has taken it, and the last one that Muster took. */
  link: string;
  previousLink: string | null;
  /** The key to come: of a rotation that is under way, or of the re-enrollment that ends a conflict. */
  next: { key: AgentKey; for: 'rotation' | 're-enrollment' } | null;
  /** The grants that have enrolled this instance. */
  usedGrants: readonly string[];
  enrolled: { serverId: string | null; checkinUrl: string; checkinIntervalSeconds: number } | null;
  /** The last refusal, by code; null once enrolled. */
  refused: string | null;
}

const fileName = 'agent.json';

/** An agent that nobody knows yet. */
export const newState = (instanceId: string, link: string, key = newAgentKey()): AgentState => ({
  ...{ instanceId, key, seq: 0, link, previousLink: null, next: null, usedGrants: [], enrolled: null, refused: null },
});

/** The stored state; a new one if there is none, or if it is another instance's: an image was made of that disk. Throws if it is damaged. */
export async function openState(folder: string, instanceId: string, newLink: () => string): Promise<AgentState> {
  const path = join(folder, fileName);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  const stored = text === undefined ? undefined : read(path, text, newLink());
  if (stored?.instanceId === instanceId) return stored;
  const state = newState(instanceId, newLink());
  await saveState(folder, state);
  return state;
}

function read(path: string, text: string, link: string): AgentState {
  try {
    const { key, next, ...rest } = JSON.parse(text) as Omit<AgentState, 'key' | 'next'> & Stored;
    const known = next && { ...next, key: importAgentKey(next.key) };
    const { grantId, ...state } = rest;
    const used = grantId ? { usedGrants: [grantId] } : {};
    return { ...newState(rest.instanceId, link, importAgentKey(key)), ...used, ...state, next: known ?? null };
  } catch {
    // Without the parser's words, which quote what it read: this file holds the key.
    throw new Error(`${path} is not what the agent wrote: move it away, and re-enroll the instance`);
  }
}

interface Stored {
  key: string;
  next?: { key: string; for: 'rotation' | 're-enrollment' } | null;
  /** As an agent before `usedGrants` left it. */
  grantId?: string | null;
}

/** Whole or not at all, and on the disk when this returns: a power cut leaves the file of before. */
export async function saveState(folder: string, { key, next, ...rest }: AgentState): Promise<void> {
  const path = join(folder, fileName);
  const stored: Stored = { key: exportAgentKey(key), next: next && { ...next, key: exportAgentKey(next.key) } };
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify({ ...rest, ...stored }));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncFolder(folder);
}

/** A rename is on the disk when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
