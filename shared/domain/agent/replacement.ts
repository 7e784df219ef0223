import { type ProofKind, proofKinds } from '#protocol/enrollment.ts';
import type { EnrolledReason, Instance } from '../instance/instance.ts';
import type { Facts, ProblemCode } from '../problems.ts';
import { formatTime, type Instant } from '../time.ts';
import type { Timing } from '../timing.ts';
import { waitForNext } from './pace.ts';

/** What allows a key on an instance: a grant, an operator who named the key, the key of before, or a new start with `sts`. */
export type Route = 'grant' | 'named' | 'rotation' | 'restart';

/** What a decision on another key than the enrolled one depends on. The proof is genuine and of this start. */
export interface ReplacementCase {
  agentId: string;
  proof: ProofKind;
  document: { pendingTime: Instant };
  instance: Instance;
  /** The token that came by a key of before, and what is wrong with it: verified if that key is the enrolled one. */
  previous?: { agentId: string; fault: ProblemCode | null } | undefined;
  /** When the present agent's last rotations were. */
  rotations?: readonly Instant[] | undefined;
  /** What enrolled the present agent. */
  enrolledProof?: ProofKind | null | undefined;
  /** Policy: an instance that has started anew may bring another key by itself. */
  reenrollOnRestart?: boolean | undefined;
  now: Instant;
}

export interface Objection {
  code: ProblemCode;
  facts: Facts;
}

export function routeOf(given: ReplacementCase): Route {
  if (given.previous) return 'rotation';
  if (given.instance.identity.reenroll?.by === given.agentId) return 'named';
  return isRestart(given) ? 'restart' : 'grant';
}

/** Once in a named start, not for a reboot and not for an agent that starts again: the last enrollment is of an earlier start. */
function isRestart({ reenrollOnRestart, proof, document, instance }: ReplacementCase): boolean {
  const {
    agent,
    cloud: { epoch },
    identity: { conflict },
  } = instance;
  if (!reenrollOnRestart || proof !== 'sts' || !agent || conflict || epoch === null) return false;
  return epoch > agent.enrolledAt && document.pendingTime > agent.enrolledAt;
}

/** Somebody whom the instance's record itself vouches for, as a valid grant vouches for others. */
export function isVouchedFor({
  agentId,
  previous,
  instance,
}: Pick<ReplacementCase, 'agentId' | 'previous'> & { instance: Instance | undefined }): boolean {
  if (previous) return previous.fault === null && previous.agentId === instance?.agent?.id;
  return instance?.identity.reenroll?.by === agentId;
}

/** Why not by this route. A grant has its own reasons (enrollment.ts). */
export function objectionTo(route: Route, given: ReplacementCase, timing: Timing): Objection | undefined {
  const { instance, previous, now } = given;
  if (route === 'named' && instance.identity.reenroll && now > instance.identity.reenroll.until)
    return { code: 'grant_expired', facts: { expiresAt: formatTime(instance.identity.reenroll.until) } };
  if (route !== 'rotation' || !previous) return undefined;
  if (previous.fault) return { code: previous.fault, facts: { agentId: previous.agentId } };
  if (previous.agentId !== instance.agent?.id) return { code: 'agent_unknown', facts: { agentId: previous.agentId } };
  if (!instance.identity.conflict) return tooManyRotations(given, timing);
  const { reason, since } = instance.identity.conflict;
  return { code: 'identity_conflict', facts: { reason, since: formatTime(since) } };
}

/** Every rotation writes four units and leaves a binding that is kept for ever (docs/design/enrollment.md, "how often"). */
function tooManyRotations({ instance, rotations = [], now }: ReplacementCase, timing: Timing): Objection | undefined {
  const wait = waitForNext(rotations, timing.rotationsPerHour, now);
  if (wait <= 0) return undefined;
  const facts = { agentId: instance.agent?.id ?? null, perHour: timing.rotationsPerHour };
  return { code: 'rotated_too_often', facts: { ...facts, retryAfterSeconds: Math.ceil(wait / 1000) } };
}

/** A weaker proof never puts another key in the place of one that a stronger proof enrolled, nor of the last before it. */
export function weakness({ proof, instance, enrolledProof }: ReplacementCase): Objection | undefined {
  const before = enrolledProof ?? instance.identity.reenroll?.proof ?? null;
  if (before === null || proofKinds.indexOf(proof) <= proofKinds.indexOf(before)) return undefined;
  return { code: 'proof_too_weak', facts: { proof, enrolledWith: before } };
}

/** Why an instance is enrolled by what brought the key: the operator who named it, or as before. */
export function reasonOf(route: Route, grant: 'launch' | 'key' | null, instance: Instance): EnrolledReason {
  if (route === 'grant') return grant === 'launch' ? 'launched' : 'enrollment_key';
  return route === 'named' ? 'adopted' : (instance.management.reason as EnrolledReason);
}
