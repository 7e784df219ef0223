import { gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { document } from '../object-parts.ts';
import { allOf, attack, harmless } from './attack.ts';
import { enrollHandler } from './handlers.ts';
import { objectHolding, verify } from './objects.ts';
import { base64url, good, headerText, payloadText, read, signed } from './requests.ts';

const post = await enrollHandler();
const jose = { 'content-type': 'application/jose' };
/** API Gateway hands over application/jose as base64. */
const sent = (body: string | Uint8Array, headers: object = jose) => ({
  ...{ headers, body: Buffer.from(body).toString('base64'), isBase64Encoded: true },
});

for (const lie of [{}, { 'content-length': '5' }]) {
  attack(1, `16 KiB and a byte, ${JSON.stringify(lie)}`, () => post(sent('a'.repeat(16_385), { ...jose, ...lie })));
}
attack(1, 'a megabyte', () => post(sent('a'.repeat(1_048_576))), {
  facts: { sizeBytes: 1_048_576, limitBytes: 65_536 },
});
harmless(1, 'a Content-Length of a terabyte with a small body', async () => {
  await expect(post(sent('e30', { ...jose, 'content-length': '1099511627776' }))).rejects.toThrow('three parts');
});

const wrongType = { code: 'unsupported_media_type' } as const;
for (const type of ['application/json', 'text/plain', 'application/jose+json', 'application/jose, application/json']) {
  attack(2, type, () => post(sent(good, { 'content-type': type })), { ...wrongType, facts: { contentType: type } });
}
attack(2, 'no type', () => post(sent(good, {})), { ...wrongType, facts: { contentType: '' } });
const oneParted = { code: 'malformed_jws', facts: { parts: 1 } } as const;
attack(2, 'base64 of base64', () => post(sent(Buffer.from(good).toString('base64'))), oneParted);
attack(2, 'flagged as base64, and none', () => post({ headers: jose, body: '%%%%', isBase64Encoded: true }), oneParted);

const squeezed = gzipSync(good);
for (const encoding of ['gzip', 'br', 'identity', '']) {
  const headers = { ...jose, 'content-encoding': encoding };
  const refusal = { ...wrongType, facts: { contentType: 'application/jose' } };
  attack(3, `content-encoding ${encoding}`, () => post(sent(squeezed, headers)), refusal);
}
attack(3, 'compressed, and silent about it', () => post(sent(squeezed)), {
  code: 'malformed_jws',
  facts: expect.anything(),
});
attack(
  3,
  'in chunks',
  () => post(sent(`${good.length.toString(16)}\r\n${good}\r\n0\r\n\r\n`, { ...jose, 'transfer-encoding': 'chunked' })),
  { code: 'malformed_jws', says: /canonical/ },
);

const [first = '', second = '', third = ''] = good.split('.');
/** The last character of the signature with a bit more, which no byte has: Node decodes both to the same. */
const twin = `${third.slice(0, -1)}${String.fromCharCode(third.charCodeAt(third.length - 1) + 1)}`;
const json = JSON.stringify({ payload: second, protected: first, signature: third });
for (const [form, body, facts] of [
  ['no part', '', { parts: 1 }],
  ['two parts', `${first}.${second}`, { parts: 2 }],
  ['four parts', `${good}.e30`, { parts: 4 }],
  ['an empty header', `.${second}.${third}`, {}],
  ['an empty payload', `${first}..${third}`, {}],
  ['an empty signature', `${first}.${second}.`, {}],
  ['padding', `${first}=.${second}.${third}`, {}],
  ['a blank in front', ` ${good}`, {}],
  ['a line break behind', `${good}\n`, {}],
  ['a line break within', `${first}.${second.slice(0, 8)}\n${second.slice(8)}.${third}`, {}],
  ['the plain alphabet', `${first}.${second}.${third.slice(0, -2)}+/`, {}],
  ['a bit that no byte has', `${first}.${second}.${twin}`, {}],
  ['a signature of 63 bytes', `${first}.${second}.${base64url(Buffer.alloc(63, 7))}`, { bytes: 63 }],
  ['the JSON serialization', json, { parts: 1 }],
] as const) {
  attack(4, form, () => read(body), { facts });
}

/** The same change in each of the three places where JSON is read. */
function everywhere(number: number, form: string, change: (text: string) => string | Uint8Array, facts: object): void {
  const changed = (text: string) => Buffer.from(change(text));
  attack(number, `${form}, in the header`, () => read(signed(changed(headerText), payloadText)), {
    ...{ code: 'malformed_jws', facts },
  });
  attack(number, `${form}, in the payload`, () => read(signed(headerText, changed(payloadText))), {
    ...{ code: 'malformed_request', facts },
  });
  attack(number, `${form}, in the document`, () => verify(objectHolding(changed(document))), {
    ...{ code: 'malformed_document', facts },
  });
}

const there = { offset: expect.any(Number) };
const put = (member: string) => (text: string) => text.replace('{', `{${member},`);
const nameIn = (text: string): string => /^\{"(\w+)"/.exec(text)?.[1] ?? '';
const escaped = (name: string): string => `\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}`;

everywhere(5, 'a member twice', (text) => put(`"${nameIn(text)}":"x"`)(text), there);
everywhere(5, 'a member twice, once with an escape', (text) => put(`"${escaped(nameIn(text))}":"x"`)(text), there);
everywhere(5, 'a member twice, two levels down', put('"x":{"y":{"a":1,"a":1}}'), there);

for (const name of ['__proto__', 'constructor', 'toString', '\\u005f_proto__']) {
  everywhere(6, name, put(`"${name}":{"accountId":"111122223333"}`), there);
}
everywhere(6, 'nine levels', put(`"x":${'['.repeat(8)}${']'.repeat(8)}`), there);
everywhere(6, 'five hundred levels', put(`"x":${'{"a":'.repeat(500)}1${'}'.repeat(500)}`), there);
attack(6, 'a list for the header', () => read(signed(`[${headerText}]`, payloadText)), { code: 'malformed_jws' });
attack(
  6,
  'a list for the audience',
  () => read(signed(headerText, payloadText.replace(/"aud":("[^"]+")/, '"aud":[$1]'))),
  {
    ...{ code: 'malformed_request', facts: { member: 'aud' } },
  },
);
attack(
  6,
  'a list for the Region',
  () => verify(objectHolding(Buffer.from(document.replace('"us-east-1"', '["us-east-1"]')))),
  {
    ...{ code: 'malformed_document', facts: { member: 'region' } },
  },
);

const bytes = (...values: number[]) => Buffer.from(values);
const putName = (inserted: Uint8Array) => (text: string) =>
  Buffer.concat([bytes(0x7b, 0x22), inserted, Buffer.from(`":1,${text.slice(1)}`)]);
everywhere(7, 'a byte that is no UTF-8', putName(bytes(0xff)), {});
everywhere(7, 'an overlong encoding', putName(bytes(0xc1, 0xa1)), {});
everywhere(7, 'half of a surrogate pair, encoded', putName(bytes(0xed, 0xa0, 0x80)), {});
everywhere(7, 'half of a surrogate pair, escaped', put('"x":"\\ud83d"'), there);
everywhere(7, 'a byte order mark', (text) => `\uFEFF${text}`, {});
everywhere(7, 'UTF-16', (text) => Buffer.from(text, 'utf16le'), {});

allOf('The envelope');
