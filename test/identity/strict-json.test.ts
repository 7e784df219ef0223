import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson } from '#shared/identity/strict-json.ts';
import { refusal } from './vectors.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text), 'malformed_document');
const codeOf = (bytes: Uint8Array) => refusal(() => parseStrictJson(bytes, 'malformed_jws')).code;

/** Names that objects have of themselves are refused; all others are data. */
const isPlain = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return typeof value !== 'string' || value.isWellFormed();
  return Object.entries(value).every(
    ([name, inner]) => !(name in Object.prototype) && name.isWellFormed() && isPlain(inner),
  );
};

describe('parseStrictJson', () => {
  it('reads what JSON.stringify writes', () => {
    const values = fc.jsonValue({ maxDepth: 6 }).filter(isPlain);
    fc.assert(
      fc.property(values, fc.constantFrom(0, 2), (value, indent) => {
        expect(parse(JSON.stringify(value, null, indent))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it.each([
    ['no JSON', '{"a":1'],
    ['text after the value', '{} {}'],
    ['a comment', '{} // no'],
    ['a byte order mark', '\uFEFF{}'],
    ['a member twice', '{"a":1,"b":2,"a":3}'],
    ['a member twice, once with an escape', '{"a":1,"\\u0061":2}'],
    ['a member twice, with blanks before the colon', '{"a" :1,"a"\n:2}'],
    ['a member twice in an inner object', '[{"b":{"a":1,"a":1}}]'],
    ['a member twice beside a text that looks like one', '{"a":"\\"a\\":","a":1}'],
    ['__proto__', '{"__proto__":{}}'],
    ['__proto__ with an escape', '{"\\u005f_proto__":{}}'],
    ['constructor', '{"a":{"constructor":1}}'],
    ['toString', '{"toString":1}'],
    ['half a character', '["\\ud83d"]'],
    ['nine levels', `${'['.repeat(9)}${']'.repeat(9)}`],
    ['ten thousand levels', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
  ])('refuses %s', (_, text) => {
    expect(codeOf(Buffer.from(text))).toBe('malformed_jws');
  });

  it.each([
    ['an overlong encoding', [0x22, 0xc0, 0x80, 0x22]],
    ['a lone continuation byte', [0x22, 0x80, 0x22]],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['a cut-off character', [0x22, 0xe2, 0x82, 0x22]],
  ])('refuses %s in the UTF-8', (_, bytes) => {
    expect(codeOf(Uint8Array.from(bytes))).toBe('malformed_jws');
  });

  it('reads eight levels', () => {
    expect(parse(`${'['.repeat(8)}${']'.repeat(8)}`)).toEqual([[[[[[[[]]]]]]]]);
  });

  it('lets the same name stand in different objects, and values repeat', () => {
    expect(parse('[{"a":"a"},{"a":"a","b":{"a":"\\\\"}}]')).toEqual([{ a: 'a' }, { a: 'a', b: { a: '\\' } }]);
  });

  it('reads a view into a larger buffer, and that view only', () => {
    expect(parseStrictJson(Buffer.from('xx{"a":1}yy').subarray(2, 9), 'malformed_jws')).toEqual({ a: 1 });
  });
});
