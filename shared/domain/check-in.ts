import { continuationOf, type Links, type TakenLink } from './chain.ts';
import type { ConflictReason, Instance } from './instance.ts';
import { type AgentReport, mergeReport } from './merge-agent.ts';
import { type Instant, seconds } from './time.ts';
import type { Timing } from './timing.ts';

/** What a check-in depends on. Its token was verified before, with the key that is bound to the instance. */
export interface CheckinCase {
  agentId: string;
  said: AgentReport & Links & { instanceId: string };
  seq: number;
  instance: Instance;
  lease: (TakenLink & { lastSeenAt: Instant }) | undefined;
  now: Instant;
}

export type CheckinDecision =
  /** `write`: the lease is due, or there is something to apply. `taken`: the link is on record already. */
  | { decide: 'accept'; write: boolean; taken: boolean }
  /** `seq`: where to go on from. */
  | { decide: 'late'; seq: number }
  | { decide: 'conflict'; reason: ConflictReason };

/**
 * Whoever goes on from here is judged by its link, whatever the other machine sends meanwhile: one number ahead, a twin
 * could come too late every time and never be seen.
 */
const farAhead = 1000;

/** A lease is written when the stored one is older than two intervals, or when there is something to apply (DESIGN 3). */
export function decideCheckin(given: CheckinCase, timing: Timing): CheckinDecision {
  const { agentId, said, seq, instance, lease, now } = given;
  if (instance.conflict) return { decide: 'conflict', reason: instance.conflict.reason };
  if (said.instanceId !== instance.instanceId) return { decide: 'conflict', reason: 'other_instance' };
  const continuation = continuationOf(lease, { agentId, seq, ...said });
  if (continuation === 'broken') return { decide: 'conflict', reason: 'broken_chain' };
  if (continuation === 'late') return { decide: 'late', seq: (lease?.seq ?? seq) + farAhead };
  const heardAt = lease?.agentId === agentId ? lease.lastSeenAt : Number.NEGATIVE_INFINITY;
  const old = now - heardAt >= seconds(2 * timing.checkinIntervalSeconds);
  const write = old || mergeReport(instance, said, now).changed;
  return { decide: 'accept', write, taken: continuation === 'repeat' };
}

/**
 * Does a check-in with a key that was rotated away come from another machine? Whoever rotates a key never uses it again;
 * what it sent before was signed by then, by a clock at most this far from Muster's.
 */
export const isOfAnotherMachine = (signedAt: Instant, rotatedAt: Instant, timing: Timing): boolean =>
  signedAt > rotatedAt + seconds(timing.clockSkewSeconds);
