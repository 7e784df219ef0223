import type { Random } from './random.ts';

/** What goes wrong on a way from A to B. Each probability is between 0 and 1 and counts for each thing sent. */
export interface Faults {
  /** Lost without a trace. */
  drop: number;
  /** Arrives twice; each copy meets the other faults by itself. */
  duplicate: number;
  /** Arrives late, by up to `maxMs`. */
  delay: { probability: number; maxMs: number };
  /** Held back for less than a second: long enough that later ones overtake it. */
  reorder: number;
}

export const noFaults: Faults = { drop: 0, duplicate: 0, delay: { probability: 0, maxMs: 0 }, reorder: 0 };

const reorderMs = 1000;

/** How many copies of one thing arrive, and each one's delay in ms: `[]` is lost, `[0]` is as it should be. */
export function strike(faults: Faults, random: Random): number[] {
  if (random() < faults.drop) return [];
  const copies = random() < faults.duplicate ? 2 : 1;
  return Array.from({ length: copies }, () => {
    const late = random() < faults.delay.probability ? random() * faults.delay.maxMs : 0;
    const overtaken = random() < faults.reorder ? random() * reorderMs : 0;
    return Math.floor(late + overtaken);
  });
}
