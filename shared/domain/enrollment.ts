import { type AttachmentOutcome, type Attachments, attachmentOf } from './attachment.ts';
import { type EnrollmentKey, isTooOld, outOfScope } from './enrollment-key.ts';
import { type EnrolledReason, type Instance, type InstanceKey, keyOf } from './instance.ts';
import type { Launch } from './launch.ts';
import type { Facts, ProblemCode } from './problems.ts';
import type { ProofKind } from './proof.ts';
import {
  isVouchedFor,
  type Objection,
  objectionTo,
  type ReplacementCase,
  type Route,
  reasonOf,
  routeOf,
  weakness,
} from './replacement.ts';
import { sameInstance } from './server.ts';
import { formatTime, type Instant, seconds, formatTimeOrNull as timeOrNull } from './time.ts';
import type { Timing } from './timing.ts';
import { epochToleranceMs } from './transition.ts';

export type { ProofKind } from './proof.ts';

/** The grant that came with a request, as far as it could be looked up; `valid`: its signature fits the public half on record. */
export type Grant =
  | { kind: 'launch'; launch: Launch; valid: boolean }
  | { kind: 'key'; key: EnrollmentKey; valid: boolean }
  | { kind: 'unknown'; id: string };

/** What DescribeInstances said of the instance, as far as a decision looks at it. */
interface DescribedInstance extends Attachments {
  launchTime: Instant;
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
export interface EnrollmentCase extends Pick<ReplacementCase, 'previous' | 'enrolledProof' | 'reenrollOnRestart'> {
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

export type Decision =
  /** The same key on the same instance again: the stored answer, no second record, no second event. */
  { decide: 'repeat'; instance: Instance } | Admission | Refusal;

export interface Admission {
  decide: 'bind';
  instance: Instance;
  /** None where the instance's own record allows the key. */
  grant: Exclude<Grant, { kind: 'unknown' }> | null;
  reason: EnrolledReason;
  /** How the enrolled key, if there is one still, ends with this. */
  ends: 'rotated' | 'restarted' | null;
  checks: CrossChecks;
}

export interface Refusal {
  decide: 'refuse';
  code: ProblemCode;
  facts: Facts;
  /** Who may be told the code: a holder of a valid grant or bound key; others of a registered account; strangers. */
  tell: 'precisely' | 'vaguely' | 'nothing';
  /** EC2 has not confirmed the instance: ask, and let the agent come back. */
  ask: boolean;
}

/** A document this much older than the named start is of another start; this much newer, EC2's answer is (DESIGN 5). */
const documentToleranceMs = seconds(60);

/** DESIGN 5, "Order", from the registered account on: the first check that fails answers. */
export function decideEnrollment(given: EnrollmentCase, timing: Timing): Decision {
  if (!given.registered) return refusal(given, 'account_not_registered', {}, 'nothing');
  const known = decideKnownKey(given);
  if (known) return known;
  const { instance } = given;
  if (!instance?.epochNamed || instance.epoch === null) return beyondMending(given, timing) ?? undescribed(given);
  const startedAt = instance.epoch;
  const route = routeOf({ ...given, instance });
  const byGrant = route === 'grant';
  // A grant that is not needed is not looked at: what it allows was not verified.
  const judged = byGrant ? given : { ...given, grant: undefined };
  // An operator's word, and the key of before, stand for more than what became of a disk.
  const comparesDisk = byGrant || route === 'restart';
  return (
    staleness(given, startedAt, timing) ??
    ended(given, instance) ??
    blockRefusal(given, instance) ??
    (byGrant ? grantRefusal(given, instance, timing) : objected(judged, objectionTo(route, { ...given, instance }))) ??
    policyRefusal(judged, instance) ??
    objected(judged, weakness({ ...given, instance })) ??
    (comparesDisk ? attachmentRefusal(judged, instance) : undefined) ??
    bind(judged, instance, route)
  );
}

const objected = (given: EnrollmentCase, objection: Objection | undefined): Refusal | undefined =>
  objection && refusal(given, objection.code, objection.facts);

/** A key that Muster knows: the bound one gets its answer again, another instance's or a denied one is refused by name. */
function decideKnownKey(given: EnrollmentCase): Decision | undefined {
  const { binding, document, instance } = given;
  if (!binding) return undefined;
  if (binding.status === 'denied') return refusal(given, 'key_denied', {}, 'precisely');
  if (!sameInstance(binding, document)) {
    return refusal(given, 'key_bound_elsewhere', { boundTo: keyOf(binding) }, 'precisely');
  }
  return instance?.agent?.id === given.agentId ? { decide: 'repeat', instance } : undefined;
}

/** Or the instance's own record vouches for the key, as a grant would. */
const hasValidGrant = (given: EnrollmentCase): boolean => {
  const { grant, instance } = given;
  return (grant !== undefined && grant.kind !== 'unknown' && grant.valid) || isVouchedFor({ ...given, instance });
};

/** EC2 is asked only for who shows a valid grant: a flood of documents alone costs no call. */
function undescribed(given: EnrollmentCase): Refusal {
  return { ...refusal(given, 'instance_not_described', {}), ask: hasValidGrant(given) };
}

/**
 * What no answer of EC2's can mend about a valid grant: its holder learns it at once and does not come back, and EC2 is not asked
 * for a key that is over.
 */
function beyondMending(given: EnrollmentCase, timing: Timing): Refusal | undefined {
  const { grant, document, proof, now } = given;
  if (!grant || grant.kind === 'unknown' || !grant.valid) return undefined;
  if (grant.kind === 'launch') return launchRefusal(given, grant.launch);
  const { scope, id } = grant.key;
  const over = keyOver(given, grant.key);
  if (over) return over;
  // Of the scope, what the document itself tells
  const told = { ...scope, vpcs: [], roles: [], tags: {} };
  const excluded = outOfScope(told, { ...document, proof, vpcId: null, instanceProfileArn: null, tags: {} });
  if (excluded) return refusal(given, 'grant_out_of_scope', { keyId: id, scope: excluded });
  if (!isTooOld(scope, { ...document, proof }, now, timing)) return undefined;
  return refusal(given, 'enrollment_window_closed', { keyId: id, pendingTime: formatTime(document.pendingTime) });
}

function staleness(given: EnrollmentCase, startedAt: Instant, timing: Timing): Refusal | undefined {
  const { pendingTime } = given.document;
  const facts = { pendingTime: formatTime(pendingTime), startedAt: formatTime(startedAt) };
  if (pendingTime < startedAt - documentToleranceMs) return refusal(given, 'stale_document', facts);
  if (pendingTime <= startedAt + documentToleranceMs) return undefined;
  return (
    beyondMending(given, timing) ?? { ...refusal(given, 'document_from_future', facts), ask: hasValidGrant(given) }
  );
}

function ended(given: EnrollmentCase, instance: Instance): Refusal | undefined {
  if (instance.state === 'pending' || instance.state === 'running') return undefined;
  return refusal(given, 'instance_not_running', { state: instance.state });
}

function blockRefusal(given: EnrollmentCase, { managementReason, managementSince }: Instance): Refusal | undefined {
  if (managementReason !== 'blocked') return undefined;
  return refusal(given, 'instance_blocked', { blockedSince: formatTime(managementSince) });
}

function grantRefusal(given: EnrollmentCase, instance: Instance, timing: Timing): Refusal | undefined {
  const { grant } = given;
  if (!grant) return refusal(given, 'grant_missing', {});
  if (grant.kind === 'unknown') return refusal(given, 'grant_unknown', { grantId: grant.id });
  if (!grant.valid) return refusal(given, 'grant_invalid', { grantId: grantId(grant) });
  const refused =
    grant.kind === 'launch' ? launchRefusal(given, grant.launch) : keyRefusal(given, instance, grant.key, timing);
  if (refused) return refused;
  const { reenroll } = instance;
  if (reenroll && reenroll.by !== grantId(grant))
    return refusal(given, 're_enrollment_only', { until: formatTime(reenroll.until) });
  if (!instance.agent || instance.management !== 'enrolled') return undefined;
  return refusal(given, 'already_enrolled', { enrolledAgent: instance.agent.id });
}

const grantId = (grant: Exclude<Grant, { kind: 'unknown' }>): string =>
  grant.kind === 'launch' ? grant.launch.id : grant.key.id;

/** A launch's grant counts on the instance that RunInstances answered with, and nowhere else. */
function launchRefusal(given: EnrollmentCase, launch: Launch): Refusal | undefined {
  const facts = { launchId: launch.id };
  if (launch.state === 'requested') return { ...refusal(given, 'instance_not_described', facts), ask: true };
  if (launch.state === 'ambiguous') return refusal(given, 'ambiguous_launch', facts);
  const own = launch.instances.some((key) => sameInstance(key, given.document));
  if (!own) return refusal(given, 'grant_of_other_instance', { ...facts, instances: launch.instances.map(keyOf) });
  return given.instance?.surplusSince ? refusal(given, 'ambiguous_launch', facts) : undefined;
}

/** An enrollment key adopts instances that Muster did not launch: within its scope, its time and its uses. */
function keyRefusal(
  given: EnrollmentCase,
  instance: Instance,
  key: EnrollmentKey,
  timing: Timing,
): Refusal | undefined {
  const facts = { keyId: key.id };
  if (key.reenrolls) return reenrollKeyRefusal(given, instance, key);
  // Muster launched it and does not know yet: its own grant is to come, and a key must not be quicker.
  if (given.launchOfToken?.state === 'requested')
    return { ...refusal(given, 'instance_not_described', facts), ask: true };
  if (instance.launchId !== null)
    return refusal(given, 'launched_by_muster', { ...facts, launchId: instance.launchId });
  const over = keyOver(given, key);
  if (over) return over;
  const described = factsOfStart(given, instance);
  if (!described) return { ...refusal(given, 'instance_not_described', facts), ask: true };
  const { document, proof } = given;
  const excluded = outOfScope(key.scope, { ...described, ...document, proof });
  if (excluded) return refusal(given, 'grant_out_of_scope', { ...facts, scope: excluded });
  if (!isTooOld(key.scope, { ...document, proof }, given.now, timing)) return undefined;
  return refusal(given, 'enrollment_window_closed', { ...facts, pendingTime: formatTime(document.pendingTime) });
}

function keyOver(given: EnrollmentCase, key: EnrollmentKey): Refusal | undefined {
  const facts = { keyId: key.id };
  if (key.revokedAt !== null)
    return refusal(given, 'grant_revoked', { ...facts, revokedAt: formatTime(key.revokedAt) });
  if (key.expiresAt !== null && given.now > key.expiresAt) {
    return refusal(given, 'grant_expired', { ...facts, expiresAt: formatTime(key.expiresAt) });
  }
  return key.usesLeft === 0 ? refusal(given, 'grant_used_up', facts) : undefined;
}

/** A re-enrollment's own key: once, for the one instance, whoever launched it, while that waits for nothing else. */
function reenrollKeyRefusal(given: EnrollmentCase, instance: Instance, key: EnrollmentKey): Refusal | undefined {
  const facts = { keyId: key.id };
  const { document, proof } = given;
  const excluded = outOfScope(key.scope, { ...document, proof, vpcId: null, instanceProfileArn: null, tags: {} });
  if (excluded) return refusal(given, 'grant_out_of_scope', { ...facts, scope: excluded });
  const over = keyOver(given, key);
  if (over) return over;
  // The operator has released the instance since, or somebody else was enrolled.
  return instance.reenroll ? undefined : refusal(given, 'grant_revoked', facts);
}

/** What EC2 said of this start. What it said of an earlier one tells nothing: disks, roles and tags move between two. */
function factsOfStart({ facts }: EnrollmentCase, { epoch }: Instance): DescribedInstance | undefined {
  if (!facts || epoch === null) return undefined;
  return Math.abs(facts.launchTime - epoch) <= epochToleranceMs ? facts : undefined;
}

/** The deployment's word on kinds of proof, and on those of launches; a key's own is part of its scope. */
function policyRefusal(given: EnrollmentCase, instance: Instance): Refusal | undefined {
  const { allowedProofs, launchPolicy, proof, grant } = given;
  const ofLaunches = grant?.kind === 'launch' ? launchPolicy.proofKinds : [];
  if (allowedProofs.includes(proof) && (ofLaunches.length === 0 || ofLaunches.includes(proof))) return undefined;
  return refusal(given, 'proof_not_allowed', { proof, management: instance.management });
}

/** Was disk or interface moved here from another machine? Unknown is no answer: EC2 is asked, and the agent comes back. */
function attachmentRefusal(given: EnrollmentCase, instance: Instance): Refusal | undefined {
  const { grant, launchPolicy } = given;
  const described = factsOfStart(given, instance);
  const attachment = attachmentOf(described);
  const accepted = grant?.kind === 'key' ? grant.key.scope.attachments : launchPolicy.attachments;
  if (attachment === 'consistent' || accepted.includes(attachment)) return undefined;
  if (attachment === 'root_unknown') return { ...refusal(given, 'instance_not_described', { attachment }), ask: true };
  return refusal(given, 'attachments_differ', {
    attachment,
    rootVolumeId: described?.rootVolumeId ?? null,
    rootAttachedAt: timeOrNull(described?.rootAttachedAt ?? null),
    interfaceAttachedAt: timeOrNull(described?.interfaceAttachedAt ?? null),
  });
}

function crossChecks(given: EnrollmentCase, instance: Instance): CrossChecks {
  const described = factsOfStart(given, instance);
  const [shown, told] = [given.document.privateIp, described?.privateIp ?? null];
  const privateIp = shown === null || told === null ? 'unknown' : shown === told ? 'same' : 'differs';
  return { attachment: attachmentOf(described), privateIp };
}

function bind(given: EnrollmentCase, instance: Instance, route: Route): Admission {
  const grant = given.grant && given.grant.kind !== 'unknown' ? given.grant : null;
  const reason = reasonOf(route, grant?.kind ?? null, instance);
  const ends = route === 'rotation' ? 'rotated' : route === 'restart' ? 'restarted' : null;
  return { decide: 'bind', instance, grant, reason, ends, checks: crossChecks(given, instance) };
}

function refusal(given: EnrollmentCase, code: ProblemCode, facts: Facts, tell?: Refusal['tell']): Refusal {
  const told = tell ?? (hasValidGrant(given) ? 'precisely' : 'vaguely');
  return { decide: 'refuse', code, facts: { ...facts, instance: keyOf(given.document) }, tell: told, ask: false };
}

/** The four words that an agent without a grant or bound key learns; a stranger learns the last alone. */
export function vagueCode(code: ProblemCode): 'clock_skew' | 'stale_document' | 'retry' | 'refused' {
  if (code === 'clock_skew' || code === 'stale_document') return code;
  return transient.has(code) ? 'retry' : 'refused';
}

const transient: ReadonlySet<ProblemCode> = new Set([
  ...(['instance_not_described', 'document_from_future', 'busy', 'sts_unavailable'] as const),
]);
