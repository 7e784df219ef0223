import type { PublicJwk } from './key.ts';
import type { StsSignature } from './sts.ts';
import type { signatureAlgorithm } from './token.ts';

/** `typ` of an enrollment request. */
export const enrollmentType = 'muster-enroll+jws';

/** The content type of an enrollment request: a compact JWS (RFC 7515, section 9.2.1). */
export const enrollmentMediaType = 'application/jose';

export interface EnrollmentHeader {
  alg: typeof signatureAlgorithm;
  typ: typeof enrollmentType;
  jwk: PublicJwk;
}

/** What an enrollment may show, the strongest proof first. `sts` carries a 2048-bit document as well. */
export const proofKinds = ['sts', 'iid-rsa2048', 'iid-rsa'] as const;
export type ProofKind = (typeof proofKinds)[number];

/** The document and signatures are the texts of the instance metadata service, unchanged. */
export type Proof =
  | { kind: 'iid-rsa2048'; rsa2048: string; document?: string | undefined }
  | { kind: 'iid-rsa'; document: string; signature: string }
  | { kind: 'sts'; rsa2048: string; document?: string | undefined; sts: StsSignature };

/** Facts that the agent reports about its machine. Nothing is decided by them. */
export interface AgentDescription {
  version: string;
  os: string;
  osVersion: string;
  arch: string;
  hostname: string;
  bootId: string;
}

/** The payload of `POST /v1/enroll`. */
export interface EnrollmentPayload {
  /** The deployment's base URL. */
  aud: string;
  /** Seconds since 1970. */
  iat: number;
  /** The id of this request, new for each. */
  jti: string;
  proof: Proof;
  /** `signature` over `grantMessage`, in base64url. */
  grant?: { id: string; signature: string } | undefined;
  /** A rotation token (`RotationClaims`) by the key that is enrolled until now. */
  previous?: string | undefined;
  agent: AgentDescription;
}

/** The answer to an accepted enrollment. Nothing in it is secret. */
export interface EnrollmentAnswer {
  agentId: string;
  serverId: string | null;
  checkinUrl: string;
  checkinIntervalSeconds: number;
}

/** The largest numbers of characters that Muster accepts; for the whole request, of bytes. */
export const enrollmentLimits = {
  bodyBytes: 16_384,
  aud: 2048,
  jti: 128,
  grantId: 128,
  previous: 1024,
  version: 32, // short, because it is in the instance's record
  os: 64,
  osVersion: 64,
  arch: 32,
  hostname: 253, // RFC 1035, section 2.3.4
} as const;
