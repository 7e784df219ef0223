import { describe, expect, it } from 'vitest';
import { isWeakKey } from '#shared/identity/weak-key.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';

const prime = 2n ** 255n - 19n;
const mod = (a: bigint) => ((a % prime) + prime) % prime;

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, mod(base)];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

const inverse = (a: bigint) => power(a, prime - 2n);
const d = mod(-121665n * inverse(121666n)); // RFC 8032 section 5.1

type Point = readonly [x: bigint, y: bigint];

/** Twice a point of the curve (RFC 8032 section 5.1.4, in affine form). */
function double([x, y]: Point): Point {
  const t = mod(d * x * x * y * y);
  return [mod(2n * x * y * inverse(1n + t)), mod((y * y + x * x) * inverse(1n - t))];
}

/** A point with this y, by RFC 8032 section 5.1.3; null where the curve has none. */
function pointAt(y: bigint): Point | null {
  const square = mod((y * y - 1n) * inverse(d * y * y + 1n));
  const root = power(square, (prime + 3n) / 8n);
  const candidates = [root, mod(root * power(2n, (prime - 1n) / 4n))];
  const x = candidates.find((candidate) => mod(candidate * candidate) === square);
  return x === undefined ? null : [x, y];
}

function encode(y: bigint, sign: 0 | 1): Buffer {
  const hex = (y + (sign === 1 ? 2n ** 255n : 0n)).toString(16).padStart(64, '0');
  return Buffer.from(hex, 'hex').reverse();
}

/** The y of every point whose order divides eight: doubled three times, it is the neutral element. */
const orderEight = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
const lowOrder = [0n, 1n, prime - 1n, orderEight, prime - orderEight];

describe('isWeakKey', () => {
  it.each(lowOrder)('refuses the points at y = %s, which doubling thrice makes neutral', (y) => {
    const point = pointAt(y);
    expect(point && double(double(double(point)))).toEqual([0n, 1n]);
    expect([isWeakKey(encode(y, 0)), isWeakKey(encode(y, 1))]).toEqual([true, true]);
  });

  it('refuses the second spellings, y at or above the prime', () => {
    const spellings = Array.from({ length: 19 }, (_, index) => prime + BigInt(index));
    expect(spellings.map((y) => isWeakKey(encode(y, 0)) && isWeakKey(encode(y, 1)))).toEqual(Array(19).fill(true));
  });

  it('refuses each encoding of the points of order 1, 2 and 4', () => {
    const spellings = [
      `01${'00'.repeat(31)}`,
      '00'.repeat(32),
      `${'00'.repeat(31)}80`,
      `ec${'ff'.repeat(30)}7f`,
      `ee${'ff'.repeat(30)}7f`,
      `ed${'ff'.repeat(30)}7f`,
      `ee${'ff'.repeat(31)}`,
    ];
    expect(spellings.map((hex) => isWeakKey(Buffer.from(hex, 'hex')))).toEqual(spellings.map(() => true));
  });

  it('lets real keys pass', () => {
    const keys = Array.from({ length: 20 }, () => Buffer.from(newAgentKey().publicKeyX, 'base64url'));
    expect(keys.map(isWeakKey)).toEqual(keys.map(() => false));
  });
});
