import { verify } from 'node:crypto';
import { seedBytes } from '#protocol/key.ts';
import { privateKeyFromSeed, publicKeyFromX, publicKeyX } from './ed25519.ts';

/** True if `signature` (base64url) over `message` is by the key whose public half Muster keeps. */
export function verifyGrant(publicKeyX: string, signature: string, message: string): boolean {
  return verify(null, Buffer.from(message), publicKeyFromX(publicKeyX), Buffer.from(signature, 'base64url'));
}

/** A new launch secret or enrollment key. Only the public half may be stored. */
export function newGrantKey(randomBytes: (length: number) => Uint8Array): { seed: Uint8Array; publicKeyX: string } {
  const seed = randomBytes(seedBytes);
  return { seed, publicKeyX: publicKeyX(privateKeyFromSeed(seed)) };
}
