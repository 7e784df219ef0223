import { Problem } from '#shared/domain/problems.ts';

/** Where a listing goes on: after this sort key, of this pair where it goes through several. */
export interface Position {
  pair?: string;
  sk: string;
}

/** Opaque to callers; a forged one leads to another place of the same listing at most. */
const pageToken = ({ pair, sk }: Position): string => Buffer.from(JSON.stringify({ pair, sk })).toString('base64url');

const pairPattern = /^\d{12}#[a-z0-9-]{1,64}$/;
const sortKeyPattern = /^[\x21-\x7e]{1,512}$/;

/** Reads a token that a listing gave out. Throws `malformed_request` on anything that it would not have given out. */
export function readPageToken(token: string, throughPairs: boolean): Position {
  const position = parsed(token);
  const { pair, sk } = position;
  const isPlaced = throughPairs ? typeof pair === 'string' && pairPattern.test(pair) : pair === undefined;
  if (!isPlaced || typeof sk !== 'string' || !sortKeyPattern.test(sk) || pageToken({ ...position, sk }) !== token) {
    throw foreignPageToken();
  }
  return { sk, ...(typeof pair === 'string' && { pair }) };
}

/** The refusal of a token that no listing of this kind gave out. */
export const foreignPageToken = (): Problem =>
  new Problem('malformed_request', 'the page token is none that a listing gave out', { field: 'pageToken' });

function parsed(token: string): { pair?: string; sk?: unknown } {
  try {
    const position: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return typeof position === 'object' && position !== null ? position : {};
  } catch {
    return {};
  }
}

/** The first `size` of what is listed, and where to go on if there is more. */
export async function takePage<T>(
  listed: AsyncIterable<T> | Iterable<T>,
  size: number,
  positionOf: (item: T) => Position,
): Promise<{ items: T[]; next: string | null }> {
  const items: T[] = [];
  for await (const item of listed) {
    const last = items.at(-1);
    if (items.length === size && last !== undefined) return { items, next: pageToken(positionOf(last)) };
    items.push(item);
  }
  return { items, next: null };
}
