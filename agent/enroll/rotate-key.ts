import type { Settings } from '#protocol/settings.ts';
import type { AgentPorts } from '../ports.ts';
import { type AgentState, newKey, newState, saveState } from '../state/state.ts';
import { askUntilDecided } from './ask-until-decided.ts';

/**
 * Replaces the enrolled key by a new one. The new key is stored before the first request, and the old key is not used again
 * until Muster has refused: if an answer is lost, the new key may already be the enrolled one. Returns after how many seconds
 * the agent asks again, if Muster refused for now: the agent goes on with the old key.
 */
export async function rotateKey(state: AgentState, settings: Settings, ports: AgentPorts): Promise<number | undefined> {
  if (state.next?.for === 're-enrollment') {
    ports.say('not rotated: the key is in conflict');
    return undefined;
  }
  const { key } = state.next ?? { key: newKey(ports) };
  await saveState(Object.assign(state, { next: { key, for: 'rotation' } }), ports);
  const longestWaitSeconds = state.enrolled?.checkinIntervalSeconds ?? 0;
  const answer = await askUntilDecided({ key, settings, previous: state.key, longestWaitSeconds }, ports);
  if (answer?.enrolled) {
    const { seq, usedGrants } = state;
    Object.assign(state, { ...newState(state.instanceId, ports, key), seq, usedGrants });
    await saveState(Object.assign(state, { enrolled: answer.enrolled }), ports);
    ports.say(`rotated to ${key.id}`);
  } else if (answer && answer.retryAfterSeconds === undefined)
    await saveState(Object.assign(state, { next: null }), ports);
  return answer?.retryAfterSeconds;
}
