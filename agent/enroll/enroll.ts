import type { Settings } from '#protocol/settings.ts';
import type { AgentPorts } from '../ports.ts';
import { type AgentState, newState, saveState } from '../state/state.ts';
import { askUntilDecided } from './ask-until-decided.ts';

/** The grant of the settings, unless it has enrolled this instance before: a released agent must not come back by itself. */
const freshGrant = (state: AgentState, { grant }: Settings): Settings['grant'] =>
  grant && state.usedGrants.includes(grant.id) ? undefined : grant;

/** Binds the agent's key to its instance. False if Muster refuses, or if the agent has to stop first. */
export async function enroll(state: AgentState, settings: Settings, ports: AgentPorts): Promise<boolean> {
  const grant = freshGrant(state, settings);
  const refused = (code: string) => saveState(Object.assign(state, { refused: code }), ports);
  const answer = await askUntilDecided({ key: state.key, settings, grant, refused }, ports);
  if (!answer?.enrolled) return false;
  const usedGrants = [...state.usedGrants, ...(grant ? [grant.id] : [])];
  await saveState(Object.assign(state, { enrolled: answer.enrolled, refused: null, usedGrants }), ports);
  ports.say(`enrolled as ${state.key.id}`);
  return true;
}

/**
 * After Muster has ended an enrollment: asks once more, if the settings hold a grant that was not used yet, or if the agent
 * named its next key in a conflict. A released agent has neither and stays as it is. True if it is enrolled again.
 */
export async function reenroll(state: AgentState, settings: Settings, ports: AgentPorts): Promise<boolean> {
  if (!freshGrant(state, settings) && state.next?.for !== 're-enrollment') return false;
  const { next, usedGrants, instanceId } = state;
  Object.assign(state, { ...newState(instanceId, ports, next?.key), usedGrants });
  await saveState(state, ports);
  return enroll(state, settings, ports);
}
