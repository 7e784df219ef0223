import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, decodeBase64Url } from '#shared/identity/base64.ts';

const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((array) => Buffer.from(array));

describe('decodeBase64', () => {
  it('reads what Node writes, in lines of any length', () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 80 }), fc.constantFrom('\n', '\r\n'), (data, columns, lineBreak) => {
        const text = data.toString('base64').replace(new RegExp(`.{${columns}}`, 'g'), `$&${lineBreak}`);
        expect(decodeBase64(text)).toEqual(data);
      }),
    );
  });

  it.each(['', '\n', 'A', 'AA', 'AA=', 'AB==', 'AA==A', 'AA-_', 'A A=', 'AA==\r', '====', 'AAA=\u00a0'])(
    'refuses %j',
    (text) => {
      expect(decodeBase64(text)).toBeNull();
    },
  );
});

describe('decodeBase64Url', () => {
  it('reads what Node writes', () => {
    fc.assert(
      fc.property(bytes, (data) => {
        expect(decodeBase64Url(data.toString('base64url'))).toEqual(data);
      }),
    );
  });

  it.each(['', 'A', 'AB', 'AA==', 'A+', 'AA\n', ' AA', 'AA.', 'ＡＡ'])('refuses %j', (text) => {
    expect(decodeBase64Url(text)).toBeNull();
  });
});
