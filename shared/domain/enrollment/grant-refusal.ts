import { type Instance, keyOf } from '../instance/instance.ts';
import type { Launch } from '../launch/launch.ts';
import { sameInstance } from '../server/server.ts';
import { formatTime } from '../time.ts';
import type { Timing } from '../timing.ts';
import { type EnrollmentCase, type EnrollmentRefusal, factsOfStart, type Grant, refusal } from './enrollment-case.ts';
import { type EnrollmentKey, isTooOld, outOfScope } from './enrollment-key.ts';

/** Why the grant that came with a request does not enroll the instance, if so. */
export function grantRefusal(given: EnrollmentCase, instance: Instance, timing: Timing): EnrollmentRefusal | undefined {
  const { grant } = given;
  if (!grant) return refusal(given, 'grant_missing', {});
  if (grant.kind === 'unknown') return refusal(given, 'grant_unknown', { grantId: grant.id });
  if (!grant.valid) return refusal(given, 'grant_invalid', { grantId: grantId(grant) });
  const refused =
    grant.kind === 'launch' ? launchRefusal(given, grant.launch) : keyRefusal(given, instance, grant.key, timing);
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
function launchRefusal(given: EnrollmentCase, launch: Launch): EnrollmentRefusal | undefined {
  const facts = { launchId: launch.id };
  if (launch.state === 'requested') return { ...refusal(given, 'instance_not_described', facts), ask: true };
  if (launch.state === 'ambiguous') return refusal(given, 'ambiguous_launch', facts);
  const own = launch.instances.some((key) => sameInstance(key, given.document));
  if (!own) return refusal(given, 'grant_of_other_instance', { ...facts, instances: launch.instances.map(keyOf) });
  return given.instance?.assignment.surplusSince ? refusal(given, 'ambiguous_launch', facts) : undefined;
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
  if (excluded) return refusal(given, 'grant_out_of_scope', { ...facts, scope: excluded });
  if (!isTooOld(key.scope, { ...document, proof }, given.now, timing)) return undefined;
  return refusal(given, 'enrollment_window_closed', { ...facts, pendingTime: formatTime(document.pendingTime) });
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
  const { grant, document, proof, now } = given;
  if (!grant || grant.kind === 'unknown' || !grant.valid) return undefined;
  if (grant.kind === 'launch') return launchRefusal(given, grant.launch);
  const { scope, id } = grant.key;
  const over = keyOver(given, grant.key);
  if (over) return over;
  if (!given.allowedProofs.includes(proof)) return refusal(given, 'proof_not_allowed', { proof, keyId: id });
  // Of the scope, what the document itself tells
  const told = { ...scope, vpcs: [], roles: [], tags: {} };
  const excluded = outOfScope(told, { ...document, proof, vpcId: null, instanceProfileArn: null, tags: {} });
  if (excluded) return refusal(given, 'grant_out_of_scope', { keyId: id, scope: excluded });
  if (!isTooOld(scope, { ...document, proof }, now, timing)) return undefined;
  return refusal(given, 'enrollment_window_closed', { keyId: id, pendingTime: formatTime(document.pendingTime) });
}
