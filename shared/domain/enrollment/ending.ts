import type { ProofKind } from '#protocol/enrollment.ts';
import type { Act } from '../act.ts';
import type { Allowed } from '../actions.ts';
import type { PlannedChange } from '../change.ts';
import { instanceActions } from '../instance/actions.ts';
import { type Instance, type InstanceKey, keyOf, withManagement } from '../instance/instance.ts';
import { Problem, type ProblemCode } from '../problems.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import type { Binding, Ended } from './binding.ts';

/** What an operator's request does to an instance's record. `reason` and `by` are why a binding ends with it. */
export type Ending =
  | { do: 'change'; instance: Instance; reason: Ended['reason']; by?: string }
  /** The record is already as the operator wants it. */
  | { do: 'nothing' }
  | { do: 'refuse'; code: ProblemCode };

/**
 * The next record to change for an ending. If an agent is enrolled, that is its binding: once the key is denied, the agent
 * cannot change the instance's record any more, and `finishedEnding` says how that record changes. Else it is the record
 * itself. `bound` is the agent's binding, if it is on record. Null if nothing has to change. Throws the problem of a refused ending.
 */
export function planEnding(
  before: Instance,
  bound: Binding | undefined,
  ending: Ending,
  now: Instant,
): PlannedChange | null {
  if (ending.do === 'refuse')
    throw new Problem(ending.code, 'the instance’s state does not allow it now', { instance: keyOf(before) });
  if (ending.do === 'nothing') return null;
  if (!before.agent) return { kind: 'instance', before, after: ending.instance };
  const { reason, by, instance } = ending;
  const { act } = instance.management;
  const ended = { reason, at: now, successor: null, ...(by !== undefined && { by }), ...(act && { act }) };
  return { kind: 'binding', before: bound, after: denied(before, before.agent.id, bound, ended) };
}

/**
 * The record of an instance whose agent's key an operator has denied, as the operator wants it. Undefined if nothing is left
 * to do. Muster may have stopped between the two writes of an ending: whoever reads both records finishes it.
 */
export function finishedEnding(instance: Instance, bound: Binding | undefined, timing: Timing): Instance | undefined {
  if (!bound?.ended || bound.status !== 'denied' || instance.agent?.id !== bound.agentId) return undefined;
  const { reason, at, by, act } = bound.ended;
  if (reason === 'released' || reason === 'blocked') return letGo(instance, reason, at, act);
  if (reason !== 're_enrolled' || by === undefined) return undefined;
  return awaiting(instance, { by, proof: bound.proof, act }, at, timing);
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
export const release = (instance: Instance, now: Instant, act?: Act): Ending =>
  ending(instance, 'release', 'released', now, act);

/** Like a release, and no grant enrolls the instance until an operator unblocks it. */
export const block = (instance: Instance, now: Instant, act?: Act): Ending =>
  ending(instance, 'block', 'blocked', now, act);

function ending(instance: Instance, action: 'release' | 'block', reason: LetGo, now: Instant, act?: Act): Ending {
  if (instance.management.reason === reason) return { do: 'nothing' };
  return unlessRefused(instanceActions(instance)[action], reason, letGo(instance, reason, now, act));
}

type LetGo = 'released' | 'blocked';

const letGo = (instance: Instance, reason: LetGo, since: Instant, act: Act | undefined): Instance =>
  withManagement(withoutAgent(instance), { status: 'discovered-only', reason, since, act });

/** A blocked instance becomes a released one. */
export function unblock(instance: Instance, now: Instant, act?: Act): Ending {
  if (instance.management.reason === 'released') return { do: 'nothing' };
  const after = withManagement(instance, { reason: 'released', since: now, act });
  return unlessRefused(instanceActions(instance).unblock, 'released', after);
}

/** What a re-enrollment waits for, and the proof that enrolled the last agent. */
interface Awaited {
  by: string;
  proof: ProofKind | null;
  act?: Act | undefined;
}

/**
 * Ends the binding so that one other key can be enrolled, for `reenrollSeconds`. `by` is the thumbprint of that key, or the
 * id of the grant that admits it. Until then no other grant counts, because an attacker may have a copy of one.
 */
export function reenroll(instance: Instance, awaited: Awaited, now: Instant, timing: Timing): Ending {
  const open = instance.identity.reenroll;
  if (open?.by === awaited.by && now <= open.until) return { do: 'nothing' };
  const after = awaiting(instance, awaited, now, timing);
  const decided = unlessRefused(instanceActions(instance)['re-enroll'], 're_enrolled', after);
  return decided.do === 'change' ? { ...decided, by: awaited.by } : decided;
}

/**
 * Lets an agent whose enrollment a restore has lost enroll again with its key, as a re-enrollment by that key does. Here the
 * instance need not be managed. What an operator has decided since the restore stands.
 */
export function readmit(instance: Instance, agentId: string, now: Instant, timing: Timing, act?: Act): Ending {
  const { agent, management, identity } = instance;
  if (agent?.id === agentId) return { do: 'nothing' };
  if (management.reason === 'blocked') return { do: 'refuse', code: 'instance_blocked' };
  if (identity.reenroll && identity.reenroll.by !== agentId && now <= identity.reenroll.until)
    return { do: 'refuse', code: 're_enrollment_only' };
  if (identity.reenroll && now <= identity.reenroll.until) return { do: 'nothing' };
  return {
    ...{ do: 'change', reason: 're_enrolled', by: agentId },
    instance: awaiting(instance, { by: agentId, proof: null, act }, now, timing),
  };
}

function awaiting(instance: Instance, { by, proof, act }: Awaited, at: Instant, timing: Timing): Instance {
  const open = instance.identity.reenroll;
  return {
    ...withoutAgent(instance),
    // The enrollment deadline counts from then, too.
    management: { status: 'pending', reason: 'awaiting_enrollment', since: at, notBefore: at, act },
    identity: {
      conflict: null,
      refusedAttempt: instance.identity.refusedAttempt,
      reenroll: {
        by,
        until: at + seconds(timing.reenrollSeconds),
        replaces: instance.agent?.id ?? open?.replaces ?? null,
        proof: proof ?? open?.proof ?? null,
      },
    },
  };
}

function unlessRefused(action: Allowed | undefined, reason: Ended['reason'], instance: Instance): Ending {
  if (action?.allowed) return { do: 'change', instance, reason };
  return { do: 'refuse', code: action?.code ?? 'not_implemented' };
}
