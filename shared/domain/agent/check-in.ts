import { maxSeq } from '#protocol/token.ts';
import type { Binding } from '../enrollment/binding.ts';
import type { ConflictReason, Instance, InstanceKey } from '../instance/instance.ts';
import type { Facts } from '../problems.ts';
import { formatTime, type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import { continuationOf, type Links } from './chain.ts';
import type { Lease } from './lease.ts';
import { type AgentReport, isNewWord, mergeCheckin } from './merge-agent.ts';
import { waitOf } from './pace.ts';

/** What a check-in depends on. Its token was verified before, with the key that is bound to the instance. */
export interface CheckinCase {
  agentId: string;
  said: AgentReport & Links & { instanceId: string; overtakenAt?: Instant | undefined };
  seq: number;
  instance: Instance;
  lease: Omit<Lease, keyof InstanceKey> | undefined;
  now: Instant;
}

export type CheckinDecision =
  /**
   * `write`: the lease is due, or the record changes. `reports`: the record takes the agent's word. `taken`: the link is on
   * record already. `nextCheckinSeconds`: when the agent comes again.
   */
  | { decide: 'accept'; write: boolean; reports: boolean; taken: boolean; nextCheckinSeconds: number }
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
  const nextCheckinSeconds = timing.checkinIntervalSeconds;
  if (continuation === 'older')
    return { decide: 'accept', write: false, reports: false, taken: true, nextCheckinSeconds };
  if (continuation === 'late') return late(lease?.seq ?? seq, told, now);
  const heardAt = lease?.agentId === agentId ? lease.lastSeenAt : Number.NEGATIVE_INFINITY;
  const old = now - heardAt >= seconds(2 * timing.checkinIntervalSeconds);
  const isNew = isNewWord(instance, said);
  const wait = isNew && instance.agent ? waitOf(instance.agent, said, lease?.boots ?? [], now, timing) : 0;
  const reports = isNew && wait <= 0;
  // A report that comes too early takes its link all the same: else a second machine that reports first could keep the agent unheard.
  const write = old || isNew || mergeCheckin(instance, now).changed;
  const accepted = { decide: 'accept', write, reports, taken: continuation === 'repeat' } as const;
  return { ...accepted, nextCheckinSeconds: wait > 0 ? paceOf(wait, timing) : nextCheckinSeconds };
}

/** An agent whose report came too early comes again when Muster may apply it, and before it would count as silent. */
const paceOf = (waitMs: number, { checkinIntervalSeconds }: Timing): number =>
  Math.min(Math.ceil(waitMs / 1000), 2 * checkinIntervalSeconds);

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

/** How many intervals an agent waits before it asks again, if only an operator can help. */
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

/** What an agent of an account is told that Muster does not manage now: it is not heard, and asks again until the account is registered. */
export const awayFacts = ({ account, region }: { account: string; region: string }, timing: Timing): Facts => ({
  account,
  region,
  retryAfterSeconds: slowPace * timing.checkinIntervalSeconds,
});

/**
 * The agent that is in conflict because of a check-in with a denied key, or null: the key was rotated away, another machine
 * signs with it, and the agent has the key that came last in its place. Every change of the key but a rotation or a new start
 * begins the management anew, so an agent that has been managed since before the key ended descends from it. The agent itself
 * never uses an old key again. What it sent before the rotation was signed by then, by a clock that is at most
 * `clockSkewSeconds` from Muster's.
 */
export function heirInConflict(
  { ended }: Binding,
  { agent, management }: Instance,
  signedAt: Instant,
  timing: Timing,
): string | null {
  if (!ended?.successor || !agent || management.since > ended.at) return null;
  return signedAt > ended.at + seconds(timing.clockSkewSeconds) ? agent.id : null;
}
