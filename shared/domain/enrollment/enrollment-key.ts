import type { ProofKind } from '#protocol/enrollment.ts';
import { Problem } from '../problems.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import type { AttachmentOutcome } from './attachment.ts';

/** What an operator issues so that instances Muster did not launch may enroll. Muster holds its public half alone. */
export interface EnrollmentKey {
  id: string;
  /** Base64url of 32 bytes. */
  publicKey: string;
  scope: EnrollmentScope;
  /** Minted by a re-enrollment: for the one instance in its scope, while that waits for it. */
  reenrolls?: boolean;
  expiresAt: Instant | null;
  /** How many bindings are left; null is without limit. */
  usesLeft: number | null;
  revokedAt: Instant | null;
  /** When somebody was last told that the key is about to end. */
  warnedAt: Instant | null;
  createdAt: Instant;
  createdBy: string;
  lastUsedAt: Instant | null;
  lastUsedBy: string | null;
  version: number;
}

/** Whom a key is for: every member that names something narrows, and an instance must fit all of them. */
export interface EnrollmentScope {
  accounts: readonly string[];
  regions: readonly string[];
  images: readonly string[];
  vpcs: readonly string[];
  /** Named instances may enroll at any age. */
  instanceIds: readonly string[];
  /** Instance profiles, by ARN or by name: what EC2 shows of an instance's role. */
  roles: readonly string[];
  /** All of them, exactly. No proof by themselves: whoever holds ec2:CreateTags writes them, but for those of `aws:`. */
  tags: Readonly<Record<string, string>>;
  proofKinds: readonly ProofKind[];
  /** How old an instance's start may be, in place of the usual window. */
  windowSeconds: number | null;
  /** What is accepted of root volume and first interface beside `consistent`: the one member that widens. */
  attachments: readonly AttachmentOutcome[];
}

/** The scope that narrows nothing. */
export const everyInstance: EnrollmentScope = Object.freeze({
  ...{ accounts: [], regions: [], images: [], vpcs: [], instanceIds: [], roles: [], tags: {} },
  ...{ proofKinds: [], windowSeconds: null, attachments: [] },
});

/** What a scope is held against: the document's word, and EC2's of the same start. */
export interface Scoped {
  account: string;
  region: string;
  instanceId: string;
  imageId: string;
  vpcId: string | null;
  instanceProfileArn: string | null;
  tags: Readonly<Record<string, string>>;
  proof: ProofKind;
}

/** The member of the scope that excludes an instance, if any. The window depends on the time: `isTooOld`. */
export function outOfScope(scope: EnrollmentScope, facts: Scoped): keyof EnrollmentScope | null {
  const listed = [
    ['accounts', facts.account],
    ['regions', facts.region],
    ['images', facts.imageId],
    ['vpcs', facts.vpcId],
    ['instanceIds', facts.instanceId],
    ['proofKinds', facts.proof],
  ] as const;
  for (const [member, value] of listed) {
    const list: readonly (string | null)[] = scope[member];
    if (list.length > 0 && !list.includes(value)) return member;
  }
  if (scope.roles.length > 0 && !scope.roles.some((role) => isProfile(role, facts.instanceProfileArn))) return 'roles';
  const hasAll = Object.entries(scope.tags).every(([name, value]) => hasTag(facts.tags, name, value));
  return hasAll ? null : 'tags';
}

/** A profile's ARN ends with its name: `arn:aws:iam::111122223333:instance-profile/path/web`. */
const isProfile = (role: string, arn: string | null): boolean =>
  arn !== null && (role === arn || role === arn.slice(arn.lastIndexOf('/') + 1));

const hasTag = (tags: Scoped['tags'], name: string, value: string): boolean =>
  Object.hasOwn(tags, name) && tags[name] === value;

/** A key enrolls instances whose window (`windowBegan`) is open. An instance that the scope names, or that proves itself with `sts`, may be of any age (docs/design/enrollment.md, "grants"). */
export function isTooOld(
  { windowSeconds, instanceIds }: EnrollmentScope,
  { instanceId, began, proof }: { instanceId: string; began: Instant; proof: ProofKind },
  now: Instant,
  timing: Timing,
): boolean {
  if (proof === 'sts' || instanceIds.includes(instanceId)) return false;
  return now > windowCloses(windowSeconds, began, timing);
}

/** The last moment of a window that began then. */
export const windowCloses = (windowSeconds: number | null, began: Instant, timing: Timing): Instant =>
  began + seconds(windowSeconds ?? timing.enrollmentWindowSeconds);

/** When a key is to be warned of next: a while before its end. Null where nobody has to know: it enrolls nobody any more. */
export function keyDeadline(key: EnrollmentKey, timing: Timing): Instant | null {
  const { expiresAt } = key;
  if (expiresAt === null || key.revokedAt !== null || key.usesLeft === 0) return null;
  // A key that was made with less time than that needs no warning of it: whoever made it has just said so.
  const told = key.warnedAt ?? key.createdAt;
  const ahead = timing.keyWarningSeconds.map((before) => expiresAt - seconds(before)).filter((at) => at > told);
  return ahead.length > 0 ? Math.min(...ahead) : null;
}

/** The key with its warning noted, if one is due; of two that a late tick finds, one is told. */
export function warnOfEnd(key: EnrollmentKey, now: Instant, timing: Timing): EnrollmentKey | undefined {
  const due = keyDeadline(key, timing);
  return due === null || due > now ? undefined : { ...key, warnedAt: now };
}

/** What an operator gives for a new key. `uses` is null for a key without a limit. */
export interface WantedKey {
  publicKey: string;
  scope: EnrollmentScope;
  expiresAt: Instant | null;
  uses: number | null;
}

/** The record of a key that was never used. Throws Problem `malformed_request` if its end has passed. */
export function newEnrollmentKey(id: string, wanted: WantedKey, createdBy: string, now: Instant): EnrollmentKey {
  const { publicKey, scope, expiresAt, uses } = wanted;
  if (expiresAt !== null && expiresAt <= now)
    throw new Problem('malformed_request', 'the key would have expired already', { member: 'expiresAt' });
  return {
    ...{ id, publicKey, scope, expiresAt, usesLeft: uses, createdBy, createdAt: now },
    ...{ revokedAt: null, warnedAt: null, lastUsedAt: null, lastUsedBy: null, version: 0 },
  };
}

/** The key, revoked. A second revocation keeps the time of the first. */
export const revoke = (key: EnrollmentKey, now: Instant): EnrollmentKey => ({
  ...key,
  revokedAt: key.revokedAt ?? now,
});
