import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from '#local/random.ts';
import { Problem } from '#shared/domain/problems.ts';
import { tag } from '#shared/identity/ber.ts';
import { readSignedData } from '#shared/identity/cms.ts';
import { vectors } from '../vectors.ts';
import { type Element, writeElement } from './elements.ts';
import { judge, proofs } from './judge.ts';
import { mutateProof } from './mutate-proof.ts';
import { parameters, runs, seed, soon } from './settings.ts';

const set = parameters('PKCS#7');
const objects = vectors.filter(({ kind }) => kind !== 'signature');
const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64');

/** What the reader makes of bytes: a Problem's code, or that it read them. Anything else thrown fails the test. */
function outcome(bytes: Uint8Array): string {
  try {
    soon(() => readSignedData(bytes));
    return 'read';
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
}

const tags = fc.oneof(
  fc.constantFrom(...Object.values(tag)),
  fc.constantFrom(0x00, 0x01, 0x1f, 0x3f, 0x80, 0xa2, 0xff),
);
/** Trees of elements, with lengths that are right, in both forms. */
const trees = fc.letrec<{ leaf: Element; tree: Element }>((tie) => ({
  leaf: fc.record({
    ...{ tag: tags, open: fc.constant(false) },
    contents: fc.uint8Array({ maxLength: 24 }).map((bytes) => Buffer.from(bytes)),
  }),
  tree: fc.oneof(
    { depthSize: 'medium' },
    tie('leaf'),
    fc.record({
      ...{ tag: fc.constantFrom(0x24, 0x30, 0x31, 0xa0, 0xa1), open: fc.boolean() },
      contents: fc.array(tie('tree'), { maxLength: 5 }),
    }),
  ),
})).tree;
/** A tag, and a length that is anything: huge, not minimal, indefinite where it may not be, longer than its own bytes. */
const headers = fc
  .tuple(
    tags,
    fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0x80, 0x81, 0x82, 0x83, 0x84, 0x88, 0xff)),
    fc.uint8Array({ maxLength: 9 }),
  )
  .map(([first, length, rest]) => Buffer.from([first, length, ...rest]));

describe('the reader of PKCS#7', () => {
  it('refuses bytes of any kind, in good time and by a code', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 4096, size: 'max' }),
      trees.map(writeElement),
      fc.array(headers, { maxLength: 40 }).map((parts) => Buffer.concat(parts)),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        expect(outcome(bytes)).toBe('malformed_signature');
      }),
      set,
    );
  });

  it('refuses the beginning of a genuine object, followed by bytes of any kind', () => {
    const whole = fc.constantFrom(...objects.map(({ signature }) => bytesOf(signature)));
    const changed = fc.tuple(whole, fc.nat({ max: 4096 }), fc.oneof(headers, trees.map(writeElement), fc.uint8Array()));
    fc.assert(
      fc.property(changed, ([object, at, rest]) => {
        const bytes = Buffer.concat([object.subarray(0, at % object.length), rest]);
        if (!bytes.equals(object)) expect(outcome(bytes)).not.toBe('read');
      }),
      set,
    );
  });

  it.each(objects)('refuses the object of $instanceId, $kind, wherever it is cut off', ({ signature }) => {
    const whole = bytesOf(signature);
    const codes = Array.from({ length: whole.length }, (_, length) => outcome(whole.subarray(0, length)));
    const dsa = ['malformed_signature', 'unsupported_signature'];
    expect(codes.filter((code) => !dsa.includes(code))).toEqual([]);
  });

  it('refuses any depth and any length', () => {
    const deep = [1, 2, 16, 17, 100, 10_000, 100_000].flatMap((depth) =>
      [0x30, 0x24, 0xa0].flatMap((first) => [
        Buffer.alloc(2 * depth, Buffer.from([first, 0x80])),
        Buffer.concat([Buffer.alloc(2 * depth, Buffer.from([first, 0x80])), Buffer.alloc(2 * depth)]),
      ]),
    );
    const long = [
      '3080',
      '3082ffff',
      '3083ffffff',
      '3084ffffffff',
      '3084000000',
      '3088ffffffffffffffff',
      '30ff',
      '3081',
      '30820001',
    ];
    const huge = Buffer.alloc(1 << 22, Buffer.from('30820004', 'hex'));
    const all = [...deep, ...long.map((hex) => Buffer.from(hex, 'hex')), huge, huge.subarray(0, 70_000)];
    expect(new Set(all.map(outcome))).toEqual(new Set(['malformed_signature']));
  });
});

describe('changes of genuine and of test-made proofs', () => {
  it('are refused, or mean the same', () => {
    const numbers = random(seed);
    const wrong = Array.from({ length: 20 * runs }, (_, nth) => {
      const proof = mutateProof(proofs[nth % proofs.length]!, numbers);
      const verdict = soon(() => judge(proof));
      return 'why' in verdict ? [{ nth, verdict, proof }] : [];
    });
    expect(wrong.flat()).toEqual([]);
  });
});
