import type { ProofKind } from '#protocol/enrollment.ts';
import type { Allowed } from '../actions.ts';
import type { PlannedChange } from '../change.ts';
import { instanceActions } from '../instance/actions.ts';
import { type Instance, type InstanceKey, keyOf, type Management } from '../instance/instance.ts';
import { Problem, type ProblemCode } from '../problems.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import type { Binding, Ended } from './binding.ts';

/** What an operator's request does to an instance's record. `reason` is why a binding ends with it. */
export type Ending =
  | { do: 'change'; instance: Instance; reason: Ended['reason'] }
  /** The record is already as the operator wants it. */
  | { do: 'nothing' }
  | { do: 'refuse'; code: ProblemCode };

/**
 * The records that change with an ending: the instance's, and the binding of the agent that it loses. Both change in one
 * transaction. `bound` is that agent's binding, if it is on record. Throws the problem of a refused ending.
 */
export function planEnding(
  before: Instance,
  bound: Binding | undefined,
  ending: Ending,
  now: Instant,
): PlannedChange[] {
  if (ending.do === 'refuse')
    throw new Problem(ending.code, 'the instance’s state does not allow it now', { instance: keyOf(before) });
  if (ending.do === 'nothing') return [];
  const change: PlannedChange = { kind: 'instance', before, after: ending.instance };
  if (!before.agent) return [change];
  const ended = { reason: ending.reason, at: now, successor: null };
  return [change, { kind: 'binding', before: bound, after: denied(before, before.agent.id, bound, ended) }];
}

/** The key stays denied after the instance's record has expired (docs/design/enrollment.md, "ending a binding"). If the binding was lost, Muster makes one without a public key. */
function denied(
  { account, region, instanceId }: InstanceKey,
  agentId: string,
  bound: Binding | undefined,
  ended: Ended,
): Binding {
  const lost = { publicKey: '', boundAt: ended.at, proof: null, description: {}, version: 0 };
  const binding = bound ?? { ...{ agentId, account, region, instanceId }, ...lost };
  return { ...binding, status: 'denied', ended };
}

/** The record as it is when no agent is enrolled and no re-enrollment is open. */
const withoutAgent = (instance: Instance): Instance => ({
  ...instance,
  agent: null,
  identity: { ...instance.identity, conflict: null, reenroll: null },
});

/** The instance becomes discovered-only (docs/design/enrollment.md, "ending a binding"). A valid grant may enroll it again. */
export const release = (instance: Instance, now: Instant): Ending => letGo(instance, 'release', 'released', now);

/** Like a release, and no grant enrolls the instance until an operator unblocks it. */
export const block = (instance: Instance, now: Instant): Ending => letGo(instance, 'block', 'blocked', now);

function letGo(instance: Instance, action: 'release' | 'block', reason: 'released' | 'blocked', now: Instant): Ending {
  if (instance.management.reason === reason) return { do: 'nothing' };
  const management: Management = { ...instance.management, status: 'discovered-only', reason, since: now };
  return unlessRefused(instanceActions(instance)[action], reason, { ...withoutAgent(instance), management });
}

/** A blocked instance becomes a released one. */
export function unblock(instance: Instance, now: Instant): Ending {
  if (instance.management.reason === 'released') return { do: 'nothing' };
  const after: Instance = { ...instance, management: { ...instance.management, reason: 'released', since: now } };
  return unlessRefused(instanceActions(instance).unblock, 'released', after);
}

/**
 * Ends the binding so that one other key can be enrolled, for `reenrollSeconds`. `by` is the thumbprint of that key, or the
 * id of the grant that admits it. Until then no other grant counts, because an attacker may have a copy of one. `proof` is
 * the proof that enrolled the last agent.
 */
export function reenroll(
  instance: Instance,
  { by, proof }: { by: string; proof: ProofKind | null },
  now: Instant,
  timing: Timing,
): Ending {
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

function unlessRefused(action: Allowed | undefined, reason: Ended['reason'], instance: Instance): Ending {
  if (action?.allowed) return { do: 'change', instance, reason };
  return { do: 'refuse', code: action?.code ?? 'not_implemented' };
}
