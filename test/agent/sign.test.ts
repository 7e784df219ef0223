import { calculateJwkThumbprint, compactVerify, importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { exportAgentKey, importAgentKey } from '#agent/key/agent-key.ts';
import { bodyHash, signAgentToken, signEnrollment, signRotation } from '#agent/key/sign.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';

const key = newAgentKey();
const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.publicKeyX };

/** Header and payload as an independent implementation of JOSE verifies them. */
async function verified(jws: string) {
  const { protectedHeader, payload } = await compactVerify(jws, await importJWK(jwk, 'EdDSA'));
  return { header: protectedHeader, payload: JSON.parse(Buffer.from(payload).toString()) };
}

describe('an agent’s key', () => {
  it('is the same after a restart', () => {
    const { id, publicKeyX } = importAgentKey(exportAgentKey(key));
    expect({ id, publicKeyX }).toEqual({ id: key.id, publicKeyX: key.publicKeyX });
  });

  it('is known by its RFC 7638 thumbprint', async () => {
    expect(key.id).toBe(await calculateJwkThumbprint(jwk));
  });

  it('is refused from a file that holds something else', () => {
    expect(() => importAgentKey('nothing')).toThrow();
  });
});

describe('what an agent signs', () => {
  it('is an enrollment that any JOSE library verifies', async () => {
    const header = { alg: 'EdDSA', typ: 'muster-enroll+jws', jwk };
    expect(await verified(signEnrollment(key, { aud: 'a', text: 'é' }))).toEqual({
      header,
      payload: { aud: 'a', text: 'é' },
    });
  });

  it('is a token that any JOSE library verifies', async () => {
    const claims = { htm: 'POST', htu: 'https://muster.example/v1/checkin', iat: 1, seq: 1, bsh: bodyHash('') };
    const header = { alg: 'EdDSA', typ: 'muster-agent+jwt', kid: key.id };
    expect(await verified(signAgentToken(key, claims))).toEqual({ header, payload: claims });
  });

  it('is the word for another key that any JOSE library verifies', async () => {
    const claims = { htm: 'POST', htu: 'https://muster.example/v1/enroll', iat: 1, jti: 'one', jkt: 'N'.repeat(43) };
    const header = { alg: 'EdDSA', typ: 'muster-agent+jwt', kid: key.id };
    expect(await verified(signRotation(key, claims))).toEqual({ header, payload: claims });
  });

  it('hashes a body’s bytes', () => {
    expect(bodyHash('')).toBe('47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU');
    expect(bodyHash('é')).toBe(bodyHash(Uint8Array.from([0xc3, 0xa9])));
  });
});
