import type { Random } from '#local/random.ts';

/** What the seeded generator of local/random.ts draws for a timeline. */

export const chance = (random: Random, probability: number): boolean => random() < probability;

/** A whole number, both ends included. */
export const integer = (random: Random, least: number, most: number): number =>
  least + Math.floor(random() * (most - least + 1));

export const between = (random: Random, least: number, most: number): number => least + random() * (most - least);

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
