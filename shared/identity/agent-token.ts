import * as z from 'zod/mini';
import {
  type AgentTokenClaims,
  agentTokenType,
  maxSeq,
  maxTokenCharacters,
  type RotationClaims,
} from '#protocol/token.ts';
import { Problem } from '../domain/problems.ts';
import { decodeBase64Url } from './base64.ts';
import { lastSecond, requireFresh } from './clock.ts';
import { type CompactJws, readCompactJws, requireHeader, verifyCompactJws } from './compact-jws.ts';
import { parseStrictJson } from './strict-json.ts';

/** What a request must be for its token to be its own. */
export interface TokenRules {
  /** The method, in upper case. */
  htm: string;
  /** The URLs by which this deployment knows the route: each configured base URL with the route's path. */
  htus: readonly string[];
  /** SHA-256 of the body's bytes, base64url. */
  bodySha256: string;
  now: Date;
  clockSkewSeconds: number;
}

export interface AgentToken {
  agentId: string;
  /** Seconds since 1970. */
  iat: number;
  /** Rises with every request of an agent; what is applied is conditional on it. */
  seq: number;
}

const iat = z.int().check(z.minimum(0), z.maximum(lastSecond));

const claimsShape = z.strictObject({
  htm: z.string(),
  htu: z.string(),
  iat,
  seq: z.int().check(z.positive(), z.maximum(maxSeq)),
  bsh: z.string(),
}) satisfies z.ZodMiniType<AgentTokenClaims>;

/** For one new key and one request: neither of them can stand in a check-in's token, nor `seq` and `bsh` here. */
const rotationShape = z.strictObject({
  ...{ htm: z.string(), htu: z.string(), iat, jti: z.string(), jkt: z.string() },
}) satisfies z.ZodMiniType<RotationClaims>;

/** The id of the agent that a token claims to be from, by which its key is looked up. Nothing is verified yet. */
export function readKid(jwt: string): string {
  return readToken(jwt).kid;
}

/**
 * Verifies an agent's request token (docs/design/enrollment.md, "after the binding") with the key that was bound to its `kid`. Throws a
 * Problem: malformed_jws, unsupported_algorithm, bad_signature, wrong_audience, clock_skew or body_hash_mismatch.
 */
export async function verifyAgentToken(jwt: string, publicKeyX: string, rules: TokenRules): Promise<AgentToken> {
  const { kid, claims } = await readClaims(jwt, publicKeyX, claimsShape);
  const { iat, seq, bsh } = claims;
  requireTarget(claims, rules);
  requireFresh(iat, rules.now, rules.clockSkewSeconds);
  if (bsh !== rules.bodySha256) throw new Problem('body_hash_mismatch', 'The body is not the one that was signed.');
  return { agentId: kid, iat, seq };
}

/**
 * Verifies that the key which is enrolled so far wants another in its place: `jkt` is the new one's thumbprint, `jti` that
 * of the enrollment request which carries this. Throws a Problem: malformed_jws, unsupported_algorithm, bad_signature,
 * wrong_audience, clock_skew or rotation_mismatch.
 */
export async function verifyRotationToken(
  jwt: string,
  publicKeyX: string,
  rules: Omit<TokenRules, 'bodySha256'> & { jti: string; jkt: string },
): Promise<void> {
  const { claims } = await readClaims(jwt, publicKeyX, rotationShape);
  requireTarget(claims, rules);
  requireFresh(claims.iat, rules.now, rules.clockSkewSeconds);
  if (claims.jkt !== rules.jkt || claims.jti !== rules.jti)
    throw new Problem('rotation_mismatch', 'The token is for another key or another request.');
}

async function readClaims<T extends z.ZodMiniType>(jwt: string, publicKeyX: string, shape: T) {
  const { kid, ...jws } = readToken(jwt);
  await verifyCompactJws(jws, publicKeyX);
  const claims = shape.safeParse(parseStrictJson(jws.payload, 'malformed_jws'));
  if (claims.success) return { kid, claims: claims.data };
  const member = claims.error.issues[0]?.path.join('.') ?? '';
  throw new Problem('malformed_jws', 'A claim is missing, too many, or not of its form.', { member });
}

function requireTarget({ htm, htu }: { htm: string; htu: string }, rules: Pick<TokenRules, 'htm' | 'htus'>): void {
  if (htm === rules.htm && rules.htus.includes(htu)) return;
  const facts = { htm: htm.slice(0, 16), htu: htu.slice(0, 256) };
  throw new Problem('wrong_audience', 'The token is for another request.', facts);
}

function readToken(jwt: string): CompactJws & { kid: string } {
  if (jwt.length > maxTokenCharacters)
    throw new Problem('malformed_jws', 'The token is too long.', { characters: jwt.length });
  const jws = readCompactJws(jwt);
  requireHeader(jws.header, agentTokenType, 'kid');
  const kid = jws.header.kid;
  if (typeof kid !== 'string' || decodeBase64Url(kid)?.length !== 32) {
    throw new Problem('malformed_jws', 'The kid is no thumbprint.', { member: 'kid' });
  }
  return { ...jws, kid };
}
