import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentKey } from '#agent/key/agent-key.ts';
import { signAgentToken, signEnrollment, signGrant } from '#agent/key/sign.ts';
import { grantMessage } from '#protocol/grant.ts';
import { thumbprint } from '#shared/identity/ed25519.ts';
import { readEnrollmentRequest } from '#shared/identity/enrollment-request.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { verifyDocument } from '#shared/identity/verify-document.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { aws, now, refusal, refusalOf, vectors } from './vectors.ts';

const aud = 'https://muster.example/prod';
const rules = { audiences: [aud, 'https://other.example'], now, clockSkewSeconds: 300 };
const iat = now.getTime() / 1000;
const key = newAgentKey();

const agent = { version: '1.0.0', os: 'debian', osVersion: '13', arch: 'arm64', hostname: 'ip-10-0-0-7', bootId: 'b1' };
const proof = { kind: 'iid-rsa2048', rsa2048: vectors[0]!.signature };
const sts = {
  date: '20261126T100000Z',
  accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  sessionToken: 'IQoJb3JpZ2luX2VjEFM/+=',
  signature: 'ab'.repeat(32),
};
const stsProof = { kind: 'sts', rsa2048: vectors[0]!.signature, sts };
const payload = { aud, iat, jti: 'one', proof, agent };
const header = { alg: 'EdDSA', typ: 'muster-enroll+jws', jwk: { kty: 'OKP', crv: 'Ed25519', x: key.publicKeyX } };

const base64url = (part: string | Uint8Array) => Buffer.from(part).toString('base64url');

/** A JWS over these very texts, whatever they are, with a signature that is right. */
function signed(headerText: string | Uint8Array, payloadText: string | Uint8Array, signer: AgentKey = key): string {
  const input = `${base64url(headerText)}.${base64url(payloadText)}`;
  return `${input}.${base64url(sign(null, Buffer.from(input), signer.privateKey))}`;
}

const withHeader = (changes: object) => signed(JSON.stringify({ ...header, ...changes }), JSON.stringify(payload));
const withJwk = (changes: object) => withHeader({ jwk: { ...header.jwk, ...changes } });
const withPayload = (changes: object) => signed(JSON.stringify(header), JSON.stringify({ ...payload, ...changes }));
const read = (body: string) => readEnrollmentRequest(body, rules);
const problem = (body: string) => refusalOf(() => read(body));

describe('readEnrollmentRequest', () => {
  it('reads what an agent signs', async () => {
    const { seed } = newGrantKey((length) => new Uint8Array(length).fill(7));
    const grant = { id: 'key_1', signature: signGrant(seed, grantMessage(aud, key.id, 'one')) };
    const request = await read(signEnrollment(key, { ...payload, grant }));
    expect(request).toEqual({ agentId: key.id, publicKeyX: key.publicKeyX, aud, iat, jti: 'one', proof, grant, agent });
    expect(request.agentId).toBe(thumbprint(key.publicKeyX));
  });

  it.each(vectors)('hands on the $kind proof of $instanceId as it was sent', async ({ kind, document, signature }) => {
    const sent =
      kind === 'signature'
        ? { kind: 'iid-rsa', document, signature }
        : { kind: 'iid-rsa2048', rsa2048: signature, document };
    const request = await read(signEnrollment(key, { ...payload, proof: sent }));
    const outcome =
      kind === 'pkcs7'
        ? refusal(() => verifyDocument(request.proof, aws, now)).code
        : verifyDocument(request.proof, aws, now).kind;
    expect(outcome).toBe(kind === 'pkcs7' ? 'unsupported_signature' : sent.kind);
  });

  it('takes an sts proof apart: the document, and what STS has yet to judge', async () => {
    const request = await read(signEnrollment(key, { ...payload, proof: stsProof }));
    expect(request.proof).toEqual({ kind: 'iid-rsa2048', rsa2048: vectors[0]!.signature, document: undefined });
    expect(request.sts).toEqual(sts);
    const withDocument = await read(signEnrollment(key, { ...payload, proof: { ...stsProof, document: '{}' } }));
    expect(withDocument.proof).toMatchObject({ kind: 'iid-rsa2048', document: '{}' });
    expect((await read(signEnrollment(key, payload))).sts).toBeUndefined();
  });

  it.each([-300, 300])('accepts a clock %s seconds off', async (seconds) => {
    expect((await read(withPayload({ iat: iat + seconds }))).iat).toBe(iat + seconds);
  });

  it('answers the second of two audiences too', async () => {
    expect((await read(withPayload({ aud: 'https://other.example' }))).aud).toBe('https://other.example');
  });
});

