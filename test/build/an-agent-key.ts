import { randomBytes } from 'node:crypto';
import { type AgentKey, agentKeyFromSeed } from '#agent/key/agent-key.ts';

/** A new key, as an agent makes it at its first start. */
export const newAgentKey = (): AgentKey => agentKeyFromSeed(randomBytes(32));
