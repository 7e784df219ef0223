import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyHash, signAgentToken } from '#agent/key/sign.ts';
import { Problem } from '#shared/domain/problems.ts';
import { readKid, verifyAgentToken } from '#shared/identity/agent-token.ts';
import { base64url, good, header, iat, key, payload, payloadText, read, signed } from '../attacks/requests.ts';
import { now } from '../vectors.ts';
import { parameters } from './settings.ts';

const set = parameters('JWS');
const htu = 'https://muster.example/prod/v1/checkin';
const token = signAgentToken(key, { htm: 'POST', htu, iat, seq: 7, bsh: bodyHash('{}') });
const rules = { htm: 'POST', htus: [htu], bodySha256: bodyHash('{}'), now, clockSkewSeconds: 300 };

async function verifyToken(jwt: string): Promise<unknown> {
  readKid(jwt);
  return verifyAgentToken(jwt, key.publicKeyX, rules);
}

/** True if it is accepted. Anything thrown that is no Problem, or that takes long, fails the test. */
async function isAccepted(run: () => Promise<unknown>): Promise<boolean> {
  const began = performance.now();
  try {
    await run();
    return true;
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  } finally {
    expect(performance.now() - began).toBeLessThan(5000);
  }
}

const oddText = fc.oneof(
  fc.constantFrom(
    '',
    '=',
    '==',
    '.',
    '..',
    '\n',
    '\r\n',
    ' ',
    '\t',
    '\u0000',
    '\ufeff',
    '+',
    '/',
    '-',
    '_',
    '~',
    'é',
    '\ud83d',
    '%2E',
  ),
  fc.base64String({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
);

/** A text with something put in, taken out or put in another's place. */
const edits = (text: string) =>
  fc
    .tuple(fc.nat({ max: text.length }), fc.nat({ max: 3 }), oddText)
    .map(([at, gone, put]) => text.slice(0, at) + put + text.slice(at + gone));
/** Its parts in another order, doubled, left out, or written in the other alphabet or with padding. */
const rearranged = (text: string) => {
  const parts = text.split('.');
  const spelled = parts.flatMap((part) => [
    part,
    `${part}=`,
    Buffer.from(part, 'base64url').toString('base64'),
    part.toUpperCase(),
    '',
  ]);
  return fc.array(fc.constantFrom(...spelled), { maxLength: 5 }).map((list) => list.join('.'));
};
/** One bit of one part, decoded. */
const flips = (text: string) =>
  fc.tuple(fc.nat({ max: 2 }), fc.nat()).map(([nth, bit]) => {
    const parts = text.split('.').map((part) => Buffer.from(part, 'base64url'));
    const bytes = parts[nth]!;
    bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7);
    return parts.map(base64url).join('.');
  });
const changed = (text: string) => fc.oneof(edits(text), rearranged(text), flips(text));

describe('a JWS with anything changed', () => {
  it('is no enrollment any more', async () => {
    expect(await isAccepted(() => read(good))).toBe(true);
    const property = fc.asyncProperty(changed(good), async (text) => {
      expect(await isAccepted(() => read(text))).toBe(text === good);
    });
    await fc.assert(property, set);
  });

  it('is no agent’s token any more', async () => {
    expect(await isAccepted(() => verifyToken(token))).toBe(true);
    const property = fc.asyncProperty(changed(token), async (text) => {
      expect(await isAccepted(() => verifyToken(text))).toBe(text === token);
    });
    await fc.assert(property, set);
  });

  it('is no enrollment for any bit of its signature', async () => {
    const [head, body, signature = ''] = good.split('.');
    for (let bit = 0; bit < 512; bit++) {
      const bytes = Buffer.from(signature, 'base64url');
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(await isAccepted(() => read(`${head}.${body}.${base64url(bytes)}`))).toBe(false);
    }
  });
});

/** JSON with the names that matter among others. */
const names = fc.oneof(
  fc.constantFrom(
    ...Object.keys(header),
    ...Object.keys(payload),
    'kid',
    'crit',
    'b64',
    'kty',
    'crv',
    'x',
    'd',
    'kind',
  ),
  fc.constantFrom('__proto__', 'constructor', 'toString', ''),
  fc.string({ maxLength: 4 }),
);
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium' },
    fc.constantFrom(
      null,
      true,
      0,
      -0,
      Number.MAX_VALUE,
      iat,
      'EdDSA',
      'muster-enroll+jws',
      'OKP',
      'Ed25519',
      key.publicKeyX,
      'iid-rsa2048',
    ),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.double(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 4, noNullPrototype: false }),
  ),
})).value;

describe('an enrollment that its sender has signed well', () => {
  const same = JSON.stringify(header);

  it('is refused with any other header than its own', async () => {
    const headers = fc.oneof(
      values,
      fc.tuple(names, values).map(([name, value]) => ({ ...header, [name]: value })),
      fc.tuple(names, values).map(([name, value]) => ({ ...header, jwk: { ...header.jwk, [name]: value } })),
    );
    const property = fc.asyncProperty(headers, async (other) => {
      const text = JSON.stringify(other) ?? '';
      expect(await isAccepted(() => read(signed(text, payloadText)))).toBe(text === same);
    });
    await fc.assert(property, set);
  });

  it('is refused by a code, or read, with any member of any form', async () => {
    const payloads = fc.oneof(
      values,
      fc.tuple(names, values).map(([name, value]) => ({ ...payload, [name]: value })),
      fc.tuple(names, values).map(([name, value]) => ({ ...payload, proof: { ...payload.proof, [name]: value } })),
      fc.tuple(names, values).map(([name, value]) => ({ ...payload, agent: { ...payload.agent, [name]: value } })),
    );
    const property = fc.asyncProperty(payloads, async (other) => {
      const text = JSON.stringify(other) ?? '';
      if (!(await isAccepted(() => read(signed(same, text))))) return;
      // Then each member is one that an enrollment has, and none is of all objects.
      const { jti, aud, iat: time } = JSON.parse(text);
      expect([aud, time]).toEqual([payload.aud, payload.iat]);
      expect(await read(signed(same, text))).toMatchObject({ jti, publicKeyX: key.publicKeyX, agentId: key.id });
    });
    await fc.assert(property, set);
  });

  it('is refused by a code for bytes of any kind', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    );
    const property = fc.asyncProperty(bytes, bytes, async (head, body) => {
      expect(await isAccepted(() => read(signed(head, body)))).toBe(false);
    });
    await fc.assert(property, set);
  });
});
