/** A source of numbers, each at least 0 and below 1. Seeded, it makes a whole region repeatable. */
export type Random = () => number;

/** A span of milliseconds, both ends included. */
export type SpanMs = readonly [least: number, most: number];

/**
 * A generator that gives the same numbers for the same seed (32 bits): mulberry32, by Tommy Ettinger, public domain.
 * For simulations only, never for anything secret.
 */
export function random(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number of the span. */
export function within([least, most]: SpanMs, random: Random): number {
  return least + Math.floor(random() * (most - least + 1));
}

/** So many hexadecimal digits. */
export function hex(random: Random, digits: number): string {
  return Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
}

/** An id in the form of a version 4 UUID (RFC 9562 section 5.4), as AWS's services give theirs. */
export function uuid(random: Random): string {
  const variant = '89ab'.charAt(Math.floor(random() * 4));
  return `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-${variant}${hex(random, 3)}-${hex(random, 12)}`;
}
