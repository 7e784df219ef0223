import * as z from 'zod/mini';
import { bootIdPattern } from '#protocol/check-in.ts';
import {
  type AgentDescription,
  type EnrollmentPayload,
  enrollmentLimits,
  enrollmentType,
  type Proof,
} from '#protocol/enrollment.ts';
import type { StsSignature } from '#protocol/sts.ts';
import { Problem } from '../domain/problems.ts';
import { decodeBase64Url } from './base64.ts';
import { lastSecond, requireFresh } from './clock.ts';
import { readCompactJws, requireHeader, requireMembers, verifyCompactJws } from './compact-jws.ts';
import { thumbprint } from './ed25519.ts';
import { isJsonObject, parseStrictJson } from './strict-json.ts';
import { parseAmzDate } from './sts-request.ts';
import type { DocumentProof } from './verify-document.ts';
import { isWeakKey } from './weak-key.ts';

export interface EnrollmentRequest {
  /** The thumbprint of the key that signed, and that an enrollment binds. */
  agentId: string;
  publicKeyX: string;
  aud: string;
  /** Seconds since 1970. */
  iat: number;
  jti: string;
  /** The identity document; of an `sts` proof, the 2048-bit one that is in it. */
  proof: DocumentProof;
  /** The rest of an `sts` proof. Nothing is proven by it until STS has answered for it (sts-request.ts, sts-answer.ts). */
  sts?: StsSignature | undefined;
  grant?: { id: string; signature: string } | undefined;
  /** A token by the key that is enrolled so far, which this one is to replace; not verified (agent-token.ts). */
  previous?: string | undefined;
  agent: AgentDescription;
}

export interface RequestRules {
  /** The base URLs that this deployment answers to. */
  audiences: readonly string[];
  now: Date;
  clockSkewSeconds: number;
}

const limits = enrollmentLimits;

/** Text that is safe in a log line and on a screen: no control, format or separator characters. */
const plainText = (maxLength: number) =>
  z.string().check(z.maxLength(maxLength), z.regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u));

const agentFacts = z.strictObject({
  version: z.string().check(z.maxLength(limits.version), z.regex(/^[\x20-\x7e]*$/)),
  os: plainText(limits.os),
  osVersion: plainText(limits.osVersion), // empty if the release has no number, as in Debian's unstable
  arch: plainText(limits.arch),
  hostname: plainText(limits.hostname),
  bootId: z.string().check(z.regex(bootIdPattern)),
}) satisfies z.ZodMiniType<AgentDescription>;

const grant = z.strictObject({
  id: z.string().check(z.maxLength(limits.grantId), z.regex(/^[A-Za-z0-9_-]+$/)),
  signature: z.string().check(z.refine((text) => decodeBase64Url(text)?.length === 64)),
});

/** Each goes into a header of Muster's own request: no blank, no comma in the one that stands beside others. */
const stsSignature = z.strictObject({
  date: z.string().check(z.refine((text) => parseAmzDate(text) !== null)),
  // Temporary credentials; at most 128 characters (STS/latest/APIReference/API_Credentials.html)
  accessKeyId: z.string().check(z.regex(/^ASIA[A-Z0-9]{12,124}$/)),
  sessionToken: z.string().check(z.regex(/^[\x21-\x7e]{1,4096}$/)), // AWS sets no limit; an instance's has about 1,000
  signature: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
}) satisfies z.ZodMiniType<StsSignature>;

const anyProof = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('iid-rsa2048'), rsa2048: z.string(), document: z.optional(z.string()) }),
  z.strictObject({ kind: z.literal('iid-rsa'), document: z.string(), signature: z.string() }),
  z.strictObject({
    kind: z.literal('sts'),
    rsa2048: z.string(),
    document: z.optional(z.string()),
    sts: stsSignature,
  }),
]) satisfies z.ZodMiniType<Proof>;

const payloadShape = z.strictObject({
  aud: z.string().check(z.maxLength(limits.aud)),
  iat: z.int().check(z.minimum(0), z.maximum(lastSecond)),
  jti: z.string().check(z.maxLength(limits.jti), z.regex(/^[\x21-\x7e]+$/)), // a line of the grant's message: no newline may be in it
  proof: anyProof,
  grant: z.optional(grant),
  previous: z.optional(z.string().check(z.maxLength(limits.previous))),
  agent: agentFacts,
}) satisfies z.ZodMiniType<EnrollmentPayload>;

/**
 * Reads the body of `POST /v1/enroll` (docs/design/enrollment.md, "proof of the key"): shape, key, signature, audience, clock; the proof and the grant are
 * parsed, not judged. Throws a Problem: body_too_large, malformed_jws, unsupported_algorithm, private_key_exposed, weak_key,
 * bad_signature, malformed_request, wrong_audience or clock_skew.
 */
export async function readEnrollmentRequest(body: string, rules: RequestRules): Promise<EnrollmentRequest> {
  if (Buffer.byteLength(body) > limits.bodyBytes)
    throw new Problem('body_too_large', 'An enrollment has at most 16 KiB.');
  const jws = readCompactJws(body);
  requireHeader(jws.header, enrollmentType, 'jwk');
  const publicKeyX = readPublicKey(jws.header.jwk);
  await verifyCompactJws(jws, publicKeyX);
  const payload = readPayload(jws.payload);
  if (!rules.audiences.includes(payload.aud)) {
    throw new Problem('wrong_audience', 'The request names another deployment.', { aud: payload.aud.slice(0, 256) });
  }
  requireFresh(payload.iat, rules.now, rules.clockSkewSeconds);
  return { agentId: thumbprint(publicKeyX), publicKeyX, ...payload, ...takeApart(payload.proof) };
}

/** An `sts` proof is a 2048-bit document like any other, and a signature that STS has to judge. */
function takeApart(proof: z.infer<typeof anyProof>): Pick<EnrollmentRequest, 'proof' | 'sts'> {
  if (proof.kind !== 'sts') return { proof };
  const { rsa2048, document, sts } = proof;
  return { proof: { kind: 'iid-rsa2048', rsa2048, document }, sts };
}

/** The `x` of an Ed25519 JWK with nothing else in it: one spelling per key, so that "the same key" means one thing. */
function readPublicKey(jwk: unknown): string {
  if (!isJsonObject(jwk)) throw new Problem('malformed_jws', 'The header’s jwk is no JSON object.', { member: 'jwk' });
  if (Object.hasOwn(jwk, 'd')) throw new Problem('private_key_exposed', 'The header’s jwk holds the private key.');
  if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519') {
    throw new Problem('unsupported_algorithm', 'The header’s jwk is no Ed25519 key.', { member: 'jwk' });
  }
  requireMembers(jwk, ['kty', 'crv', 'x']);
  const x = jwk.x;
  const bytes = typeof x === 'string' ? decodeBase64Url(x) : null;
  if (bytes?.length !== 32 || typeof x !== 'string') {
    throw new Problem('malformed_jws', 'The jwk’s x is no canonical base64url of 32 bytes.', { member: 'x' });
  }
  if (isWeakKey(bytes)) throw new Problem('weak_key', 'The key is of low order, or a second spelling of another.');
  return x;
}

function readPayload(bytes: Uint8Array): z.infer<typeof payloadShape> {
  const json = parseStrictJson(bytes, 'malformed_request');
  const payload = payloadShape.safeParse(json);
  if (payload.success) return payload.data;
  const member = payload.error.issues[0]?.path.join('.') ?? '';
  throw new Problem('malformed_request', 'A member of the payload is missing, too many, or not of its form.', {
    member,
  });
}
