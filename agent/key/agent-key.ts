import { createPrivateKey, createPublicKey, hash, type KeyObject } from 'node:crypto';
import { pkcs8OfSeed, thumbprintInput } from '#protocol/key.ts';

/** The agent's own Ed25519 key, made on its instance. The private half never leaves the instance. */
export interface AgentKey {
  /** The key's thumbprint, by which Muster knows the agent. */
  id: string;
  publicKeyX: string;
  privateKey: KeyObject;
}

/** The key of a 32-byte random seed. */
export function agentKeyFromSeed(seed: Uint8Array): AgentKey {
  return describe(createPrivateKey({ key: Buffer.from(pkcs8OfSeed(seed)), format: 'der', type: 'pkcs8' }));
}

/** The key as PKCS#8 PEM, for the agent's own disk. */
export function exportAgentKey({ privateKey }: AgentKey): string {
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** Reads what `exportAgentKey` wrote. Throws for anything else. */
export function importAgentKey(pem: string): AgentKey {
  return describe(createPrivateKey(pem));
}

function describe(privateKey: KeyObject): AgentKey {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (x === undefined) throw new TypeError('not an Ed25519 key');
  return { id: hash('sha256', thumbprintInput(x), 'base64url'), publicKeyX: x, privateKey };
}