describe('an enrollment’s JWS', () => {
  const good = signEnrollment(key, payload);
  const [first, second, third] = good.split('.') as [string, string, string];
  const afterLast = String.fromCharCode(third.charCodeAt(third.length - 1) + 1); // 64 bytes end in A, Q, g or w

  it.each([
    ['is empty', ''],
    ['has two parts', `${first}.${second}`],
    ['has four parts', `${good}.${third}`],
    ['has an empty payload', `${first}..${third}`],
    ['has an empty signature', `${first}.${second}.`],
    ['is padded', `${first}=.${second}.${third}`],
    ['has a blank in front', ` ${good}`],
    ['ends with a line break', `${good}\n`],
    ['is of the plain alphabet', `${first}.${second}.${third.slice(0, -2)}+/`],
    ['has stray bits under its last character', `${first}.${second}.${third.slice(0, -1)}${afterLast}`],
    ['has a signature that is too short', `${first}.${second}.${third.slice(0, -4)}`],
    ['has a header that is a list', signed('[]', JSON.stringify(payload))],
    [
      'names a header member twice',
      signed(JSON.stringify(header).replace('{', '{"alg":"none",'), JSON.stringify(payload)),
    ],
    ['has a header of invalid UTF-8', signed(Uint8Array.from([0x7b, 0xff, 0x7d]), JSON.stringify(payload))],
    ['has a header with a byte order mark', signed(`\uFEFF${JSON.stringify(header)}`, JSON.stringify(payload))],
  ])('is malformed when it %s', async (_, body) => {
    expect((await problem(body)).code).toBe('malformed_jws');
  });

  it.each([
    ['kid', { kid: 'x' }],
    ['jku', { jku: 'https://evil.example' }],
    ['x5u', { x5u: 'https://evil.example' }],
    ['x5c', { x5c: [] }],
    ['crit', { crit: ['exp'] }],
    ['b64', { b64: false, crit: ['b64'] }],
  ])('is malformed when its header has %s', async (member, changes) => {
    const { code, facts } = await problem(withHeader(changes));
    expect([code, facts]).toEqual(['malformed_jws', { member }]);
  });

  it.each([
    ['alg', { alg: 'none' }],
    ['alg', { alg: 'HS256' }],
    ['alg', { alg: 'ES256' }],
    ['alg', { alg: 'eddsa' }],
    ['alg', { alg: 'Ed25519' }],
    ['alg', { alg: undefined }],
    ['typ', { typ: 'JWT' }],
    ['typ', { typ: 'muster-agent+jwt' }],
    ['typ', { typ: undefined }],
    ['jwk', { jwk: { ...header.jwk, crv: 'X25519' } }],
    ['jwk', { jwk: { ...header.jwk, kty: 'EC' } }],
  ])('is of an unsupported algorithm when %s is as in %j', async (member, changes) => {
    const { code, facts } = await problem(withHeader(changes));
    expect([code, facts]).toEqual(['unsupported_algorithm', { member }]);
  });

  it('is not an agent’s token', async () => {
    const claims = { htm: 'POST', htu: `${aud}/v1/enroll`, iat, seq: 1, bsh: 'x' };
    expect((await problem(signAgentToken(key, claims))).code).toBe('unsupported_algorithm');
  });

  it('is refused above 16 KiB before anything is decoded', async () => {
    expect((await problem('a'.repeat(16_385))).code).toBe('body_too_large');
    expect((await problem('é'.repeat(8193))).code).toBe('body_too_large');
  });
});

