/** Reproducible draws: the same seed gives the same timeline on every machine. */
export interface Random {
  /** In [0, 1). */
  next(): number;
}

/** sfc32 (Chris Doty-Humphrey's Small Fast Counter), run in from one 32-bit seed. */
export function seeded(seed: number): Random {
  const state = new Int32Array([seed, seed ^ 0x9e3779b9, seed ^ 0x243f6a88, 1]);
  const next = () => {
    const [a = 0, b = 0, c = 0, counter = 0] = state;
    const sum = (a + b + counter) | 0;
    state[3] = counter + 1;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 12; i++) next();
  return { next };
}

export const chance = (random: Random, probability: number): boolean => random.next() < probability;

/** A whole number, both ends included. */
export const integer = (random: Random, least: number, most: number): number =>
  least + Math.floor(random.next() * (most - least + 1));

export const between = (random: Random, least: number, most: number): number => least + random.next() * (most - least);

/** Durations spread over orders of magnitude: as many short as long ones. */
export const logBetween = (random: Random, least: number, most: number): number =>
  Math.exp(between(random, Math.log(least), Math.log(most)));

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[integer(random, 0, items.length - 1)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** Fisher-Yates. */
export function shuffle<T>(random: Random, items: readonly T[]): T[] {
  const shuffled = [...items];
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = integer(random, 0, last);
    [shuffled[last], shuffled[other]] = [shuffled[other] as T, shuffled[last] as T];
  }
  return shuffled;
}
