import type { ProofKind } from '#protocol/enrollment.ts';
import type { Act } from '../act.ts';
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
export type ManagementStatus = 'pending' | 'enrolled' | 'discovered-only';
export type ManagementReason =
  | 'awaiting_enrollment'
  | 'start_failed'
  | 'ended_unenrolled'
  | EnrolledReason
  | 'deadline_passed'
  | 'released'
  | 'blocked';

export type VerifyReason = 'order_unknown' | 'illegal_step' | 'alive_when_ended';

/** How Muster noticed that a second machine uses the agent's key. */
export const conflictReasons = ['broken_chain', 'other_instance', 'rotated_key'] as const;
export type ConflictReason = (typeof conflictReasons)[number];

/** What AWS may warn of, the most severe first. */
export const warningKinds = [
  'spot_interruption',
  'capacity_block_interruption',
  'scheduled_retirement',
  'scheduled_stop',
  'scheduled_reboot',
  'scheduled_maintenance',
  'rebalance_recommendation',
] as const;
export type WarningKind = (typeof warningKinds)[number];

/** The stamps of the first and of the last word about it, and when it happens, in whole seconds. */
export interface NotedWarning {
  kind: WarningKind;
  since: Instant;
  saidAt: Instant;
  deadline: Instant | null;
}

/**
 * Muster's record of one EC2 instance, in parts. All times are in milliseconds. DynamoDB bills a write by the size of the
 * whole item, so the stored item stays under 1 KB.
 */
export interface Instance extends InstanceKey {
  cloud: CloudRecord;
  management: Management;
  assignment: Assignment;
  /** The enrolled agent. Null while no agent is enrolled. */
  agent: Agent | null;
  identity: IdentityNotes;
  version: number;
}

/** What EC2 told Muster of the instance. Only events, describes, sweeps and the agent's signs of life change this part. */
export interface CloudRecord {
  state: Ec2State | 'unknown';
  /** The time of the state that was applied last: EC2's stamp where there is one. */
  at: Instant | null;
  source: 'event' | 'describe' | 'launch' | 'absence' | null;
  /** When the present start began. Provisional until EC2 tells the LaunchTime. */
  epoch: Instant | null;
  /** The epoch is EC2's LaunchTime. */
  epochNamed: boolean;
  /** The last stop that was applied. A LaunchTime before it belongs to an epoch that is over. */
  stoppedAt: Instant | null;
  /** When `running` began in this epoch. */
  runningAt: Instant | null;
  /** When Muster sent the last describe that showed the instance. Muster does not write the record only for this. */
  seenAt: Instant | null;
  /** The state is in doubt: Muster has to ask EC2. */
  verify: { reason: VerifyReason; since: Instant } | null;
  /** Complete sweeps did not show the instance: when it was last seen, and the first sweep that counts. */
  absent: { seenAt: Instant; since: Instant | null } | null;
  /** Muster concluded from absence that the instance has ended. EC2 did not say so. */
  inferred: boolean;
  /** The last transitions, oldest first, as `writeEntry` of cloud/ledger.ts writes them. */
  ledger: readonly string[];
  /** The last start ended before it ran. `reason` is EC2's StateReason code, or `unknown` until EC2 tells one. */
  failedStart: { at: Instant; reason: string } | null;
  /** What AWS warned of, one entry for each kind, the most severe first. A warning never sets a state. */
  warnings: readonly NotedWarning[];
}

/** Whether Muster manages the instance, why, and since when. */
interface Management {
  status: ManagementStatus;
  reason: ManagementReason;
  since: Instant;
  /** The enrollment deadline counts from this time or later: when the record was made, or more if a sweep found the instance. */
  notBefore: Instant;
  /** The operator's act that made it so. Absent if none did. */
  act?: Act | undefined;
}

/** The server and the launch that the instance belongs to. */
interface Assignment {
  serverId: string | null;
  launchId: string | null;
  /** The launch made the instance, but its server has another one by now. Muster shows it and does not terminate it. */
  surplusSince: Instant | null;
}

/** The enrolled agent, and what it last said of itself. */
export interface Agent {
  id: string;
  version: string;
  bootId: string;
  enrolledAt: Instant;
  state: string | null;
  stateAt: Instant | null;
  /** Its last word. Only while it is silent, and a sweep has noted that: consumers were told. */
  silentSince?: Instant;
}

/** What Muster noted about the keys that agents used for this instance. */
interface IdentityNotes {
  /** Another machine uses the agent's key. Muster accepts neither machine until an operator re-enrolls the instance. */
  conflict: { reason: ConflictReason; since: Instant } | null;
  /** An operator ended the last binding for a key to come. `by` is the thumbprint of that key, or the id of the grant that admits it. */
  reenroll: { by: string; until: Instant; replaces: string | null; proof: ProofKind | null } | null;
  /** The last request of an agent that Muster refused. Muster notes at most one per hour. */
  refusedAttempt: { at: Instant; code: string; reference: string } | null;
}

export const keyOf = (key: InstanceKey): string => `${key.account}/${key.region}/${key.instanceId}`;

/** A record that knows nothing of the cloud yet. */
export function newInstance(key: InstanceKey, madeAt: Instant): Instance {
  return {
    account: key.account,
    region: key.region,
    instanceId: key.instanceId,
    cloud: {
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
      warnings: [],
    },
    management: { status: 'pending', reason: 'awaiting_enrollment', since: madeAt, notBefore: madeAt },
    assignment: { serverId: null, launchId: null, surplusSince: null },
    agent: null,
    identity: { conflict: null, reenroll: null, refusedAttempt: null },
    version: 0,
  };
}

/** The record with another management. It is an operator's act only where the change says so: the act before made the management before. */
export const withManagement = (instance: Instance, changes: Partial<Management>): Instance => ({
  ...instance,
  management: { ...instance.management, act: undefined, ...changes },
});

/** The record with other words about the cloud; every other part stays. */
export const withCloud = (instance: Instance, changes: Partial<CloudRecord>): Instance => ({
  ...instance,
  cloud: { ...instance.cloud, ...changes },
});

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
