import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from '#shared/domain/problems.ts';
import { parseDocument } from '#shared/identity/document.ts';
import { parseStrictJson } from '#shared/identity/strict-json.ts';
import { objectHolding, verify } from '../attacks/objects.ts';
import { headerText, payloadText, read, signed } from '../attacks/requests.ts';
import { document } from '../object-parts.ts';
import { refusal, refusalOf, vectors } from '../vectors.ts';
import { isUnambiguous, type Json, jsonValues, meaningOf, spell, spellings } from './json-texts.ts';
import { parameters, soon } from './settings.ts';

const set = parameters('JSON');
const refused = Symbol('refused');

/** What is made of bytes, or that they were refused. Anything else thrown fails the test. */
function outcome<T>(run: () => T): T | typeof refused {
  try {
    return soon(run);
  } catch (error) {
    if (error instanceof Problem) return refused;
    throw error;
  }
}

const parse = (bytes: Uint8Array) => parseStrictJson(bytes, 'malformed_document');

describe('JSON in any spelling', () => {
  it('is read as what it says if it says one thing, and is refused else', () => {
    const property = fc.property(jsonValues, spellings, (json, numbers) => {
      const expected = isUnambiguous(json) ? meaningOf(json) : refused;
      expect(outcome(() => parse(Buffer.from(spell(json, numbers))))).toEqual(expected);
    });
    fc.assert(property, set);
  });

  it('is refused with anything behind it, and with a comma too many', () => {
    const rest = fc.constantFrom('{}', '[]', '0', ',', '}', ']', '"', '//', '\u0000', '\ufeff', ' 1', 'null');
    const property = fc.property(jsonValues, spellings, rest, (json, numbers, behind) => {
      const text = spell(json, numbers);
      // A number or word may grow by what is behind it, and a text too where it is one with a quote more.
      if (json.is !== 'other') expect(outcome(() => parse(Buffer.from(text + behind)))).toBe(refused);
      expect(outcome(() => parse(Buffer.from(text.replace(/[\]}](?=\s*$)/, ',$&'))))).toEqual(
        /[\]}]\s*$/.test(text) ? refused : isUnambiguous(json) ? meaningOf(json) : refused,
      );
    });
    fc.assert(property, set);
  });
});

