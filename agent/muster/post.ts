import type { AgentPorts } from '../ports.ts';
import { type MusterAnswer, readAnswer } from './answer.ts';

const requestTimeoutSeconds = 10;

/** Sends one request to Muster. Undefined if no answer came, or an answer that is not JSON (for example from a proxy). */
export async function post(
  ports: Pick<AgentPorts, 'fetch' | 'timeout'>,
  url: string,
  init: { body: string; headers: Record<string, string> },
): Promise<MusterAnswer | undefined> {
  try {
    const answer = await ports.fetch(url, {
      method: 'POST',
      ...init,
      redirect: 'error',
      signal: ports.timeout(requestTimeoutSeconds),
    });
    return readAnswer(answer.ok, await answer.json());
  } catch {
    return undefined;
  }
}
