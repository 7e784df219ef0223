import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'vitest';
import { signAgentToken, signEnrollment } from '#agent/key/sign.ts';
import { readKid } from '#shared/identity/agent-token.ts';
import {
  bindingChange,
  byKey,
  enrollmentSetup,
  instanceChange,
  keyChange,
  precisely,
  running,
} from '#test/app/enrollment/enrollment-setup.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { now } from '../vectors.ts';
import { allOf, attack, harmless } from './attack.ts';
import { enrollmentAttack } from './enrollments.ts';
import {
  aud,
  base64url,
  good,
  header,
  iat,
  key,
  payloadText,
  read,
  signed,
  withHeader,
  withJwk,
  withPayload,
} from './requests.ts';

for (const alg of [
  'none',
  'None',
  'HS256',
  'ES256',
  'RS256',
  'eddsa',
  'EDDSA',
  'Ed25519',
  '',
  null,
  ['EdDSA'],
  undefined,
]) {
  attack(8, `alg ${JSON.stringify(alg)}`, () => read(withHeader({ alg })), { facts: { member: 'alg' } });
}
attack(
  8,
  'none, and no signature',
  () => read(`${base64url('{"alg":"none"}')}.${base64url(payloadText)}.${base64url(Buffer.alloc(64))}`),
  {
    facts: { member: 'alg' },
  },
);

attack(9, 'the signature of another key', () => read(signed(JSON.stringify(header), payloadText, newAgentKey())), {
  code: 'bad_signature',
});
attack(
  9,
  'another payload under a signature that is right',
  () => read(good.replace(base64url(payloadText), base64url(payloadText.replace('one', 'two')))),
  {
    code: 'bad_signature',
  },
);
const evil = 'https://evil.example/key';
for (const [member, value] of Object.entries({
  kid: key.id,
  jku: evil,
  x5u: evil,
  x5c: ['MIIB'],
  x5t: 'AA',
  cty: 'JWT',
  zip: 'DEF',
})) {
  attack(9, `a header with ${member}`, () => read(withHeader({ [member]: value })), {
    ...{ code: 'malformed_jws', facts: { member } },
  });
}

const { d } = key.privateKey.export({ format: 'jwk' });
attack(10, 'the private part', () => read(withJwk({ d })));
attack(10, 'an empty private part', () => read(withJwk({ d: '' })));

const { n, e } = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
const { x: pointX, y: pointY } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const { x: dhX } = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' });
const noKey = { code: 'unsupported_algorithm', facts: { member: 'jwk' } } as const;
attack(11, 'RSA', () => read(withHeader({ jwk: { kty: 'RSA', n, e } })), noKey);
attack(11, 'P-256', () => read(withHeader({ jwk: { kty: 'EC', crv: 'P-256', x: pointX, y: pointY } })), noKey);
attack(11, 'X25519', () => read(withJwk({ crv: 'X25519', x: dhX })), noKey);
attack(11, 'Ed448', () => read(withJwk({ crv: 'Ed448' })), noKey);
attack(11, 'a shared secret', () => read(withHeader({ jwk: { kty: 'oct', k: 'AA' } })), noKey);
for (const member of ['use', 'alg', 'kid', 'y', 'oth']) {
  attack(11, `a jwk with ${member}`, () => read(withJwk({ [member]: 'x' })), {
    code: 'malformed_jws',
    facts: { member },
  });
}
attack(11, 'a text for a jwk', () => read(withHeader({ jwk: key.publicKeyX })), {
  code: 'malformed_jws',
  facts: { member: 'jwk' },
});

/** The eight points whose order divides eight, and every other way to write them (RFC 8032 section 5.1.3). */
const lowOrder = [
  `01${'00'.repeat(31)}`,
  `01${'00'.repeat(30)}80`,
  '00'.repeat(32),
  `${'00'.repeat(31)}80`,
  `ec${'ff'.repeat(30)}7f`,
  `ec${'ff'.repeat(31)}`,
  `ed${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(31)}`,
  `ee${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(31)}`,
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
];
/** R the neutral element, S zero: with the neutral element as a key it fits every message, where a library lets it (research: Node 20). */
const constant = Buffer.from(`01${'00'.repeat(63)}`, 'hex');
for (const hex of lowOrder) {
  const x = base64url(Buffer.from(hex, 'hex'));
  const input = `${base64url(JSON.stringify({ ...header, jwk: { ...header.jwk, x } }))}.${base64url(payloadText)}`;
  attack(12, hex, () => read(`${input}.${base64url(constant)}`));
}

