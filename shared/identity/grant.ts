import { sign, verify } from 'node:crypto';
import { privateKeyFromSeed, publicKeyFromX, publicKeyX } from './ed25519.ts';

/** What a grant signs: the deployment, the agent whose key enrolls, and the request (docs/design/enrollment.md, "grants"). */
export function grantMessage(aud: string, thumbprint: string, jti: string): string {
  return ['muster-grant-v1', aud, thumbprint, jti].join('\n');
}

/** The grant's signature in base64url; `seed` is a launch's secret or an enrollment key, 32 bytes. */
export function signGrant(seed: Uint8Array, message: string): string {
  return sign(null, Buffer.from(message), privateKeyFromSeed(seed)).toString('base64url');
}

/** True if `signature` (base64url) over `message` is by the key whose public half Muster keeps. */
export function verifyGrant(publicKeyX: string, signature: string, message: string): boolean {
  return verify(null, Buffer.from(message), publicKeyFromX(publicKeyX), Buffer.from(signature, 'base64url'));
}

/** A new launch secret or enrollment key. Only the public half may be stored. */
export function newGrantKey(randomBytes: (length: number) => Uint8Array): { seed: Uint8Array; publicKeyX: string } {
  const seed = randomBytes(32);
  return { seed, publicKeyX: publicKeyX(privateKeyFromSeed(seed)) };
}
