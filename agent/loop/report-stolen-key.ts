import { clockSkewSeconds } from '#protocol/token.ts';
import type { AgentPorts } from '../ports.ts';
import type { AgentState } from '../state/state.ts';
import { sendCheckIn } from './send-check-in.ts';

/** Half a minute longer than the clocks of agent and Muster may differ. */
const waitSeconds = clockSkewSeconds + 30;

/**
 * Sends one more check-in with a key that was rotated away. If an attacker has rotated it, this check-in reveals the attacker:
 * an agent that rotates its key never signs with the old one again. Muster believes it only if it is signed later than the
 * rotation by more than the clocks may differ.
 */
export async function reportStolenKey(former: AgentState, ports: AgentPorts): Promise<void> {
  if (ports.stopped()) return;
  await ports.wait(waitSeconds);
  const { enrolled, seq } = former;
  if (enrolled) await sendCheckIn({ ...former, seq: seq + 1 }, enrolled.checkinUrl, undefined, ports);
}
