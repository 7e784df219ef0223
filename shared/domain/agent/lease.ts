import type { InstanceKey } from '../instance/instance.ts';
import type { Instant } from '../time.ts';
import type { TakenLink } from './chain.ts';
import { ofLastHour } from './pace.ts';

/** When Muster last heard of an instance's agent, and the link that its next check-in has to name. `seq` rises with every request of one agent. */
export interface Lease extends InstanceKey, TakenLink {
  lastSeenAt: Instant;
  /** When Muster applied the boot ids of the last hour. Not set where there was none. */
  boots?: readonly Instant[];
}

/** The lease after an accepted check-in. An overtaking that the same agent was told of stays on it; boots are those of the instance, by whatever key. */
export function renewedLease(
  before: Lease | undefined,
  { account, region, instanceId, agentId }: InstanceKey & { agentId: string },
  { seq, link, isNewBoot }: { seq: number; link: string; isNewBoot: boolean },
  now: Instant,
): Lease {
  const overtakenAt = before?.agentId === agentId ? before.overtakenAt : undefined;
  const boots = [...ofLastHour(before?.boots ?? [], now), ...(isNewBoot ? [now] : [])];
  const more = { overtakenAt, ...(boots.length > 0 && { boots }) };
  return { account, region, instanceId, agentId, lastSeenAt: now, seq, link, ...more };
}
