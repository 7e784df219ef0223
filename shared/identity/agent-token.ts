import * as z from 'zod/mini';
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

const maxTokenCharacters = 4096;

const claimsShape = z.strictObject({
  htm: z.string(),
  htu: z.string(),
  iat: z.int().check(z.minimum(0), z.maximum(lastSecond)),
  seq: z.int().check(z.positive()),
  bsh: z.string(),
});

/** The id of the agent that a token claims to be from, by which its key is looked up. Nothing is verified yet. */
export function readKid(jwt: string): string {
  return readToken(jwt).kid;
}

/**
 * Verifies an agent's request token (DESIGN section 5, "Afterwards") with the key that was bound to its `kid`. Throws a
 * Problem: malformed_jws, unsupported_algorithm, bad_signature, wrong_audience, clock_skew or body_hash_mismatch.
 */
export async function verifyAgentToken(jwt: string, publicKeyX: string, rules: TokenRules): Promise<AgentToken> {
  const { kid, ...jws } = readToken(jwt);
  await verifyCompactJws(jws, publicKeyX);
  const claims = claimsShape.safeParse(parseStrictJson(jws.payload, 'malformed_jws'));
  if (!claims.success) {
    const member = claims.error.issues[0]?.path.join('.') ?? '';
    throw new Problem('malformed_jws', 'A claim is missing, too many, or not of its form.', { member });
  }
  const { htm, htu, iat, seq, bsh } = claims.data;
  if (htm !== rules.htm || !rules.htus.includes(htu)) {
    const facts = { htm: htm.slice(0, 16), htu: htu.slice(0, 256) };
    throw new Problem('wrong_audience', 'The token is for another request.', facts);
  }
  requireFresh(iat, rules.now, rules.clockSkewSeconds);
  if (bsh !== rules.bodySha256) throw new Problem('body_hash_mismatch', 'The body is not the one that was signed.');
  return { agentId: kid, iat, seq };
}

function readToken(jwt: string): CompactJws & { kid: string } {
  if (jwt.length > maxTokenCharacters)
    throw new Problem('malformed_jws', 'The token is too long.', { characters: jwt.length });
  const jws = readCompactJws(jwt);
  requireHeader(jws.header, 'muster-agent+jwt', 'kid');
  const kid = jws.header.kid;
  if (typeof kid !== 'string' || decodeBase64Url(kid)?.length !== 32) {
    throw new Problem('malformed_jws', 'The kid is no thumbprint.', { member: 'kid' });
  }
  return { ...jws, kid };
}
