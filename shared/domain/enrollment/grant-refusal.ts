import { type Instance, keyOf } from '../instance/instance.ts';
import { type Launch, launchIdOfToken } from '../launch/launch.ts';
import { sameInstance } from '../server/server.ts';
import { formatTime, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import {
  type DescribedInstance,
  type EnrollmentCase,
  type EnrollmentRefusal,
  factsOfStart,
  type Grant,
  refusal,
  windowBegan,
} from './enrollment-case.ts';
import { type EnrollmentKey, type EnrollmentScope, isTooOld, outOfScope, windowCloses } from './enrollment-key.ts';

/** What an operator may change while the instance runs: tags, and the role by another instance profile. */
const changeable: ReadonlySet<keyof EnrollmentScope> = new Set(['tags', 'roles']);

/** A refusal for what may change stands on an answer of EC2's that is no older than this; an older one is asked for again. */
const freshMs = seconds(10);

/** The agent comes back after this where an operator, or EC2, has to change something first. */
const changeSeconds = 60;

/** Why the grant that came with a request does not enroll the instance, if so. */
export function grantRefusal(given: EnrollmentCase, instance: Instance, timing: Timing): EnrollmentRefusal | undefined {
  const { grant } = given;
  if (!grant) return refusal(given, 'grant_missing', {});
  if (grant.kind === 'unknown') return refusal(given, 'grant_unknown', { grantId: grant.id });
  if (!grant.valid) return refusal(given, 'grant_invalid', { grantId: grantId(grant) });
  const refused =
    grant.kind === 'launch'
      ? launchRefusal(given, grant.launch, timing)
      : keyRefusal(given, instance, grant.key, timing);
  if (refused) return refused;
  const {
    identity: { reenroll },
  } = instance;
  if (reenroll && reenroll.by !== grantId(grant))
    return refusal(given, 're_enrollment_only', { until: formatTime(reenroll.until) });
  if (!instance.agent || instance.management.status !== 'enrolled') return undefined;
  return refusal(given, 'already_enrolled', { enrolledAgent: instance.agent.id });
}

const grantId = (grant: Exclude<Grant, { kind: 'unknown' }>): string =>
  grant.kind === 'launch' ? grant.launch.id : grant.key.id;

/** A launch's grant counts on the instance that RunInstances answered with, and nowhere else. */
function launchRefusal(given: EnrollmentCase, launch: Launch, timing: Timing): EnrollmentRefusal | undefined {
  const facts = { launchId: launch.id };
  if (launch.state === 'requested' || mayBeFound(given, launch, timing))
    return { ...refusal(given, 'instance_not_described', facts), ask: true };
  if (launch.state === 'ambiguous') return refusal(given, 'ambiguous_launch', facts);
  const own = launch.instances.some((key) => sameInstance(key, given.document));
  if (!own) return refusal(given, 'grant_of_other_instance', { ...facts, instances: launch.instances.map(keyOf) });
  return given.instance?.assignment.surplusSince ? refusal(given, 'ambiguous_launch', facts) : undefined;
}

/**
 * The launch ended without an instance, and this one may be what it made all the same: EC2's answer was lost, and the instance
 * appeared after the launch's deadline. A describe attaches it by its ClientToken if it fits (docs/design/launch.md, "the lost answer").
 */
function mayBeFound(given: EnrollmentCase, { state, id }: Launch, timing: Timing): boolean {
  if (state === 'launched' || state === 'ambiguous') return false;
  if (given.now > windowCloses(null, windowBegan(given), timing)) return false;
  const described = given.instance && factsOfStart(given, given.instance);
  return !described || launchIdOfToken(described.clientToken) === id;
}

/** An enrollment key adopts instances that Muster did not launch: within its scope, its time and its uses. */
function keyRefusal(
  given: EnrollmentCase,
  instance: Instance,
  key: EnrollmentKey,
  timing: Timing,
): EnrollmentRefusal | undefined {
  const facts = { keyId: key.id };
  if (key.reenrolls) return reenrollKeyRefusal(given, instance, key);
  // Muster launched it and does not know yet: its own grant is to come, and a key must not be quicker.
  if (given.launchOfToken?.state === 'requested')
    return { ...refusal(given, 'instance_not_described', facts), ask: true };
  if (instance.assignment.launchId !== null)
    return refusal(given, 'launched_by_muster', { ...facts, launchId: instance.assignment.launchId });
  const over = keyOver(given, key);
  if (over) return over;
  const described = factsOfStart(given, instance);
  if (!described) return { ...refusal(given, 'instance_not_described', facts), ask: true };
  const { document, proof } = given;
  const excluded = outOfScope(key.scope, { ...described, ...document, proof });
  if (excluded) return scopeRefusal(given, key, described, excluded, timing);
  return windowRefusal(given, key, timing);
}

/** What may still change is asked for again before the refusal, and the agent comes back for as long as the key's window is open. */
function scopeRefusal(
  given: EnrollmentCase,
  { id, scope: { windowSeconds } }: EnrollmentKey,
  { describedAt }: DescribedInstance,
  scope: keyof EnrollmentScope,
  timing: Timing,
): EnrollmentRefusal {
  const facts = { keyId: id, scope };
  if (!changeable.has(scope) || given.now > windowCloses(windowSeconds, windowBegan(given), timing))
    return refusal(given, 'grant_out_of_scope', facts);
  if (given.now > describedAt + freshMs) return { ...refusal(given, 'instance_not_described', facts), ask: true };
  return refusal(given, 'grant_out_of_scope', { ...facts, retryAfterSeconds: changeSeconds });
}

function windowRefusal(given: EnrollmentCase, { id, scope }: EnrollmentKey, timing: Timing) {
  const { document, proof, now } = given;
  const began = windowBegan(given);
  if (!isTooOld(scope, { ...document, began, proof }, now, timing)) return undefined;
  const closedAt = formatTime(windowCloses(scope.windowSeconds, began, timing));
  const pendingTime = formatTime(document.pendingTime);
  return refusal(given, 'enrollment_window_closed', { keyId: id, pendingTime, closedAt });
}

function keyOver(given: EnrollmentCase, key: EnrollmentKey): EnrollmentRefusal | undefined {
  const facts = { keyId: key.id };
  if (key.revokedAt !== null)
    return refusal(given, 'grant_revoked', { ...facts, revokedAt: formatTime(key.revokedAt) });
  if (key.expiresAt !== null && given.now > key.expiresAt) {
    return refusal(given, 'grant_expired', { ...facts, expiresAt: formatTime(key.expiresAt) });
  }
  return key.usesLeft === 0 ? refusal(given, 'grant_used_up', facts) : undefined;
}

/** A re-enrollment's own key: once, for the one instance, whoever launched it, while that waits for nothing else. */
function reenrollKeyRefusal(
  given: EnrollmentCase,
  instance: Instance,
  key: EnrollmentKey,
): EnrollmentRefusal | undefined {
  const facts = { keyId: key.id };
  const { document, proof } = given;
  const excluded = outOfScope(key.scope, { ...document, proof, vpcId: null, instanceProfileArn: null, tags: {} });
  if (excluded) return refusal(given, 'grant_out_of_scope', { ...facts, scope: excluded });
  const over = keyOver(given, key);
  if (over) return over;
  // The operator has released the instance since, or somebody else was enrolled.
  return instance.identity.reenroll ? undefined : refusal(given, 'grant_revoked', facts);
}

/**
 * What no answer of EC2's can mend about a valid grant: its holder learns it at once and does not come back, and EC2 is not asked
 * for a key that is over.
 */
export function permanentGrantRefusal(given: EnrollmentCase, timing: Timing): EnrollmentRefusal | undefined {
  const { grant, document, proof } = given;
  if (!grant || grant.kind === 'unknown' || !grant.valid) return undefined;
  if (grant.kind === 'launch') return launchRefusal(given, grant.launch, timing);
  const { scope, id } = grant.key;
  const over = keyOver(given, grant.key);
  if (over) return over;
  if (!given.allowedProofs.includes(proof)) return refusal(given, 'proof_not_allowed', { proof, keyId: id });
  // Of the scope, what the document itself tells
  const told = { ...scope, vpcs: [], roles: [], tags: {} };
  const excluded = outOfScope(told, { ...document, proof, vpcId: null, instanceProfileArn: null, tags: {} });
  if (excluded) return refusal(given, 'grant_out_of_scope', { keyId: id, scope: excluded });
  return windowRefusal(given, grant.key, timing);
}
