import type { ProofKind } from '#protocol/enrollment.ts';
import { isVouchedFor, type ReplacementCase } from '../agent/replacement.ts';
import { epochToleranceMs } from '../cloud/start.ts';
import { type Instance, type InstanceKey, keyOf } from '../instance/instance.ts';
import type { Launch } from '../launch/launch.ts';
import type { Facts, ProblemCode } from '../problems.ts';
import type { Instant } from '../time.ts';
import type { AttachmentOutcome, Attachments } from './attachment.ts';
import type { EnrollmentKey } from './enrollment-key.ts';

/** The grant that came with a request, as far as it could be looked up; `valid`: its signature fits the public half on record. */
export type Grant =
  | { kind: 'launch'; launch: Launch; valid: boolean }
  | { kind: 'key'; key: EnrollmentKey; valid: boolean }
  | { kind: 'unknown'; id: string };

/** What DescribeInstances said of the instance, as far as a decision looks at it. */
export interface DescribedInstance extends Attachments {
  launchTime: Instant;
  describedAt: Instant;
  clientToken: string | null;
  vpcId: string | null;
  privateIp: string | null;
  instanceProfileArn: string | null;
  tags: Readonly<Record<string, string>>;
}

/** What a deployment asks of the instances of its launches (the stack's parameter `policy`). */
export interface LaunchPolicy {
  /** Narrows the kinds that the deployment takes; empty: all of them. */
  proofKinds: readonly ProofKind[];
  /** What is accepted of root volume and first interface beside `consistent`. */
  attachments: readonly AttachmentOutcome[];
}

/**
 * RunInstances answers before the root volume is attached, and a launch's grant counts on what it answered with: the
 * only start in which EC2 has not told the volume yet is the one for which EC2 itself has just made it.
 */
export const usualLaunchPolicy: LaunchPolicy = { proofKinds: [], attachments: ['root_unknown'] };

/** Compared with what EC2 said, accepted, and kept with the binding: what somebody who wonders later may want to know. */
export interface CrossChecks {
  attachment: AttachmentOutcome;
  /** A signal, no more: addresses move between interfaces, and a document is as old as its start. */
  privateIp: 'same' | 'differs' | 'unknown';
}

/** All that the decision depends on. The proof was verified before; nothing here is believed without it. */
export interface EnrollmentCase
  extends Pick<ReplacementCase, 'previous' | 'rotations' | 'enrolledProof' | 'reenrollOnRestart'> {
  agentId: string;
  proof: ProofKind;
  document: InstanceKey & { pendingTime: Instant; imageId: string; privateIp: string | null };
  /** The account and region are registered. */
  registered: boolean;
  binding: (InstanceKey & { status: 'bound' | 'denied' }) | undefined;
  instance: Instance | undefined;
  facts: DescribedInstance | undefined;
  /** The launch whose ClientToken EC2 shows for the instance, where none is on the record yet. */
  launchOfToken?: Launch | undefined;
  grant: Grant | undefined;
  allowedProofs: readonly ProofKind[];
  launchPolicy: LaunchPolicy;
  now: Instant;
}

/** Why a key is not bound, and who may know. */
export interface EnrollmentRefusal {
  decide: 'refuse';
  code: ProblemCode;
  facts: Facts;
  /** Who may be told the code: a holder of a valid grant or bound key; others of a registered account; strangers. */
  tell: 'precisely' | 'vaguely' | 'nothing';
  /** EC2 has not confirmed the instance: ask, and let the agent come back. */
  ask: boolean;
}

/** A refusal that names the instance; unless said otherwise, who has no valid grant is told it vaguely. */
export function refusal(
  given: EnrollmentCase,
  code: ProblemCode,
  facts: Facts,
  tell?: EnrollmentRefusal['tell'],
): EnrollmentRefusal {
  const told = tell ?? (hasValidGrant(given) ? 'precisely' : 'vaguely');
  return { decide: 'refuse', code, facts: { ...facts, instance: keyOf(given.document) }, tell: told, ask: false };
}

/** The request shows a valid grant, or the instance’s own record vouches for its key as a grant would. */
export const hasValidGrant = (given: EnrollmentCase): boolean => {
  const { grant, instance } = given;
  return (grant !== undefined && grant.kind !== 'unknown' && grant.valid) || isVouchedFor({ ...given, instance });
};

/**
 * When the time begins in which a new instance may enroll: at its document's `pendingTime`, or when EC2 saw it running if that was
 * later. A bare-metal or Windows instance needs up to 20 minutes from the one to the other. It has not begun while EC2 says `pending`.
 */
export function windowBegan({ document: { pendingTime }, instance, now }: EnrollmentCase): Instant {
  if (instance?.cloud.state === 'pending') return Math.max(pendingTime, now);
  return Math.max(pendingTime, instance?.cloud.runningAt ?? pendingTime);
}

/** What EC2 said of this start. What it said of an earlier one tells nothing: disks, roles and tags move between two. */
export function factsOfStart({ facts }: EnrollmentCase, { cloud: { epoch } }: Instance): DescribedInstance | undefined {
  if (!facts || epoch === null) return undefined;
  return Math.abs(facts.launchTime - epoch) <= epochToleranceMs ? facts : undefined;
}
