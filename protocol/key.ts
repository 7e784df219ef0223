/** An Ed25519 public key as a JWK (RFC 8037, section 2), with these members and no other. */
export interface PublicJwk {
  kty: 'OKP';
  crv: 'Ed25519';
  /** 32 bytes in base64url. */
  x: string;
}

export const publicJwk = (x: string): PublicJwk => ({ kty: 'OKP', crv: 'Ed25519', x });

/**
 * The text whose SHA-256, in base64url, is the key's thumbprint and the agent's id (RFC 7638, section 3). `x` must be canonical
 * base64url, so that one key has one id.
 */
export const thumbprintInput = (x: string): string => `{"crv":"Ed25519","kty":"OKP","x":"${x}"}`;

/** Bytes of a seed, from which an Ed25519 private key follows (RFC 8032, section 5.1.5). */
export const seedBytes = 32;

/** PrivateKeyInfo of an Ed25519 key up to its seed (RFC 8410, section 7): 302e020100300506032b657004220420. */
const pkcs8Prefix = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/** The private key of a seed as PKCS#8 in DER. Throws a RangeError for a seed of another length. */
export function pkcs8OfSeed(seed: Uint8Array): Uint8Array {
  if (seed.length !== seedBytes) throw new RangeError(`a seed has ${seedBytes} bytes, not ${seed.length}`);
  return Uint8Array.from([...pkcs8Prefix, ...seed]);
}
