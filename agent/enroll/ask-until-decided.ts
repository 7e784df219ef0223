import { enrollPath } from '#protocol/paths.ts';
import { mayBeRetried } from '#protocol/refusals.ts';
import { backoff } from '../backoff.ts';
import type { MusterAnswer } from '../muster/answer.ts';
import { post } from '../muster/post.ts';
import type { AgentPorts } from '../ports.ts';
import { buildEnrollment, type Enrollment } from './build-enrollment.ts';

interface Asking extends Enrollment {
  /** Called with the code of every refusal, also of one that the agent will retry. */
  refused?: (code: string) => Promise<void>;
  /** A refusal that asks for a longer wait is the caller's: the agent has something else to do meanwhile. */
  longestWaitSeconds?: number;
}

/** Asks Muster until it enrolls the key or refuses it for good, or for longer than the caller waits. Undefined if the agent has to stop first. */
export async function askUntilDecided(asking: Asking, ports: AgentPorts): Promise<MusterAnswer | undefined> {
  for (let tries = 0; !ports.stopped(); tries++) {
    const request = await buildEnrollment(asking, ports).catch((error: Error) => void ports.say(error.message));
    const answer = request && (await post(ports, `${asking.settings.url}${enrollPath}`, request));
    if (answer?.enrolled) return answer;
    const code = answer?.code;
    if (code) await asking.refused?.(code);
    const reference = answer?.reference ? ` (${answer.reference})` : '';
    ports.say(`not ${asking.previous ? 'rotated' : 'enrolled'}: ${code ?? 'unreachable'}${reference}`);
    const wait = answer?.retryAfterSeconds;
    if (code && !mayBeRetried(code) && wait === undefined) return answer;
    if (wait !== undefined && wait > (asking.longestWaitSeconds ?? wait)) return answer;
    await ports.wait(wait ?? backoff(tries, ports.random));
  }
  return undefined;
}
