import { createHash, sign } from 'node:crypto';
import type { AgentKey } from './agent-key.ts';

/** The body of `POST /v1/enroll`: the payload as a compact JWS that carries the public key. */
export function signEnrollment(key: AgentKey, payload: object): string {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.publicKeyX };
  return compactJws(key, { alg: 'EdDSA', typ: 'muster-enroll+jws', jwk }, payload);
}

/** What a request token says: method, URL, seconds since 1970, a number that rises with every send, and the body's hash. */
export interface AgentTokenClaims {
  htm: string;
  htu: string;
  iat: number;
  seq: number;
  bsh: string;
}

/** The token that every request after enrollment carries. */
export function signAgentToken(key: AgentKey, claims: AgentTokenClaims): string {
  return compactJws(key, { alg: 'EdDSA', typ: 'muster-agent+jwt', kid: key.id }, claims);
}

/** The old key's statement about the new key: for which request it is, and the new key's thumbprint. */
export interface RotationClaims {
  htm: string;
  htu: string;
  iat: number;
  jti: string;
  jkt: string;
}

/** The old key's token for its replacement; the new key's enrollment request carries it as `previous`. */
export function signRotation(key: AgentKey, claims: RotationClaims): string {
  return compactJws(key, { alg: 'EdDSA', typ: 'muster-agent+jwt', kid: key.id }, claims);
}

/** A body's SHA-256 in base64url, for claim `bsh`. */
export function bodyHash(body: string | Uint8Array): string {
  return createHash('sha256').update(body).digest('base64url');
}

function compactJws({ privateKey }: AgentKey, header: object, payload: object): string {
  const signed = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`;
}
