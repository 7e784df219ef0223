import type { InstanceKey } from '../instance/instance.ts';
import type { Instant } from '../time.ts';
import type { TakenLink } from './chain.ts';

/** When Muster last heard of an instance's agent, and the link that its next check-in has to name. `seq` rises with every request of one agent. */
export interface Lease extends InstanceKey, TakenLink {
  lastSeenAt: Instant;
}

/** The lease after an accepted check-in. An overtaking that the same agent was told of stays on it. */
export function renewedLease(
  before: Lease | undefined,
  { account, region, instanceId, agentId }: InstanceKey & { agentId: string },
  { seq, link }: { seq: number; link: string },
  now: Instant,
): Lease {
  const overtakenAt = before?.agentId === agentId ? before.overtakenAt : undefined;
  return { account, region, instanceId, agentId, lastSeenAt: now, seq, link, overtakenAt };
}
