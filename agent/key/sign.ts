import { createHash, sign } from 'node:crypto';
import { type EnrollmentHeader, enrollmentType } from '#protocol/enrollment.ts';
import { publicJwk } from '#protocol/key.ts';
import {
  type AgentTokenClaims,
  type AgentTokenHeader,
  agentTokenType,
  type RotationClaims,
  signatureAlgorithm,
} from '#protocol/token.ts';
import { type AgentKey, agentKeyFromSeed } from './agent-key.ts';

/** The body of `POST /v1/enroll`: the payload (an `EnrollmentPayload`, but tests sign others too) as a compact JWS that carries the public key. */
export function signEnrollment(key: AgentKey, payload: object): string {
  const jwk = publicJwk(key.publicKeyX);
  const header: EnrollmentHeader = { alg: signatureAlgorithm, typ: enrollmentType, jwk };
  return compactJws(key, header, payload);
}

/** The token that every request after enrollment carries. */
export function signAgentToken(key: AgentKey, claims: AgentTokenClaims): string {
  return compactJws(key, tokenHeader(key), claims);
}

/** The old key's token for its replacement; the new key's enrollment request carries it as `previous`. */
export function signRotation(key: AgentKey, claims: RotationClaims): string {
  return compactJws(key, tokenHeader(key), claims);
}

/** A grant's signature over `grantMessage`, in base64url. The seed is a launch's secret or an enrollment key, 32 bytes. */
export function signGrant(seed: Uint8Array, message: string): string {
  return sign(null, Buffer.from(message), agentKeyFromSeed(seed).privateKey).toString('base64url');
}

/** A body's SHA-256 in base64url, for claim `bsh`. */
export function bodyHash(body: string | Uint8Array): string {
  return createHash('sha256').update(body).digest('base64url');
}

const tokenHeader = ({ id }: AgentKey): AgentTokenHeader => ({ alg: signatureAlgorithm, typ: agentTokenType, kid: id });

function compactJws({ privateKey }: AgentKey, header: object, payload: object): string {
  const signed = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`;
}
