import type { Outcome } from '../cloud/transition.ts';
import { unchanged } from '../cloud/transition.ts';
import type { Instance } from '../instance/instance.ts';
import { Problem } from '../problems.ts';
import { formatTime, type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import type { TakenLink } from './chain.ts';
import type { Lease } from './lease.ts';

/** An operator has put the main table back to an earlier time (docs/design/enrollment.md, "after a restore"). There is one record. */
export interface Restore {
  /** What was written later is lost. */
  restoredTo: Instant;
  openedAt: Instant;
  /** Until then a chain of check-ins may begin anew. */
  until: Instant;
  /** Who opened it, by ARN, and why. */
  openedBy: string;
  reason: string;
  version: number;
}

/** Point-in-time recovery reaches back 35 days (amazondynamodb/latest/APIReference/API_RestoreTableToPointInTime.html). */
const longestAgo = seconds(35 * 86_400);

/** Opens the check-ins for `restoreOpenSeconds`. A second request for the same restore leaves them open for longer. Throws Problem `malformed_request` for a time that no table can be put back to. */
export function openedRestore(
  before: Restore | undefined,
  { restoredTo, openedBy, reason }: Pick<Restore, 'restoredTo' | 'openedBy' | 'reason'>,
  now: Instant,
  timing: Timing,
): Restore {
  if (restoredTo > now || restoredTo < now - longestAgo)
    throw new Problem('malformed_request', 'restoredTo is in the future, or longer ago than 35 days', {
      member: 'restoredTo',
    });
  const until = now + seconds(timing.restoreOpenSeconds);
  const openedAt = before?.restoredTo === restoredTo ? before.openedAt : now;
  return { restoredTo, openedAt, until, openedBy, reason, version: 0 };
}

/** Throws Problem `restore_not_open` unless an operator has opened the check-ins after a restore. */
export function requireOpen(restore: Restore | undefined, now: Instant): Restore {
  if (restore && now <= restore.until) return restore;
  const facts = { until: restore ? formatTime(restore.until) : null };
  throw new Problem('restore_not_open', 'no restore is open, or it has closed', facts);
}

/**
 * May this check-in begin the chain anew? The lease is one that was restored, so the links that Muster took since are lost,
 * and the agent is ahead of it. The check-in renews the lease, so this works once for each instance. An agent is never behind
 * a restored lease: an older disk is none that a restore explains.
 */
export function beginsAnew(
  restore: Restore | undefined,
  lease: TakenLink & { lastSeenAt: Instant },
  seq: number,
  now: Instant,
  timing: Timing,
): boolean {
  if (!restore || now > restore.until || seq <= lease.seq) return false;
  // The functions that wrote the leases have clocks of their own.
  return lease.lastSeenAt <= restore.restoredTo + seconds(timing.orderingWindowSeconds);
}

/** The times in which a conflict was seen that an operator ends: `since` included, `until` not. */
export interface Seen {
  since: Instant;
  until: Instant;
}

export const isSeenIn = (conflict: Instance['identity']['conflict'], { since, until }: Seen): boolean =>
  conflict !== null && conflict.since >= since && conflict.since < until;

/** The record without a conflict that Muster has seen then: an operator says that there was no second machine. */
export function conflictEnded(current: Instance | undefined, seen: Seen): Outcome | undefined {
  if (!current || !isSeenIn(current.identity.conflict, seen)) return current && unchanged(current);
  const instance = { ...current, identity: { ...current.identity, conflict: null } };
  return { instance, changed: true, needsDescribe: false };
}

/** The lease of an instance whose next check-in begins a new chain: that of no agent. */
export const withoutChain = (lease: Lease): Lease => ({ ...lease, agentId: '', link: '', overtakenAt: undefined });
