import { sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bodyHash, signAgentToken, signEnrollment, signRotation } from '#agent/key/sign.ts';
import { readKid, verifyAgentToken, verifyRotationToken } from '#shared/identity/agent-token.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { now, refusal, refusalOf } from './vectors.ts';

const key = newAgentKey();
const htu = 'https://muster.example/v1/checkin';
const iat = now.getTime() / 1000;
const body = '{"state":"operational"}';
const claims = { htm: 'POST', htu, iat, seq: 7, bsh: bodyHash(body) };
const rules = { htm: 'POST', htus: [htu], bodySha256: bodyHash(body), now, clockSkewSeconds: 300 };

const problem = (jwt: string) => refusalOf(() => verifyAgentToken(jwt, key.publicKeyX, rules));

function signed(header: object, payload: string): string {
  const input = [JSON.stringify(header), payload].map((part) => Buffer.from(part).toString('base64url')).join('.');
  return `${input}.${sign(null, Buffer.from(input), key.privateKey).toString('base64url')}`;
}

const header = { alg: 'EdDSA', typ: 'muster-agent+jwt', kid: key.id };

describe('verifyAgentToken', () => {
  it('accepts what an agent signs, and says who, when and which', async () => {
    const jwt = signAgentToken(key, claims);
    expect(readKid(jwt)).toBe(key.id);
    expect(await verifyAgentToken(jwt, key.publicKeyX, rules)).toEqual({ agentId: key.id, iat, seq: 7 });
  });

  it('refuses another agent’s signature under this agent’s name', async () => {
    const jwt = signAgentToken({ ...newAgentKey(), id: key.id }, claims);
    expect((await problem(jwt)).code).toBe('bad_signature');
  });

  it.each([
    ['method', { htm: 'GET' }],
    ['method in lower case', { htm: 'post' }],
    ['path', { htu: 'https://muster.example/v1/enroll' }],
    ['host', { htu: 'https://other.example/v1/checkin' }],
    ['query', { htu: `${htu}?a=1` }],
  ])('refuses a token for another %s', async (_, changes) => {
    const { code, facts } = await problem(signAgentToken(key, { ...claims, ...changes }));
    const { htm, htu: url } = { ...claims, ...changes };
    expect([code, facts]).toEqual(['wrong_audience', { htm, htu: url }]);
  });

  it('refuses a token over another body', async () => {
    expect((await problem(signAgentToken(key, { ...claims, bsh: bodyHash(`${body} `) }))).code).toBe(
      'body_hash_mismatch',
    );
  });

  it.each([-301, 301])('refuses a clock %s seconds off, with both times', async (seconds) => {
    const { code, facts } = await problem(signAgentToken(key, { ...claims, iat: iat + seconds }));
    expect([code, facts.differenceSeconds, facts.serverTime]).toEqual(['clock_skew', seconds, now.toISOString()]);
  });

  it.each([-300, 300])('accepts a clock %s seconds off', async (seconds) => {
    const jwt = signAgentToken(key, { ...claims, iat: iat + seconds });
    expect((await verifyAgentToken(jwt, key.publicKeyX, rules)).iat).toBe(iat + seconds);
  });

  it.each([
    ['seq', { seq: 0 }],
    ['seq', { seq: -1 }],
    ['seq', { seq: 1.5 }],
    ['seq', { seq: 2 ** 53 }],
    ['seq', { seq: '7' }],
    ['iat', { iat: '0' }],
    ['iat', { iat: 1e15 }],
    ['bsh', { bsh: undefined }],
    ['', { exp: iat }],
  ])('refuses claims malformed at %s in %j', async (member, changes) => {
    const { code, facts } = await problem(signed(header, JSON.stringify({ ...claims, ...changes })));
    expect([code, facts]).toEqual(['malformed_jws', { member }]);
  });

  it('refuses a claim that is there twice', async () => {
    expect((await problem(signed(header, JSON.stringify(claims).replace('{', '{"seq":9,')))).code).toBe(
      'malformed_jws',
    );
  });
});

describe('verifyRotationToken', () => {
  const enrollUrl = 'https://muster.example/v1/enroll';
  const rotation = { htm: 'POST', htu: enrollUrl, iat, jti: 'one', jkt: 'N'.repeat(43) };
  const expected = { htm: 'POST', htus: [enrollUrl], jti: 'one', jkt: 'N'.repeat(43), now, clockSkewSeconds: 300 };
  const refused = (jwt: string) => refusalOf(() => verifyRotationToken(jwt, key.publicKeyX, expected));

  it('accepts what the enrolled key signs for one new key and one request', async () => {
    await verifyRotationToken(signRotation(key, rotation), key.publicKeyX, expected);
  });

  it.each([
    ['another new key', { jkt: 'M'.repeat(43) }, 'rotation_mismatch'],
    ['another request', { jti: 'two' }, 'rotation_mismatch'],
    ['another route', { htu }, 'wrong_audience'],
    ['another method', { htm: 'GET' }, 'wrong_audience'],
    ['another time', { iat: iat - 301 }, 'clock_skew'],
    ['a number as well', { seq: 1 }, 'malformed_jws'],
    ['no new key', { jkt: undefined }, 'malformed_jws'],
  ])('refuses a token for %s', async (_, changes, code) => {
    expect((await refused(signed(header, JSON.stringify({ ...rotation, ...changes })))).code).toBe(code);
  });

  it('refuses another key’s signature, and a check-in’s token, as a check-in refuses this one', async () => {
    expect((await refused(signRotation({ ...newAgentKey(), id: key.id }, rotation))).code).toBe('bad_signature');
    expect((await refused(signAgentToken(key, claims))).code).toBe('malformed_jws');
    expect((await problem(signRotation(key, { ...rotation, htu }))).code).toBe('malformed_jws');
  });
});

describe('readKid', () => {
  it.each([
    ['an enrollment', signEnrollment(key, claims), 'unsupported_algorithm'],
    ['another typ', signed({ ...header, typ: 'JWT' }, '{}'), 'unsupported_algorithm'],
    ['alg none', signed({ ...header, alg: 'none' }, '{}'), 'unsupported_algorithm'],
    ['a key in the header', signed({ ...header, jwk: {} }, '{}'), 'malformed_jws'],
    ['no kid', signed({ ...header, kid: undefined }, '{}'), 'malformed_jws'],
    ['a kid that is no text', signed({ ...header, kid: 7 }, '{}'), 'malformed_jws'],
    ['a kid with a blank in it', signed({ ...header, kid: `${key.id} ` }, '{}'), 'malformed_jws'],
    ['a kid that reaches for another record', signed({ ...header, kid: 'INSTANCE#1' }, '{}'), 'malformed_jws'],
    ['a token of over four thousand characters', signed(header, ' '.repeat(4096)), 'malformed_jws'],
  ])('refuses %s', async (_, jwt, code) => {
    expect(refusal(() => readKid(jwt)).code).toBe(code);
  });
});