describe('an enrollment’s key', () => {
  it('is burnt when the private part is sent', async () => {
    const { d } = key.privateKey.export({ format: 'jwk' });
    expect((await problem(withJwk({ d }))).code).toBe('private_key_exposed');
    expect(JSON.stringify((await problem(withJwk({ d }))).facts)).not.toContain(d);
  });

  it.each([
    ['01', `01${'00'.repeat(31)}`],
    ['00', '00'.repeat(32)],
    ['−1', `ec${'ff'.repeat(30)}7f`],
    ['a second spelling of 1', `ee${'ff'.repeat(30)}7f`],
    ['one of order eight', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'],
  ])('is weak when it is %s', async (_, hex) => {
    expect((await problem(withJwk({ x: base64url(Buffer.from(hex, 'hex')) }))).code).toBe('weak_key');
  });

  it.each([
    ['is padded', `${key.publicKeyX}=`],
    ['has a line break', `${key.publicKeyX.slice(0, 20)}\n${key.publicKeyX.slice(20)}`],
    ['has 31 bytes', base64url(Buffer.alloc(31, 7))],
    ['has 33 bytes', base64url(Buffer.alloc(33, 7))],
    ['is a number', 7],
    ['is missing', undefined],
  ])('is malformed when its x %s', async (_, x) => {
    const { code, facts } = await problem(withJwk({ x }));
    expect([code, facts]).toEqual(['malformed_jws', { member: 'x' }]);
  });

  it('is malformed when the jwk has a member too many, or is none', async () => {
    expect((await problem(withJwk({ kid: 'a' }))).facts).toEqual({ member: 'kid' });
    expect((await problem(withHeader({ jwk: key.publicKeyX }))).facts).toEqual({ member: 'jwk' });
  });

  it('is another than the one that signed', async () => {
    const other = signed(JSON.stringify(header), JSON.stringify(payload), newAgentKey());
    expect((await problem(other)).code).toBe('bad_signature');
  });

  it('may be any 32 bytes, on the curve or not, without Muster failing', async () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    await fc.assert(
      fc.asyncProperty(bytes, async (x) => {
        expect((await problem(withJwk({ x: base64url(x) }))).code).toMatch(/^(bad_signature|weak_key)$/);
      }),
    );
  });

  it('does not verify a signature whose S has the group’s order added', async () => {
    const order = 2n ** 252n + 27742317777372353535851937790883648493n; // RFC 8032 section 5.1
    const [head, body, signature] = signEnrollment(key, payload).split('.') as [string, string, string];
    const bytes = Buffer.from(signature, 'base64url');
    const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + order;
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse().copy(bytes, 32);
    expect((await problem(`${head}.${body}.${base64url(bytes)}`)).code).toBe('bad_signature');
  });

  it('does not verify when any bit of the signature is another', async () => {
    const [head, body, signature] = signEnrollment(key, payload).split('.') as [string, string, string];
    for (let bit = 0; bit < 512; bit++) {
      const bytes = Buffer.from(signature, 'base64url');
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect((await problem(`${head}.${body}.${base64url(bytes)}`)).code).toBe('bad_signature');
    }
  });

  it('is not an RSA key under the name of EdDSA', async () => {
    const { n, e } = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
    expect((await problem(withHeader({ jwk: { kty: 'RSA', n, e } }))).code).toBe('unsupported_algorithm');
  });
});

