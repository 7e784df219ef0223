import type { Settings } from '#protocol/settings.ts';
import type { AgentPorts } from '../ports.ts';
import { type AgentState, saveState } from '../state/state.ts';
import { askUntilDecided } from './ask-until-decided.ts';

/** How many check-in intervals the agent waits between two tries, because somebody may have to help. */
const slowPace = 5;

/**
 * Muster has lost the enrollment of this key, for example because its table was put back to an earlier time: a key that an
 * operator ended is denied, not unknown. So the agent enrolls again with the same key, and shows its grant again, though it
 * has used it. Returns `enrolled`, `refused` if Muster has denied the key, or after how many seconds it asks again.
 */
export async function comeBack(
  state: AgentState,
  settings: Settings,
  ports: AgentPorts,
): Promise<'enrolled' | 'refused' | number> {
  ports.say('Muster does not know this key: enrolling it again');
  const interval = state.enrolled?.checkinIntervalSeconds ?? 0;
  const asking = { key: state.key, settings, grant: settings.grant, longestWaitSeconds: interval };
  const answer = await askUntilDecided(asking, ports);
  if (answer?.code === 'key_denied') return 'refused';
  if (!answer?.enrolled) return answer?.retryAfterSeconds ?? slowPace * interval;
  const usedGrants = [...new Set([...state.usedGrants, ...(settings.grant ? [settings.grant.id] : [])])];
  await saveState(Object.assign(state, { enrolled: answer.enrolled, refused: null, usedGrants }), ports);
  ports.say(`enrolled again as ${state.key.id}`);
  return 'enrolled';
}
