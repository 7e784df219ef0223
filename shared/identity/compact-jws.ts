import type { webcrypto } from 'node:crypto';
import { compactVerify, errors } from 'jose';
import { signatureAlgorithm } from '#protocol/token.ts';
import { Problem } from '../domain/problems.ts';
import { decodeBase64Url } from './base64.ts';
import { isJsonObject, parseStrictJson } from './strict-json.ts';

/** A compact JWS (RFC 7515 section 7.1) taken apart; its signature is not yet verified. */
export interface CompactJws {
  header: Record<string, unknown>;
  payload: Uint8Array;
  text: string;
}

const signatureBytes = 64;

/** Three parts of canonical base64url, the first a JSON object, the last as long as an Ed25519 signature. Else `malformed_jws`. */
export function readCompactJws(text: string): CompactJws {
  const parts = text.split('.', 4);
  if (parts.length !== 3) throw malformed('It has not three parts.', { parts: parts.length });
  const [header, payload, signature] = parts.map(decodeBase64Url);
  if (!header || !payload || !signature) throw malformed('A part is empty or no canonical base64url.');
  if (signature.length !== signatureBytes)
    throw malformed('The signature is not 64 bytes long.', { bytes: signature.length });
  const members = parseStrictJson(header, 'malformed_jws');
  if (!isJsonObject(members)) throw malformed('The header is no JSON object.');
  return { header: members, payload, text };
}

/**
 * The header has exactly these members and says `alg` EdDSA (RFC 8037) and `typ`. Throws `malformed_jws` for other members,
 * so that `crit`, `b64`, `jku`, `x5c` and the like are never obeyed, `unsupported_algorithm` for another `alg` or `typ`.
 */
export function requireHeader(header: Record<string, unknown>, typ: string, keyMember: 'jwk' | 'kid'): void {
  const wrong = header.alg !== signatureAlgorithm ? 'alg' : header.typ !== typ ? 'typ' : null;
  if (wrong)
    throw new Problem('unsupported_algorithm', `The header’s ${wrong} is not the expected one.`, { member: wrong });
  requireMembers(header, ['alg', 'typ', keyMember]);
}

/** The object has exactly these members; else `malformed_jws` with the first that is missing or too many. */
export function requireMembers(object: Record<string, unknown>, names: readonly string[]): void {
  const missing = names.find((name) => !Object.hasOwn(object, name));
  if (missing) throw malformed(`The header lacks its ${missing}.`, { member: missing });
  const extra = Object.keys(object).find((name) => !names.includes(name));
  if (extra !== undefined) throw malformed('The header has a member too many.', { member: extra.slice(0, 32) });
}

/** Verifies the signature of a JWS that `readCompactJws` read, with the Ed25519 key `x`. Throws `bad_signature`. */
export async function verifyCompactJws({ text }: CompactJws, x: string): Promise<void> {
  try {
    await compactVerify(text, await importX(x), { algorithms: [signatureAlgorithm] });
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    throw new Problem('bad_signature', 'The signature is not that of the key.');
  }
}

/** In the form that `jose` works with itself: another is converted at every call, which costs a third of a verification. */
const importX = (x: string): Promise<webcrypto.CryptoKey> =>
  crypto.subtle.importKey('raw', Buffer.from(x, 'base64url'), 'Ed25519', false, ['verify']);

function malformed(detail: string, facts: Record<string, string | number> = {}): Problem {
  return new Problem('malformed_jws', detail, facts);
}
