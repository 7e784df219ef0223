import type { Instant } from '../time.ts';

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

/**
 * How a check-in goes on from the last link that was taken. By a new number it is the `next` link, a `repeat` or `broken`.
 * By one that was overtaken:
 * - `seen`: the very check-in that was taken, again. It counts for nothing.
 * - `late`: a late delivery, or a disk from before. It counts for nothing; who is there to read the answer names what it says.
 * - Named, it is no late delivery: `older`, if it brings the link that was taken, is as good as heard; else it is `broken`.
 * `broken` comes of one agent never, whatever is lost on the way (docs/decisions/0006): another machine got further with
 * the same key.
 */
export type Continuation = 'next' | 'repeat' | 'broken' | 'seen' | 'older' | 'late';

export function continuationOf(
  taken: TakenLink | undefined,
  sent: Links & { agentId: string; seq: number; knowsOfOvertaking: boolean },
): Continuation {
  // Another key's chain ended with its binding: this one's begins.
  if (!taken || taken.agentId !== sent.agentId) return 'next';
  const repeats = sent.link === taken.link;
  if (sent.seq > taken.seq) return repeats ? 'repeat' : sent.previousLink === taken.link ? 'next' : 'broken';
  if (repeats && sent.seq === taken.seq) return 'seen';
  // Whoever holds the link could outrun any number; what was read from Muster's own answer needs none.
  if (!sent.knowsOfOvertaking) return 'late';
  return repeats ? 'older' : 'broken';
}