describe('an enrollment’s payload', () => {
  it.each([
    'https://muster.example',
    'https://muster.example/prod/',
    'http://muster.example/prod',
    'https://MUSTER.example/prod',
    'https://muster.example./prod',
    'https://muster.example:443/prod',
  ])('is for another deployment when aud is %s', async (other) => {
    const { code, facts } = await problem(withPayload({ aud: other }));
    expect([code, facts]).toEqual(['wrong_audience', { aud: other }]);
  });

  it.each([
    [301, 'ahead of'],
    [-301, 'behind'],
    [253_402_300_799 - iat, 'ahead of'],
    [-iat, 'behind'],
  ])('is refused with both times when the clock is %s seconds off', async (seconds, direction) => {
    const { code, facts, message } = await problem(withPayload({ iat: iat + seconds }));
    const agentTime = new Date((iat + seconds) * 1000).toISOString();
    expect([code, facts]).toEqual([
      'clock_skew',
      { agentTime, serverTime: now.toISOString(), differenceSeconds: seconds },
    ]);
    expect(message).toContain(direction);
  });

  it.each([
    ['iat', { iat: String(iat) }],
    ['iat', { iat: -1 }],
    ['iat', { iat: iat + 0.5 }],
    ['iat', { iat: 1e300 }],
    ['iat', { iat: undefined }],
    ['jti', { jti: '' }],
    ['jti', { jti: 'one\nmuster-grant-v1' }],
    ['jti', { jti: 'x'.repeat(129) }],
    ['jti', { jti: 7 }],
    ['aud', { aud: [aud] }],
    ['proof', { proof: undefined }],
    ['proof.kind', { proof: { kind: 'pkcs7', pkcs7: 'x' } }],
    ['proof.rsa2048', { proof: { kind: 'iid-rsa2048' } }],
    ['proof.document', { proof: { kind: 'iid-rsa2048', rsa2048: 'x', document: {} } }],
    ['proof', { proof: { kind: 'iid-rsa2048', rsa2048: 'x', signature: 'x' } }],
    ['proof.signature', { proof: { kind: 'iid-rsa', document: 'x' } }],
    ['grant.id', { grant: { id: 'a b', signature: 'x' } }],
    ['grant.signature', { grant: { id: 'a', signature: 'x' } }],
    ['grant.signature', { grant: { id: 'a', signature: base64url(Buffer.alloc(63)) } }],
    ['grant', { grant: null }],
    ['agent.hostname', { agent: { ...agent, hostname: 'a\nb' } }],
    ['agent.hostname', { agent: { ...agent, hostname: '\u001b[31mred' } }],
    ['agent.hostname', { agent: { ...agent, hostname: 'a\u202eb' } }],
    ['agent.hostname', { agent: { ...agent, hostname: 'a'.repeat(254) } }],
    ['agent.version', { agent: { ...agent, version: 'v'.repeat(65) } }],
    ['agent.os', { agent: { ...agent, os: ['debian'] } }],
    ['agent.bootId', { agent: { ...agent, bootId: undefined } }],
    ['agent', { agent: { ...agent, token: 'x' } }],
    ['', { extra: true }],
  ])('is malformed at %s in %j', async (member, changes) => {
    const { code, facts } = await problem(withPayload(changes));
    expect([code, facts]).toEqual(['malformed_request', { member }]);
  });

  it.each([
    ['a list', '[]'],
    ['no JSON', 'x'],
    ['an object with a member twice', JSON.stringify(payload).replace('{', '{"aud":"https://evil.example",')],
    ['an object with __proto__', JSON.stringify(payload).replace('{', '{"__proto__":{},')],
  ])('is malformed when it is %s', async (_, text) => {
    expect((await problem(signed(JSON.stringify(header), text))).code).toBe('malformed_request');
  });

  it.each<[member: string, changes: object]>([
    ['proof.sts', { sts: undefined }],
    ['proof.sts', { sts: 'x' }],
    ['proof.sts', { sts: [sts] }],
    ['proof.rsa2048', { rsa2048: undefined }],
    ['proof.document', { document: 7 }],
    ['proof', { signature: 'x' }],
    ['proof', { region: 'us-east-1' }],
    ['proof', { url: 'https://evil.example' }],
    // attacks 78 to 80 and 82: what the agent has no say in
    ...['host', 'url', 'region', 'method', 'body', 'action', 'headers', 'accept', 'signedHeaders', 'authorization'].map(
      (name): [string, object] => ['proof.sts', { sts: { ...sts, [name]: 'x' } }],
    ),
    ...Object.keys(sts).map((name): [string, object] => [`proof.sts.${name}`, { sts: { ...sts, [name]: undefined } }]),
    ...Object.keys(sts).map((name): [string, object] => [`proof.sts.${name}`, { sts: { ...sts, [name]: '' } }]),
    ...Object.keys(sts).map((name): [string, object] => [`proof.sts.${name}`, { sts: { ...sts, [name]: [] } }]),
    ['proof.sts.date', { sts: { ...sts, date: '2026-11-26T10:00:00Z' } }],
    ['proof.sts.date', { sts: { ...sts, date: '20260230T100000Z' } }],
    ['proof.sts.date', { sts: { ...sts, date: '20261126T100000Z\n' } }],
    ['proof.sts.accessKeyId', { sts: { ...sts, accessKeyId: 'AKIAIOSFODNN7EXAMPLE' } }],
    ['proof.sts.accessKeyId', { sts: { ...sts, accessKeyId: 'ASIAIOSFODNN7EX' } }],
    ['proof.sts.accessKeyId', { sts: { ...sts, accessKeyId: `ASIA${'A'.repeat(125)}` } }],
    ['proof.sts.accessKeyId', { sts: { ...sts, accessKeyId: 'ASIAIOSFODNN7EXAMPLE/20261126' } }],
    ['proof.sts.accessKeyId', { sts: { ...sts, accessKeyId: 'ASIAIOSFODNN7, SignedHeaders=host' } }],
    ['proof.sts.sessionToken', { sts: { ...sts, sessionToken: 'a b' } }],
    ['proof.sts.sessionToken', { sts: { ...sts, sessionToken: 'a\r\nx-amz-target: b' } }],
    ['proof.sts.sessionToken', { sts: { ...sts, sessionToken: 'é' } }],
    ['proof.sts.sessionToken', { sts: { ...sts, sessionToken: 'a'.repeat(4097) } }],
    ['proof.sts.signature', { sts: { ...sts, signature: 'AB'.repeat(32) } }],
    ['proof.sts.signature', { sts: { ...sts, signature: 'ab'.repeat(31) } }],
    ['proof.sts.signature', { sts: { ...sts, signature: `${'ab'.repeat(32)}\n` } }],
  ])('is malformed at %s when an sts proof has %j', async (member, changes) => {
    const { code, facts } = await problem(withPayload({ proof: { ...stsProof, ...changes } }));
    expect([code, facts]).toEqual(['malformed_request', { member }]);
  });

  it('is malformed when an sts proof names a member twice (attack 80)', async () => {
    const text = JSON.stringify({ ...payload, proof: stsProof }).replace('"date"', '"date":"20261126T100000Z","date"');
    expect((await problem(signed(JSON.stringify(header), text))).code).toBe('malformed_request');
  });

  it('ends in a Problem and nothing else for any JSON in any member', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('aud', 'iat', 'proof', 'agent'), fc.jsonValue(), async (member, value) => {
        expect((await problem(withPayload({ [member]: value }))).name).toBe('Problem');
      }),
    );
  });

  it('ends in a Problem and nothing else for any text', async () => {
    const parts = fc.oneof(fc.string(), fc.base64String(), fc.uint8Array().map(base64url));
    await fc.assert(
      fc.asyncProperty(fc.array(parts, { maxLength: 5 }), async (texts) => {
        expect((await problem(texts.join('.'))).name).toBe('Problem');
      }),
    );
  });
});
