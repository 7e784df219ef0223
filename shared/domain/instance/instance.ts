import type { ProofKind } from '#protocol/enrollment.ts';
import type { Instant } from '../time.ts';

/** EC2's states by rank. Of two states with one stamp the one with the higher rank is later (docs/design/merging.md, "order and epochs"). */
export const ec2States = ['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated'] as const;
export type Ec2State = (typeof ec2States)[number];

export const isEc2State = (word: unknown): word is Ec2State => (ec2States as readonly unknown[]).includes(word);
export const rankOf = (state: Ec2State): number => ec2States.indexOf(state);

/** The steps that EC2 makes (AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html). */
const steps: Record<Ec2State, readonly Ec2State[]> = {
  pending: ['running', 'stopped', 'shutting-down', 'terminated'],
  running: ['stopping', 'shutting-down'],
  stopping: ['stopped', 'shutting-down', 'terminated'],
  stopped: ['pending', 'shutting-down', 'terminated'],
  'shutting-down': ['terminated'],
  terminated: [],
};
export const isLegalStep = (from: Ec2State, to: Ec2State): boolean => steps[from].includes(to);

export interface InstanceKey {
  account: string;
  region: string;
  instanceId: string;
}

export type EnrolledReason = 'launched' | 'enrollment_key' | 'adopted';
export type Management = 'pending' | 'enrolled' | 'discovered-only';
export type ManagementReason =
  | 'awaiting_enrollment'
  | 'start_failed'
  | 'ended_unenrolled'
  | EnrolledReason
  | 'deadline_passed'
  | 'released'
  | 'blocked';

export type VerifyReason = 'order_unknown' | 'illegal_step' | 'alive_when_ended';

/** How a second machine with the agent's key showed itself. */
export const conflictReasons = ['broken_chain', 'other_instance', 'rotated_key'] as const;
export type ConflictReason = (typeof conflictReasons)[number];

/** Muster's record of one EC2 instance. Times are milliseconds; the stored item stays under 1 KB, a write being billed whole. */
export interface Instance extends InstanceKey {
  state: Ec2State | 'unknown';
  /** The stamp of what was last applied. */
  at: Instant | null;
  source: 'event' | 'describe' | 'launch' | 'absence' | null;
  /** The present start: provisional until EC2's LaunchTime names it. */
  epoch: Instant | null;
  epochNamed: boolean;
  /** The last stop that was applied; a LaunchTime before it is of an epoch that is over. */
  stoppedAt: Instant | null;
  /** When `running` began in this epoch. */
  runningAt: Instant | null;
  /** When a describe that showed the instance was sent; not worth a write of its own. */
  seenAt: Instant | null;
  verify: { reason: VerifyReason; since: Instant } | null;
  /** Missed by complete sweeps: when it was last seen, and the first sweep that counts. */
  absent: { seenAt: Instant; since: Instant | null } | null;
  /** Ended by inference from absence, not by EC2's word. */
  inferred: boolean;
  /** The last transitions, oldest first: `<state>@<unix seconds>#<hash of the event id>`. */
  ledger: readonly string[];
  failedStart: { at: Instant; reason: string } | null;
  /** A warning of EC2's (spot, rebalance, health); never a state. */
  prediction: { what: string; at: Instant } | null;
  management: Management;
  managementReason: ManagementReason;
  managementSince: Instant;
  /** The enrollment deadline counts from no earlier than this: when the record was made, or more for a sweep's find. */
  notBefore: Instant;
  serverId: string | null;
  launchId: string | null;
  /** An instance of a launch whose server has moved on; visible, never silently terminated. */
  surplusSince: Instant | null;
  agent: {
    id: string;
    version: string;
    bootId: string;
    enrolledAt: Instant;
    state: string | null;
    stateAt: Instant | null;
  } | null;
  /** Another machine speaks with the agent's key: neither counts until an operator re-enrolls the instance. */
  conflict: { reason: ConflictReason; since: Instant } | null;
  /** An operator has ended the last binding in favour of a key to come: `by` is its thumbprint, or the id of the grant that admits it. */
  reenroll: { by: string; until: Instant; replaces: string | null; proof: ProofKind | null } | null;
  /** The last refused attempt of an agent, noted at most hourly. */
  attempt: { at: Instant; code: string; reference: string } | null;
  version: number;
}

/** At most this many ledger entries; a full ledger is cut to `ledgerKept`, so that a blind update can append again. */
export const ledgerLimit = 8;
export const ledgerKept = 4;

export const keyOf = (key: InstanceKey): string => `${key.account}/${key.region}/${key.instanceId}`;

/** A record that knows nothing of the cloud yet. */
export function newInstance(key: InstanceKey, madeAt: Instant): Instance {
  return {
    account: key.account,
    region: key.region,
    instanceId: key.instanceId,
    state: 'unknown',
    at: null,
    source: null,
    epoch: null,
    epochNamed: false,
    stoppedAt: null,
    runningAt: null,
    seenAt: null,
    verify: null,
    absent: null,
    inferred: false,
    ledger: [],
    failedStart: null,
    prediction: null,
    management: 'pending',
    managementReason: 'awaiting_enrollment',
    managementSince: madeAt,
    notBefore: madeAt,
    serverId: null,
    launchId: null,
    surplusSince: null,
    agent: null,
    conflict: null,
    reenroll: null,
    attempt: null,
    version: 0,
  };
}

/** A short, stable hash (53 bits, base 36) for ledger entries and for spreading load; not for security. */
export function shortHash(text: string): string {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36);
}

/** A number in [0, buckets) that depends on the text alone. */
export const hashBucket = (text: string, buckets: number): number => Number.parseInt(shortHash(text), 36) % buckets;

export function ledgerEntry(state: Ec2State, at: Instant, origin: string): string {
  return `${state}@${at / 1000}#${shortHash(origin).slice(0, 7)}`;
}

/** Orders transitions by (at, rank) (docs/design/merging.md, "order and epochs"). Negative if `a` comes first; a comparator for `sort`. */
export function orderOf(a: { state: Ec2State; at: Instant }, b: { state: Ec2State; at: Instant }): number {
  return a.at - b.at || rankOf(a.state) - rankOf(b.state);
}

/** The state and stamp of an entry. Entries are written by `ledgerEntry` alone. */
export function readLedgerEntry(entry: string): { state: Ec2State; at: Instant; origin: string } {
  const [what = '', origin = ''] = entry.split('#');
  const [state, at] = what.split('@');
  return { state: state as Ec2State, at: Math.round(Number(at) * 1000), origin };
}
