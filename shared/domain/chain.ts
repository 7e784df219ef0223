import type { Instant } from './time.ts';

/** The links of one check-in: the random one that it brings, and the last one that its agent knows was taken. */
export interface Links {
  link: string;
  previousLink: string | null;
}

/** What Muster keeps of the last check-in that it wrote down: whose it was, its link and its number. */
export interface TakenLink {
  agentId: string;
  link: string;
  seq: number;
  /** When somebody was told last that the number is overtaken; not set where nobody was. */
  overtakenAt?: Instant | undefined;
}

/** Agents count from one, by one: none gets this far. */
export const maxSeq = 2 ** 52;

/**
 * How a check-in goes on from the last link that was taken. `late`: its number was overtaken, so it was delayed, sent
 * again by somebody, or comes out of an old disk; it counts for nothing, and whoever reads the answer shows which.
 * `broken`: neither the next link nor a repeat, by a new number or by somebody who has just read that its number is
 * overtaken. One agent never sends that, whatever is lost on the way (docs/decisions/0006): another machine got further
 * with the same key.
 */
export type Continuation = 'next' | 'repeat' | 'late' | 'broken';

export function continuationOf(
  taken: TakenLink | undefined,
  sent: Links & { agentId: string; seq: number; knowsOfOvertaking: boolean },
): Continuation {
  // Another key's chain ended with its binding: this one's begins.
  if (!taken || taken.agentId !== sent.agentId) return 'next';
  const by = sent.link === taken.link ? 'repeat' : sent.previousLink === taken.link ? 'next' : 'broken';
  if (sent.seq > taken.seq) return by;
  // Whoever holds the link could outrun any number: what was read from Muster's own answer needs none.
  return by === 'broken' && sent.knowsOfOvertaking ? by : 'late';
}
