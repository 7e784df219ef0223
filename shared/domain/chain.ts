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
}

/**
 * How a check-in goes on from the last link that was taken. `late`: its number was overtaken, so it was delayed, sent
 * again by somebody, or comes out of an old disk; it counts for nothing, and whoever adopts the number shows which.
 * `broken`: a new number, and neither the next link nor a repeat. One agent never sends that, whatever is lost on the way
 * (docs/decisions/0006): another machine got further with the same key.
 */
export type Continuation = 'next' | 'repeat' | 'late' | 'broken';

export function continuationOf(
  taken: TakenLink | undefined,
  sent: Links & { agentId: string; seq: number },
): Continuation {
  // Another key's chain ended with its binding: this one's begins.
  if (!taken || taken.agentId !== sent.agentId) return 'next';
  if (sent.seq <= taken.seq) return 'late';
  if (sent.link === taken.link) return 'repeat';
  return sent.previousLink === taken.link ? 'next' : 'broken';
}