/** Spellings of a text in bytes that are not its UTF-8, and that some reader takes for it. */
const encodings: Record<string, (text: string) => Uint8Array> = {
  'UTF-8 with a byte order mark': (text) => Buffer.from(`\ufeff${text}`),
  'UTF-16, little end first': (text) => Buffer.from(text, 'utf16le'),
  'UTF-16, big end first': (text) => Buffer.from(text, 'utf16le').swap16(),
  'UTF-16 with a byte order mark': (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  'UTF-32': (text) =>
    Buffer.concat([...text].map((character) => Buffer.from([character.codePointAt(0)! & 0xff, 0, 0, 0]))),
  'overlong UTF-8': (text) =>
    Buffer.concat([...Buffer.from(text)].map((byte) => Buffer.from([0xc0 | (byte >> 6), 0x80 | (byte & 0x3f)]))),
  'one overlong character': (text) => replaced(text, 2, [0xc1, 0xa1]),
  'an overlong quote': (text) => replaced(text, 1, [0xe0, 0x80, 0xa2]),
  'Latin-1': (text) => replaced(text, 2, [0xe9]),
  'a surrogate pair in CESU-8': (text) => replaced(text, 2, [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]),
  'a character beyond Unicode': (text) => replaced(text, 2, [0xf4, 0x90, 0x80, 0x80]),
  'a zero behind': (text) => Buffer.from(`${text}\u0000`),
  'a zero in front': (text) => Buffer.from(`\u0000${text}`),
  'a character cut off': (text) => Buffer.concat([Buffer.from(text), Buffer.from([0xe2, 0x82])]),
};
const replaced = (text: string, at: number, put: readonly number[]): Buffer =>
  Buffer.concat([Buffer.from(text.slice(0, at)), Buffer.from(put), Buffer.from(text.slice(at + 1))]);

describe.each(Object.entries(encodings))('a genuine text as %s', (_name, encode) => {
  it.each(vectors.map(({ document: text }) => text))('is no document: %#', (text) => {
    expect(refusal(() => parseDocument(encode(text))).code).toBe('malformed_document');
  });

  it('is no document in a signed object, and no part of an enrollment', async () => {
    expect(refusal(() => verify(objectHolding(encode(document)))).code).toBe('malformed_document');
    const codes = [signed(encode(headerText), payloadText), signed(headerText, encode(payloadText))].map(
      async (body) => (await refusalOf(() => read(body))).code,
    );
    expect(await Promise.all(codes)).toEqual(['malformed_jws', 'malformed_request']);
  });
});

const members = Object.entries(JSON.parse(document) as Record<string, string>);
const plain: Json = { is: 'object', members: members.map(([name, text]) => [name, { is: 'text', text }]) };
const identity = parseDocument(Buffer.from(document));

describe('a document with members of any kind beside its own', () => {
  it('says the same, or is refused', () => {
    const more = fc.array(
      fc.tuple(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'accountId')), jsonValues),
      { maxLength: 3 },
    );
    const property = fc.property(more, fc.nat({ max: members.length }), spellings, (extra, at, numbers) => {
      const all = plain.is === 'object' ? [...plain.members.slice(0, at), ...extra, ...plain.members.slice(at)] : [];
      const json: Json = { is: 'object', members: all };
      const text = Buffer.from(spell(json, numbers));
      const expected = isUnambiguous(json) && text.length <= 4096 ? identity : refused;
      expect(outcome(() => parseDocument(text))).toEqual(expected);
    });
    fc.assert(property, set);
  });

  it('is refused with any other value in the place of what says who the instance is', () => {
    const named = fc.constantFrom('accountId', 'region', 'instanceId', 'pendingTime', 'availabilityZone');
    const property = fc.property(named, jsonValues, spellings, (name, value, numbers) => {
      const put = members.map(([other, text]): [string, Json] => [
        other,
        other === name ? value : { is: 'text', text },
      ]);
      expect(outcome(() => parseDocument(Buffer.from(spell({ is: 'object', members: put }, numbers))))).toBe(refused);
    });
    fc.assert(property, set);
  });
});

describe('JSON of any size', () => {
  const million = 1_000_000;
  const nested = (depth: number, open: string, close: string) => open.repeat(depth) + close.repeat(depth);
  const manyNames = JSON.stringify(Object.fromEntries(Array.from({ length: 100_000 }, (_, nth) => [`a${nth}`, nth])));

  it.each([
    ['a million lists in each other', nested(million, '[', ']')],
    ['a million lists that nobody closes', '['.repeat(million)],
    ['a million objects in each other', `${nested(million, '{"a":', '}')}`],
    ['a name twice behind a hundred thousand others', manyNames.replace('{', '{"a99999":0,')],
    ['a million backslashes', `"${'\\'.repeat(million + 1)}"`],
    ['a million quotes', '"'.repeat(million + 1)],
    ['a million colons', `{"a"${':'.repeat(million)}1}`],
    ['a million escapes, of which the last is half a character', `"${'\\u0061'.repeat(million)}\\ud800"`],
  ])('is refused in good time: %s', (_name, text) => {
    expect(outcome(() => parse(Buffer.from(text)))).toBe(refused);
  });

  it.each([
    ['a hundred thousand names', manyNames],
    ['a text of a million characters', JSON.stringify('é"\\'.repeat(million / 4))],
    ['a million blanks', `{"a"${' '.repeat(million)}:1}`],
    ['a number of a million digits', '9'.repeat(million)],
  ])('is read in good time: %s', (_name, text) => {
    expect(outcome(() => parse(Buffer.from(text)))).toEqual(JSON.parse(text));
  });

  it('is no document above four thousand bytes', () => {
    const sizes = [4096, 4097, million].map((size) => document.padEnd(size, ' '));
    expect(sizes.map((text) => outcome(() => parseDocument(Buffer.from(text))))).toEqual([identity, refused, refused]);
  });
});