const malformedX = { code: 'malformed_jws', facts: { member: 'x' } } as const;
for (const [form, x] of [
  ['padding', `${key.publicKeyX}=`],
  ['a line break', `${key.publicKeyX.slice(0, 20)}\n${key.publicKeyX.slice(20)}`],
  ['a bit that no byte has', `${key.publicKeyX.slice(0, -1)}${String.fromCharCode(key.publicKeyX.charCodeAt(42) + 1)}`],
  ['a byte more', base64url(Buffer.concat([Buffer.from(key.publicKeyX, 'base64url'), Buffer.alloc(1)]))],
] as const) {
  attack(13, form, () => read(withJwk({ x })), malformedX);
}
attack(
  13,
  'a y that is not below the prime',
  () => read(withJwk({ x: base64url(Buffer.from(`f0${'ff'.repeat(30)}7f`, 'hex')) })),
  {
    code: 'weak_key',
  },
);

attack(14, 'S and the order', () => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n; // RFC 8032 section 5.1
  const [head, body, signature = ''] = good.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + order;
  Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse().copy(bytes, 32);
  return read(`${head}.${body}.${base64url(bytes)}`);
});

attack(15, 'crit', () => read(withHeader({ crit: ['exp'], exp: iat })), {
  code: 'malformed_jws',
  facts: { member: 'crit' },
});
attack(15, 'b64', () => read(withHeader({ b64: false })), { code: 'malformed_jws', facts: { member: 'b64' } });
const otherType = { code: 'unsupported_algorithm', facts: { member: 'typ' } } as const;
for (const typ of ['JWT', 'muster-agent+jwt', 'application/muster-enroll+jws', 'MUSTER-ENROLL+JWS', undefined]) {
  attack(15, `typ ${typ}`, () => read(withHeader({ typ })), otherType);
}
const claims = { htm: 'POST', htu: `${aud}/v1/enroll`, iat, seq: 1, bsh: 'x' };
attack(15, 'a check-in’s token as an enrollment', () => read(signAgentToken(key, claims)), otherType);
attack(15, 'an enrollment as a check-in’s token', () => readKid(signEnrollment(key, claims)), otherType);

for (const other of [
  'https://muster.example/dev',
  'https://muster.example',
  'https://muster.example/prod/',
  'https://muster.example/prod/v1/enroll',
  'http://muster.example/prod',
  'HTTPS://muster.example/prod',
  'https://MUSTER.example/prod',
  'https://muster.example./prod',
  'https://muster.example:443/prod',
  'https://muster.example/%70rod',
  ' https://muster.example/prod',
  '',
]) {
  attack(16, JSON.stringify(other), () => read(withPayload({ aud: other })), { facts: { aud: other } });
}

for (const other of [String(iat), -1, iat + 0.5, 1e300, null, undefined, [iat], 253_402_300_800]) {
  attack(17, `iat ${JSON.stringify(other)}`, () => read(withPayload({ iat: other })), {
    ...{ code: 'malformed_request', facts: { member: 'iat' } },
  });
}
for (const seconds of [301, -301, 253_402_300_799 - iat, -iat]) {
  const agentTime = new Date((iat + seconds) * 1000).toISOString();
  attack(17, `${seconds} seconds off`, () => read(withPayload({ iat: iat + seconds })), {
    ...{ code: 'clock_skew', facts: { agentTime, serverTime: now.toISOString(), differenceSeconds: seconds } },
  });
}

harmless(18, 'the same request twice', async () => {
  const setup = await enrollmentSetup([instanceChange(running()), keyChange({ usesLeft: 1 })]);
  const answer = await setup.enroll({ key, ...byKey });
  const { length } = setup.written;
  expect(await setup.enroll({ key, ...byKey })).toEqual(answer);
  expect(setup.written).toHaveLength(length);
});
const denied = [instanceChange(running()), bindingChange(key.id, { status: 'denied' }), keyChange()];
enrollmentAttack(
  18,
  'the same request after the key’s release',
  { records: denied, asking: { key, ...byKey } },
  {
    ...{ code: 'key_denied', facts: precisely({}) },
  },
);

const elsewhere = bindingChange(key.id, { instanceId: 'i-0fedcba9876543210' });
const boundTo = '111122223333/us-east-1/i-0fedcba9876543210';
const rebundled = { records: [instanceChange(running()), elsewhere, keyChange()], asking: { key, ...byKey } };
enrollmentAttack(19, 'the key of another instance', rebundled, { facts: precisely({ boundTo }) });

for (const [form, grant] of [
  ['with a valid grant', byKey],
  ['without a grant', {}],
] as const) {
  const asking = { key, ...grant };
  enrollmentAttack(20, `a key that was denied, ${form}`, { records: denied, asking }, { facts: precisely({}) });
}

allOf('The agent’s key');
