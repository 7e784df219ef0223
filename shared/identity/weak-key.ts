/** The field of Curve25519, 2^255 - 19 (RFC 8032 section 5.1). */
const prime = 2n ** 255n - 19n;

/** The y of a point of order eight. The other has the negative y. test/identity/weak-key.test.ts derives it. */
const orderEight = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;

/** The y of the points whose order is 1, 2, 4 or 8. A signature by such a "key" can be made by anyone. */
const lowOrder: ReadonlySet<bigint> = new Set([0n, 1n, prime - 1n, orderEight, prime - orderEight]);

/** True if 32 bytes are no safe Ed25519 public key: the point has a low order, or the bytes are a second encoding of a point (y is not below the prime). */
export function isWeakKey(publicKey: Uint8Array): boolean {
  const littleEndian = Buffer.from(publicKey).reverse();
  const y = BigInt(`0x${littleEndian.toString('hex')}`) % 2n ** 255n; // the top bit is the sign of x
  return y >= prime || lowOrder.has(y);
}
