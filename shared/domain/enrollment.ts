import { type EnrollmentKey, outOfScope } from './enrollment-key.ts';
import { type Instance, type InstanceKey, keyOf } from './instance.ts';
import type { Launch } from './launch.ts';
import type { Facts, ProblemCode } from './problems.ts';
import { sameInstance } from './server.ts';
import { formatTime, type Instant, seconds } from './time.ts';
import type { Timing } from './timing.ts';

export type ProofKind = 'iid-rsa2048' | 'iid-rsa';

/** The grant that came with a request, as far as it could be looked up; `valid`: its signature fits the public half on record. */
export type Grant =
  | { kind: 'launch'; launch: Launch; valid: boolean }
  | { kind: 'key'; key: EnrollmentKey; valid: boolean }
  | { kind: 'unknown'; id: string };

/** All that the decision depends on. The proof was verified before; nothing here is believed without it. */
export interface EnrollmentCase {
  agentId: string;
  proof: ProofKind;
  document: InstanceKey & { pendingTime: Instant; imageId: string };
  /** The account and region are registered. */
  registered: boolean;
  binding: (InstanceKey & { status: 'bound' | 'denied' }) | undefined;
  instance: Instance | undefined;
  facts: { imageId: string; vpcId: string | null } | undefined;
  /** The launch whose ClientToken EC2 shows for the instance, where none is on the record yet. */
  launchOfToken?: Launch | undefined;
  grant: Grant | undefined;
  allowedProofs: readonly ProofKind[];
  now: Instant;
}

export type Decision =
  /** The same key on the same instance again: the stored answer, no second record, no second event. */
  | { decide: 'repeat'; instance: Instance }
  | { decide: 'bind'; instance: Instance; grant: Exclude<Grant, { kind: 'unknown' }> }
  | Refusal;

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
  if (!instance?.epochNamed || instance.epoch === null) return undescribed(given);
  const startedAt = instance.epoch;
  return (
    staleness(given, startedAt) ??
    ended(given, instance) ??
    grantRefusal(given, instance, timing) ??
    policyRefusal(given, instance) ??
    bind(given, instance)
  );
}

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

const hasValidGrant = ({ grant }: EnrollmentCase): boolean =>
  grant !== undefined && grant.kind !== 'unknown' && grant.valid;

/** EC2 is asked only for who shows a valid grant: a flood of documents alone costs no call. */
function undescribed(given: EnrollmentCase): Refusal {
  return { ...refusal(given, 'instance_not_described', {}), ask: hasValidGrant(given) };
}

function staleness(given: EnrollmentCase, startedAt: Instant): Refusal | undefined {
  const { pendingTime } = given.document;
  const facts = { pendingTime: formatTime(pendingTime), startedAt: formatTime(startedAt) };
  if (pendingTime < startedAt - documentToleranceMs) return refusal(given, 'stale_document', facts);
  if (pendingTime <= startedAt + documentToleranceMs) return undefined;
  return { ...refusal(given, 'document_from_future', facts), ask: hasValidGrant(given) };
}

function ended(given: EnrollmentCase, instance: Instance): Refusal | undefined {
  if (instance.state === 'pending' || instance.state === 'running') return undefined;
  return refusal(given, 'instance_not_running', { state: instance.state });
}

function grantRefusal(given: EnrollmentCase, instance: Instance, timing: Timing): Refusal | undefined {
  const { grant } = given;
  if (!grant) return refusal(given, 'grant_missing', {});
  if (grant.kind === 'unknown') return refusal(given, 'grant_unknown', { grantId: grant.id });
  if (!grant.valid) return refusal(given, 'grant_invalid', { grantId: grantId(grant) });
  const refused =
    grant.kind === 'launch' ? launchRefusal(given, grant.launch) : keyRefusal(given, instance, grant.key, timing);
  if (refused) return refused;
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
  // Muster launched it and does not know yet: its own grant is to come, and a key must not be quicker.
  if (given.launchOfToken?.state === 'requested')
    return { ...refusal(given, 'instance_not_described', facts), ask: true };
  if (instance.launchId !== null)
    return refusal(given, 'launched_by_muster', { ...facts, launchId: instance.launchId });
  if (key.revokedAt !== null)
    return refusal(given, 'grant_revoked', { ...facts, revokedAt: formatTime(key.revokedAt) });
  if (key.expiresAt !== null && given.now > key.expiresAt) {
    return refusal(given, 'grant_expired', { ...facts, expiresAt: formatTime(key.expiresAt) });
  }
  if (key.usesLeft === 0) return refusal(given, 'grant_used_up', facts);
  const { document } = given;
  const excluded = outOfScope(key.scope, { ...document, vpcId: given.facts?.vpcId ?? null });
  if (excluded) return refusal(given, 'grant_out_of_scope', { ...facts, scope: excluded });
  const named = key.scope.instanceIds.includes(document.instanceId);
  const tooOld = given.now > document.pendingTime + seconds(timing.enrollmentWindowSeconds);
  if (named || !tooOld) return undefined;
  return refusal(given, 'enrollment_window_closed', { ...facts, pendingTime: formatTime(document.pendingTime) });
}

function policyRefusal(given: EnrollmentCase, instance: Instance): Refusal | undefined {
  if (given.allowedProofs.includes(given.proof)) return undefined;
  return refusal(given, 'proof_not_allowed', { proof: given.proof, management: instance.management });
}

function bind(given: EnrollmentCase, instance: Instance): Decision {
  const { grant } = given;
  // grantRefusal has refused both: this keeps the types honest.
  if (!grant || grant.kind === 'unknown') return refusal(given, 'grant_missing', {});
  return { decide: 'bind', instance, grant };
}

function refusal(given: EnrollmentCase, code: ProblemCode, facts: Facts, tell?: Refusal['tell']): Refusal {
  const told = tell ?? (hasValidGrant(given) ? 'precisely' : 'vaguely');
  return { decide: 'refuse', code, facts: { ...facts, instance: keyOf(given.document) }, tell: told, ask: false };
}

/** The four words that an agent without a grant or bound key learns; a stranger learns the last alone. */
export function vagueCode(code: ProblemCode): 'clock_skew' | 'stale_document' | 'retry' | 'refused' {
  if (code === 'clock_skew' || code === 'stale_document') return code;
  return code === 'instance_not_described' || code === 'document_from_future' || code === 'busy' ? 'retry' : 'refused';
}
