import { type Objection, objectionTo, type Route, reasonOf, routeOf, weakness } from '../agent/replacement.ts';
import { type EnrolledReason, type Instance, keyOf } from '../instance/instance.ts';
import { sameInstance } from '../server/server.ts';
import { formatTime, type Instant, seconds, formatTimeOrNull as timeOrNull } from '../time.ts';
import type { Timing } from '../timing.ts';
import { attachmentOf } from './attachment.ts';
import {
  type CrossChecks,
  type EnrollmentCase,
  type EnrollmentRefusal,
  factsOfStart,
  type Grant,
  hasValidGrant,
  refusal,
} from './enrollment-case.ts';
import { grantRefusal, permanentGrantRefusal } from './grant-refusal.ts';

export type Decision =
  /** The same key on the same instance again: the stored answer, no second record, no second event. */
  { decide: 'repeat'; instance: Instance } | Admission | EnrollmentRefusal;

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

/** If a document is older than the named start by more than this, it is of an earlier start. If it is newer by more than this, EC2's answer is too old (docs/design/enrollment.md, "the order of checks"). */
const documentToleranceMs = seconds(60);

/** Makes the checks from the registered account on; the first check that fails answers (docs/design/enrollment.md, "the order of checks"). */
export function decideEnrollment(given: EnrollmentCase, timing: Timing): Decision {
  if (!given.registered) return refusal(given, 'account_not_registered', {}, 'nothing');
  const known = decideKnownKey(given);
  if (known) return known;
  const { instance } = given;
  if (!instance?.cloud.epochNamed || instance.cloud.epoch === null)
    return permanentGrantRefusal(given, timing) ?? undescribed(given);
  const startedAt = instance.cloud.epoch;
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
    (byGrant
      ? grantRefusal(given, instance, timing)
      : objected(judged, objectionTo(route, { ...given, instance }, timing))) ??
    policyRefusal(judged, instance) ??
    objected(judged, weakness({ ...given, instance })) ??
    (comparesDisk ? attachmentRefusal(judged, instance) : undefined) ??
    bind(judged, instance, route)
  );
}

const objected = (given: EnrollmentCase, objection: Objection | undefined): EnrollmentRefusal | undefined =>
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

/** EC2 is asked only for who shows a valid grant: a flood of documents alone costs no call. */
function undescribed(given: EnrollmentCase): EnrollmentRefusal {
  return { ...refusal(given, 'instance_not_described', {}), ask: hasValidGrant(given) };
}

function staleness(given: EnrollmentCase, startedAt: Instant, timing: Timing): EnrollmentRefusal | undefined {
  const { pendingTime } = given.document;
  const facts = { pendingTime: formatTime(pendingTime), startedAt: formatTime(startedAt) };
  if (pendingTime < startedAt - documentToleranceMs) return refusal(given, 'stale_document', facts);
  if (pendingTime <= startedAt + documentToleranceMs) return undefined;
  return (
    permanentGrantRefusal(given, timing) ?? {
      ...refusal(given, 'document_from_future', facts),
      ask: hasValidGrant(given),
    }
  );
}

function ended(given: EnrollmentCase, instance: Instance): EnrollmentRefusal | undefined {
  if (instance.cloud.state === 'pending' || instance.cloud.state === 'running') return undefined;
  return refusal(given, 'instance_not_running', { state: instance.cloud.state });
}

function blockRefusal(
  given: EnrollmentCase,
  { management: { reason, since } }: Instance,
): EnrollmentRefusal | undefined {
  if (reason !== 'blocked') return undefined;
  return refusal(given, 'instance_blocked', { blockedSince: formatTime(since) });
}

/** The deployment's word on kinds of proof, and on those of launches; a key's own is part of its scope. */
function policyRefusal(given: EnrollmentCase, instance: Instance): EnrollmentRefusal | undefined {
  const { allowedProofs, launchPolicy, proof, grant } = given;
  const ofLaunches = grant?.kind === 'launch' || instance.assignment.launchId !== null ? launchPolicy.proofKinds : [];
  if (allowedProofs.includes(proof) && (ofLaunches.length === 0 || ofLaunches.includes(proof))) return undefined;
  return refusal(given, 'proof_not_allowed', { proof, management: instance.management.status });
}

/** Was disk or interface moved here from another machine? Unknown is no answer: EC2 is asked, and the agent comes back. */
function attachmentRefusal(given: EnrollmentCase, instance: Instance): EnrollmentRefusal | undefined {
  const { grant, launchPolicy } = given;
  const described = factsOfStart(given, instance);
  if (!described) return { ...refusal(given, 'instance_not_described', {}), ask: hasValidGrant(given) };
  const attachment = attachmentOf(described);
  const accepted = grant?.kind === 'key' ? grant.key.scope.attachments : launchPolicy.attachments;
  if (attachment === 'consistent' || accepted.includes(attachment)) return undefined;
  if (attachment === 'root_unknown')
    return { ...refusal(given, 'instance_not_described', { attachment }), ask: hasValidGrant(given) };
  return refusal(given, 'attachments_differ', {
    attachment,
    rootVolumeId: described.rootVolumeId,
    rootAttachedAt: timeOrNull(described.rootAttachedAt),
    interfaceAttachedAt: timeOrNull(described.interfaceAttachedAt),
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
