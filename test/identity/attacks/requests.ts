import { sign } from 'node:crypto';
import type { AgentKey } from '#agent/key/agent-key.ts';
import { readEnrollmentRequest } from '#shared/identity/enrollment-request.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { now, vectors } from '../vectors.ts';

/** Enrollment requests as an attacker makes them: any header and payload, by any key, with a signature that is right. */
export const aud = 'https://muster.example/prod';
export const iat = now.getTime() / 1000;
export const key = newAgentKey();

export const header = {
  alg: 'EdDSA',
  typ: 'muster-enroll+jws',
  jwk: { kty: 'OKP', crv: 'Ed25519', x: key.publicKeyX },
};
export const payload = {
  aud,
  iat,
  jti: 'one',
  proof: { kind: 'iid-rsa2048', rsa2048: vectors[0]!.signature },
  agent: { version: '1.0.0', os: 'debian', osVersion: '13', arch: 'arm64', hostname: 'ip-10-0-0-7', bootId: 'b1' },
};

export const base64url = (part: string | Uint8Array): string => Buffer.from(part).toString('base64url');

/** A JWS over these very bytes, whatever they are. */
export function signed(
  headerText: string | Uint8Array,
  payloadText: string | Uint8Array,
  signer: AgentKey = key,
): string {
  const input = `${base64url(headerText)}.${base64url(payloadText)}`;
  return `${input}.${base64url(sign(null, Buffer.from(input), signer.privateKey))}`;
}

export const headerText = JSON.stringify(header);
export const payloadText = JSON.stringify(payload);
export const good = signed(headerText, payloadText);

export const withHeader = (changes: object): string => signed(JSON.stringify({ ...header, ...changes }), payloadText);
export const withJwk = (changes: object): string => withHeader({ jwk: { ...header.jwk, ...changes } });
export const withPayload = (changes: object): string => signed(headerText, JSON.stringify({ ...payload, ...changes }));

/** Reads a request as this deployment does. */
export const read = (body: string) => readEnrollmentRequest(body, { audiences: [aud], now, clockSkewSeconds: 300 });
