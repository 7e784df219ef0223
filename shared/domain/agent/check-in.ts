import { maxSeq } from '#protocol/token.ts';
import type { ConflictReason, Instance } from '../instance/instance.ts';
import { type Instant, seconds } from '../time.ts';
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
  /** `write`: the lease is due, or there is something to apply. `taken`: the link is on record already. */
  | { decide: 'accept'; write: boolean; taken: boolean }
  /** `seq`: where to go on from; `overtakenAt`: for the next check-in to name, and for the lease where it is `new`. */
  | { decide: 'late'; seq: number; overtakenAt: Instant | null; new: boolean }
  | { decide: 'conflict'; reason: ConflictReason };

/** One number ahead, an honest twin would overtake it again before it comes back. */
const farAhead = 1000;
/** So many check-ins below the highest number somebody has counted otherwise than agents do. */
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

/** An agent comes back at once, or within the time for which a token is fresh: what was told before that tells nothing. */
function toldLately(lease: CheckinCase['lease'], now: Instant, { clockSkewSeconds }: Timing): Instant | undefined {
  const told = lease?.overtakenAt;
  return told !== undefined && now - told <= seconds(clockSkewSeconds) ? told : undefined;
}

function late(seq: number, told: Instant | undefined, now: Instant): CheckinDecision {
  if (seq > beyondCounting) return { decide: 'conflict', reason: 'broken_chain' };
  return { decide: 'late', seq: goOnFrom(seq), overtakenAt: told ?? now, new: told === undefined };
}

const goOnFrom = (seq: number): number => Math.min(seq + farAhead, beyondCounting);

/**
 * Does a check-in with a key that was rotated away come from another machine? Whoever rotates a key never uses it again;
 * what it sent before was signed by then, by a clock at most this far from Muster's.
 */
export const isOfAnotherMachine = (signedAt: Instant, rotatedAt: Instant, timing: Timing): boolean =>
  signedAt > rotatedAt + seconds(timing.clockSkewSeconds);
