import type { InstanceKey } from '../instance/instance.ts';
import type { Instant } from '../time.ts';
import type { TakenLink } from './chain.ts';

/** When Muster last heard of an instance's agent, and the link that its next check-in has to name. `seq` rises with every request of one agent. */
export interface Lease extends InstanceKey, TakenLink {
  lastSeenAt: Instant;
}
