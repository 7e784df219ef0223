import { type MusterAnswer, readAnswer } from './muster-answer.ts';
import type { AgentOptions } from './options.ts';

const shortestWaitSeconds = 1;
const longestWaitSeconds = 60;

/** Undefined where nobody answered: the network, or something that is no Muster. */
export async function post(
  options: AgentOptions,
  url: string,
  init: { body: string; headers: Record<string, string> },
): Promise<MusterAnswer | undefined> {
  try {
    const answer = await options.fetch(url, {
      method: 'POST',
      ...init,
      redirect: 'error',
      signal: AbortSignal.timeout(10_000),
    });
    return readAnswer(answer.ok, await answer.json());
  } catch {
    return undefined;
  }
}

/** Doubling, with full jitter so that a fleet does not come back at once (aws.amazon.com/blogs/architecture, exponential backoff and jitter). */
export const backoff = (tries: number, random: () => number): number =>
  shortestWaitSeconds + random() * Math.min(longestWaitSeconds, shortestWaitSeconds * 2 ** tries);
