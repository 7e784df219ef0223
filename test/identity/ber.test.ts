import { describe, expect, it } from 'vitest';
import { BerCursor, tag } from '#shared/identity/ber.ts';

/** An octet string of so many bytes, its length written in these bytes. */
const element = (length: readonly number[], size: number) =>
  Uint8Array.from([tag.octetString, ...length, ...Array.from({ length: size }, () => 7)]);
const read = (bytes: Uint8Array) => new BerCursor(bytes).contents(tag.octetString, 'The content').length;

describe('a length', () => {
  it.each([
    [[0x00], 0],
    [[0x7f], 127],
    [[0x81, 0x80], 128],
    [[0x81, 0xff], 255],
    [[0x82, 0x01, 0x00], 256],
    [[0x82, 0x01, 0x2c], 300],
  ])('in its shortest form is read: %j', (length, size) => {
    expect(read(element(length, size))).toBe(size);
  });

  it.each([
    ['one byte more than it needs', [0x81, 0x00], 0],
    ['one byte more than it needs', [0x81, 0x7f], 127],
    ['two bytes where none is needed', [0x82, 0x00, 0x01], 1],
    ['two bytes where one is enough', [0x82, 0x00, 0x80], 128],
    ['two bytes where one is enough', [0x82, 0x00, 0xff], 255],
    ['three bytes', [0x83, 0x00, 0x01, 0x00], 256],
    ['four bytes', [0x84, 0x00, 0x00, 0x01, 0x00], 256],
    ['the reserved form', [0xff], 127],
  ])('in %s is refused: %j', (_case, length, size) => {
    expect(() => read(element(length, size))).toThrow(
      expect.objectContaining({ code: 'malformed_signature', facts: { offset: expect.any(Number) } }),
    );
  });
});
