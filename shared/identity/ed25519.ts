import { createPrivateKey, createPublicKey, hash, type KeyObject } from 'node:crypto';
import { pkcs8OfSeed, publicJwk, thumbprintInput } from '#protocol/key.ts';

/** The private key of a 32-byte seed. */
export function privateKeyFromSeed(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(pkcs8OfSeed(seed)), format: 'der', type: 'pkcs8' });
}

/** The public half as a JWK's `x`: base64url of 32 bytes. */
export function publicKeyX(key: KeyObject): string {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  if (x === undefined) throw new TypeError('not an Ed25519 key');
  return x;
}

/** The public key of a JWK's `x`. */
export function publicKeyFromX(x: string): KeyObject {
  return createPublicKey({ key: { ...publicJwk(x) }, format: 'jwk' });
}

/** The key's thumbprint, which is its agent's id. `x` must be canonical base64url. */
export function thumbprint(x: string): string {
  return hash('sha256', thumbprintInput(x), 'base64url');
}
