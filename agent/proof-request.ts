import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { publicKeyX, thumbprint } from '#shared/identity/ed25519.ts';

/** The agent's own key, made on its instance; the private half never leaves it. */
export interface AgentKey {
  /** The key's thumbprint, by which Muster knows the agent. */
  id: string;
  publicKeyX: string;
  privateKey: KeyObject;
}

/** A new Ed25519 key. */
export function newAgentKey(): AgentKey {
  return describe(generateKeyPairSync('ed25519').privateKey);
}

/** The key as PKCS#8 PEM, for the agent's own disk. */
export function exportAgentKey({ privateKey }: AgentKey): string {
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** Reads what `exportAgentKey` wrote. Throws for anything else. */
export function importAgentKey(pem: string): AgentKey {
  return describe(createPrivateKey(pem));
}

/** The body of `POST /v1/enroll`: the payload as a compact JWS that carries the public key (DESIGN section 5). */
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

/** The token that every request after enrollment carries (DESIGN section 5, "Afterwards"). */
export function signAgentToken(key: AgentKey, claims: AgentTokenClaims): string {
  return compactJws(key, { alg: 'EdDSA', typ: 'muster-agent+jwt', kid: key.id }, claims);
}

/** What the old key says of the new one: for which request, and by its thumbprint (DESIGN section 5, life after enrollment). */
export interface RotationClaims {
  htm: string;
  htu: string;
  iat: number;
  jti: string;
  jkt: string;
}

/** The token by which an enrolled key lets another take its place; it goes into that one's enrollment as `previous`. */
export function signRotation(key: AgentKey, claims: RotationClaims): string {
  return compactJws(key, { alg: 'EdDSA', typ: 'muster-agent+jwt', kid: key.id }, claims);
}

/** A body's SHA-256 as claim `bsh` wants it: base64url. */
export function bodyHash(body: string | Uint8Array): string {
  return createHash('sha256').update(body).digest('base64url');
}

function compactJws({ privateKey }: AgentKey, header: object, payload: object): string {
  const signed = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`;
}

function describe(privateKey: KeyObject): AgentKey {
  const x = publicKeyX(privateKey);
  return { id: thumbprint(x), publicKeyX: x, privateKey };
}
