import { linkBytes } from '#protocol/check-in.ts';
import type { EnrollmentAnswer } from '#protocol/enrollment.ts';
import { seedBytes } from '#protocol/key.ts';
import { type AgentKey, agentKeyFromSeed, exportAgentKey, importAgentKey } from '../key/agent-key.ts';
import type { AgentPorts } from '../ports.ts';

/**
 * What an agent remembers between runs. Muster knows an agent by its key: the key is stored before the first request, so that
 * a retry comes from the same agent.
 */
export interface AgentState {
  instanceId: string;
  key: AgentKey;
  /** The last number sent; stored before it is sent. */
  seq: number;
  /** The link that each check-in carries until Muster has taken it. */
  link: string;
  /** The last link that Muster has taken. */
  previousLink: string | null;
  /** The next key: of a rotation that has begun, or of the re-enrollment that ends a conflict. */
  next: { key: AgentKey; for: 'rotation' | 're-enrollment' } | null;
  /** The ids of the grants that have enrolled this instance. */
  usedGrants: readonly string[];
  enrolled: Omit<EnrollmentAnswer, 'agentId'> | null;
  /** The code of the last refusal; null once enrolled. */
  refused: string | null;
}

type Entropy = Pick<AgentPorts, 'randomBytes'>;

/** A new agent key. */
export const newKey = ({ randomBytes }: Entropy): AgentKey => agentKeyFromSeed(randomBytes(seedBytes));

/** A random link in base64url. */
export const newLink = ({ randomBytes }: Entropy): string => Buffer.from(randomBytes(linkBytes)).toString('base64url');

/** The state of an agent that is not enrolled, with a new link; with this key, or with a new one. */
export const newState = (instanceId: string, entropy: Entropy, key = newKey(entropy)): AgentState => ({
  ...{ instanceId, key, seq: 0, link: newLink(entropy), previousLink: null, next: null, usedGrants: [] },
  ...{ enrolled: null, refused: null },
});

/**
 * The stored state. A new one if there is none, or if it belongs to another instance: this disk is a copy of that instance's
 * disk. Throws if the file is damaged.
 */
export async function openState(instanceId: string, ports: Entropy & Pick<AgentPorts, 'state'>): Promise<AgentState> {
  const text = await ports.state.read();
  const stored = text === undefined ? undefined : read(text, ports);
  if (stored?.instanceId === instanceId) return stored;
  const state = newState(instanceId, ports);
  await saveState(state, ports);
  return state;
}

/** Stores the state. It is safe on the disk when this returns. */
export async function saveState(
  { key, next, ...rest }: AgentState,
  { state }: Pick<AgentPorts, 'state'>,
): Promise<void> {
  const stored: Stored = { key: exportAgentKey(key), next: next && { ...next, key: exportAgentKey(next.key) } };
  await state.write(JSON.stringify({ ...rest, ...stored }));
}

interface Stored {
  key: string;
  next?: { key: string; for: 'rotation' | 're-enrollment' } | null;
  /** Older agents wrote this instead of `usedGrants`. */
  grantId?: string | null;
}

function read(text: string, ports: Entropy & Pick<AgentPorts, 'state'>): AgentState {
  try {
    const { key, next, ...rest } = JSON.parse(text) as Omit<AgentState, 'key' | 'next'> & Stored;
    const known = next && { ...next, key: importAgentKey(next.key) };
    const { grantId, ...state } = rest;
    const used = grantId ? { usedGrants: [grantId] } : {};
    return { ...newState(rest.instanceId, ports, importAgentKey(key)), ...used, ...state, next: known ?? null };
  } catch {
    // The parser's own message would quote the file, which holds the private key.
    throw new Error(`${ports.state.file} is damaged: move it away and re-enroll the instance`);
  }
}
