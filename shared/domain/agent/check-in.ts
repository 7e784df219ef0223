import { maxSeq } from '#protocol/token.ts';
import type { Binding } from '../enrollment/binding.ts';
import type { ConflictReason, Instance } from '../instance/instance.ts';
import type { Facts } from '../problems.ts';
import { formatTime, type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import { continuationOf, type Links, type TakenLink } from './chain.ts';
import { type AgentReport, mergeReport } from './merge-agent.ts';

/** What a check-in depends on. Its token was verified before, with the key that is bound to the instance. */
export interface CheckinCase {
  agentId: string;
  said: AgentReport & Links & { instanceId: string; overtakenAt?: Instant | undefined };
  seq: number;
  instance: Instance;
  lease: (TakenLink & { lastSeenAt: Instant }) | undefined;
  now: Instant;
}

export type CheckinDecision =
  /** `write`: the lease is due, or the check-in reports something new. `taken`: the link is on record already. */
  | { decide: 'accept'; write: boolean; taken: boolean }
  /** `seq`: the number to continue from. `overtakenAt`: the next check-in repeats it; the lease keeps it if it is `new`. */
  | { decide: 'late'; seq: number; overtakenAt: Instant | null; new: boolean }
  | { decide: 'conflict'; reason: ConflictReason };

/** How far ahead of the highest number an overtaken agent continues, so that the other machine does not pass it again before it returns. */
const farAhead = 1000;
/** Agents count by one and never get this far. A machine that sends a higher number is no agent of Muster's. */
const beyondCounting = maxSeq - 1_000_000;

/** A lease is written if the stored one is older than two intervals, or if the check-in reports something new (docs/design/records.md, "leases"). */
export function decideCheckin(given: CheckinCase, timing: Timing): CheckinDecision {
  const { agentId, said, seq, instance, lease, now } = given;
  if (instance.identity.conflict) return { decide: 'conflict', reason: instance.identity.conflict.reason };
  if (said.instanceId !== instance.instanceId) return { decide: 'conflict', reason: 'other_instance' };
  const told = toldLately(lease, now, timing);
  const knowsOfOvertaking = told !== undefined && said.overtakenAt === told;
  const continuation = continuationOf(lease, { agentId, seq, knowsOfOvertaking, ...said });
  if (continuation === 'broken') return { decide: 'conflict', reason: 'broken_chain' };
  if (continuation === 'seen') return { decide: 'late', seq: goOnFrom(seq), overtakenAt: null, new: false };
  if (continuation === 'older') return { decide: 'accept', write: false, taken: true };
  if (continuation === 'late') return late(lease?.seq ?? seq, told, now);
  const heardAt = lease?.agentId === agentId ? lease.lastSeenAt : Number.NEGATIVE_INFINITY;
  const old = now - heardAt >= seconds(2 * timing.checkinIntervalSeconds);
  const write = old || mergeReport(instance, said, now).changed;
  return { decide: 'accept', write, taken: continuation === 'repeat' };
}

/** The time of an overtaking that the agent may still answer to: an agent comes back at once, or at least while a token would be fresh. */
function toldLately(lease: CheckinCase['lease'], now: Instant, { clockSkewSeconds }: Timing): Instant | undefined {
  const told = lease?.overtakenAt;
  return told !== undefined && now - told <= seconds(clockSkewSeconds) ? told : undefined;
}

function late(seq: number, told: Instant | undefined, now: Instant): CheckinDecision {
  if (seq > beyondCounting) return { decide: 'conflict', reason: 'broken_chain' };
  return { decide: 'late', seq: goOnFrom(seq), overtakenAt: told ?? now, new: told === undefined };
}

const goOnFrom = (seq: number): number => Math.min(seq + farAhead, beyondCounting);

/** How many intervals an agent in conflict waits before it asks again. */
const slowPace = 5;

/** What both machines of a conflict are told. Muster hears neither until an operator re-enrolls the instance (docs/design/enrollment.md, "conflicts"). */
export function conflictFacts(
  { agentId, instanceId }: { agentId: string; instanceId: string },
  { reason, since }: { reason: ConflictReason; since: Instant },
  timing: Timing,
): Facts {
  const retryAfterSeconds = slowPace * timing.checkinIntervalSeconds;
  return { agentId, instanceId, reason, since: formatTime(since), retryAfterSeconds };
}

/**
 * The agent that is in conflict because of a check-in with a denied key, or null: the key whose place it took was rotated
 * away, and another machine signs with it. The agent itself never uses an old key again. What it sent before the rotation
 * was signed by then, by a clock that is at most `clockSkewSeconds` from Muster's.
 */
export function successorInConflict({ ended }: Binding, signedAt: Instant, timing: Timing): string | null {
  if (!ended?.successor) return null;
  return signedAt > ended.at + seconds(timing.clockSkewSeconds) ? ended.successor : null;
}
