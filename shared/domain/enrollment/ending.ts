import type { ProofKind } from '#protocol/enrollment.ts';
import { type Allowed, instanceActions } from '../instance/actions.ts';
import type { Instance, Management } from '../instance/instance.ts';
import type { ProblemCode } from '../problems.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';

/** Why a key may not speak any more, since when, and which key its own agent put in its place, if that ended it. */
export interface Ended {
  reason: 'released' | 'blocked' | 're_enrolled' | 'rotated' | 'restarted';
  at: Instant;
  successor: string | null;
}

/**
 * What an operator's word comes to: the record as it is to be, nothing where it is so already, or why not. A record that
 * loses its agent ends that agent's binding in the same transaction.
 */
export type Step =
  | { do: 'change'; instance: Instance; reason: Ended['reason'] }
  | { do: 'nothing' }
  | { do: 'refuse'; code: ProblemCode };

/** The record as it is when no agent is enrolled and no re-enrollment is open. */
const withoutAgent = (instance: Instance): Instance => ({
  ...instance,
  agent: null,
  identity: { ...instance.identity, conflict: null, reenroll: null },
});

/** The instance becomes discovered-only (docs/design/enrollment.md, "ending a binding"). A valid grant may enroll it again. */
export const release = (instance: Instance, now: Instant): Step => letGo(instance, 'release', 'released', now);

/** As a release, and no grant enrolls it until it is unblocked. */
export const block = (instance: Instance, now: Instant): Step => letGo(instance, 'block', 'blocked', now);

function letGo(instance: Instance, action: 'release' | 'block', reason: 'released' | 'blocked', now: Instant): Step {
  if (instance.management.reason === reason) return { do: 'nothing' };
  const management: Management = { ...instance.management, status: 'discovered-only', reason, since: now };
  return unlessRefused(instanceActions(instance)[action], reason, { ...withoutAgent(instance), management });
}

/** What was blocked is released from now on. */
export function unblock(instance: Instance, now: Instant): Step {
  if (instance.management.reason === 'released') return { do: 'nothing' };
  const after: Instance = { ...instance, management: { ...instance.management, reason: 'released', since: now } };
  return unlessRefused(instanceActions(instance).unblock, 'released', after);
}

/**
 * Ends the binding in favour of one key to come, for a while: `by` is its thumbprint, or the id of the grant that admits
 * it. Until a key is enrolled no other grant counts: what a twin has copied must not bring it back. `proof` is what
 * enrolled the last agent.
 */
export function reenroll(
  instance: Instance,
  { by, proof }: { by: string; proof: ProofKind | null },
  now: Instant,
  timing: Timing,
): Step {
  const open = instance.identity.reenroll;
  if (open?.by === by && now <= open.until) return { do: 'nothing' };
  const after: Instance = {
    ...withoutAgent(instance),
    // The enrollment deadline counts from now, too.
    management: { status: 'pending', reason: 'awaiting_enrollment', since: now, notBefore: now },
    identity: {
      conflict: null,
      refusedAttempt: instance.identity.refusedAttempt,
      reenroll: {
        by,
        until: now + seconds(timing.reenrollSeconds),
        replaces: instance.agent?.id ?? open?.replaces ?? null,
        proof: proof ?? open?.proof ?? null,
      },
    },
  };
  return unlessRefused(instanceActions(instance)['re-enroll'], 're_enrolled', after);
}

function unlessRefused(action: Allowed | undefined, reason: Ended['reason'], instance: Instance): Step {
  if (action?.allowed) return { do: 'change', instance, reason };
  return { do: 'refuse', code: action?.code ?? 'not_implemented' };
}
