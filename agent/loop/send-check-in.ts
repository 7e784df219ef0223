import type { CheckinReport } from '#protocol/check-in.ts';
import { bodyHash, signAgentToken } from '../key/sign.ts';
import type { MusterAnswer } from '../muster/answer.ts';
import { post } from '../muster/post.ts';
import type { AgentPorts } from '../ports.ts';
import { type AgentState, saveState } from '../state/state.ts';

/**
 * Counts on and sends a check-in. Number and link are on the disk before they are sent: after a crash, the agent sends the same
 * link with the next number. `overtakenAt` is from the last answer, if that was `stale_sequence`.
 */
export async function sendNextCheckIn(
  state: AgentState,
  htu: string,
  overtakenAt: string | undefined,
  ports: AgentPorts,
): Promise<MusterAnswer | undefined> {
  state.seq += 1;
  await saveState(state, ports);
  return sendCheckIn(state, htu, overtakenAt, ports);
}

/** Sends a check-in with the state's number and links. Undefined if no answer came. */
export function sendCheckIn(
  state: AgentState,
  htu: string,
  overtakenAt: string | undefined,
  ports: AgentPorts,
): Promise<MusterAnswer | undefined> {
  const { instanceId, link, previousLink, seq } = state;
  const links = { link, previousLink, ...(overtakenAt !== undefined && { overtakenAt }) };
  const report: CheckinReport = { instanceId, bootId: ports.describe().bootId, state: 'operational', ...links };
  const body = JSON.stringify(report);
  const iat = Math.floor(ports.now() / 1000);
  const token = signAgentToken(state.key, { htm: 'POST', htu, iat, seq, bsh: bodyHash(body) });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return post(ports, htu, { body, headers });
}
