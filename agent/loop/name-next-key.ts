import type { AgentPorts } from '../ports.ts';
import { type AgentState, newKey, saveState } from '../state/state.ts';

/**
 * After an identity conflict, another machine has this agent's key. This agent makes a key that no other machine has and writes
 * its id to the log. An operator who re-enrolls the instance by that id enrolls this machine and not the other.
 */
export async function nameNextKey(state: AgentState, ports: AgentPorts): Promise<void> {
  if (state.next?.for !== 're-enrollment')
    await saveState(Object.assign(state, { next: { key: newKey(ports), for: 're-enrollment' } }), ports);
  ports.say(`identity conflict: re-enroll ${state.instanceId} by agentId ${state.next?.key.id} if it is this machine`);
}
