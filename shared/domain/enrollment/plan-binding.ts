import type { AgentDescription, ProofKind } from '#protocol/enrollment.ts';
import { mergeEnrollment } from '../agent/merge-agent.ts';
import { ofLastHour } from '../agent/pace.ts';
import type { PlannedChange } from '../change.ts';
import type { Agent, Instance, InstanceKey } from '../instance/instance.ts';
import { attach, newServer } from '../server/server.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import type { Binding } from './binding.ts';
import type { Admission } from './enrollment.ts';
import type { EnrollmentKey } from './enrollment-key.ts';

/** The agent that Muster admitted, with the proof that it showed. */
export interface AdmittedAgent {
  agentId: string;
  /** Base64url of 32 bytes. */
  publicKey: string;
  proof: ProofKind;
  description: AgentDescription;
}

/** The bindings on record: that of the agent's key, and that of another key that is enrolled on the instance. */
export interface HeldBindings {
  binding: Binding | undefined;
  enrolled: Binding | undefined;
}

/**
 * The records that an admission changes: the instance and the binding of the new key, and where they apply, the binding that
 * ends, a server for an adopted instance, and the count of an enrollment key (docs/design/enrollment.md, "one binding").
 * `serverId` is the instance's own server, or the id for a new one.
 */
export function planBinding(
  admission: Admission,
  admitted: AdmittedAgent,
  { binding, enrolled }: HeldBindings,
  serverId: string,
  now: Instant,
): PlannedChange[] {
  const { instance, grant, reason, ends } = admission;
  const agent = newAgent(admission, admitted, now);
  const changes: PlannedChange[] = [
    { kind: 'instance', before: instance, after: mergeEnrollment(instance, { agent, serverId, reason }, now).instance },
    // The binding exists already if the instance's record was lost: the same key on the same instance.
    {
      kind: 'binding',
      before: binding,
      after: { ...newBinding(admission, admitted, now), ...rotationsOf(admission, enrolled, now) },
    },
  ];
  if (enrolled && ends) {
    const ended = { reason: ends, at: now, successor: admitted.agentId };
    changes.push({ kind: 'binding', before: enrolled, after: { ...enrolled, status: 'denied', ended } });
  }
  if (instance.assignment.serverId === null)
    changes.push({ kind: 'server', before: undefined, after: adoptedServer(instance, admitted, serverId, now) });
  // Only a counted key is written with the binding. If an unlimited key were written too, all enrollments with it would wait for each other.
  if (grant?.kind === 'key' && grant.key.usesLeft !== null)
    changes.push({ kind: 'key', before: grant.key, after: counted(grant.key, grant.key.usesLeft, instance, now) });
  return changes;
}

/** The next rotations are counted with those before, whatever keys they were by. */
function rotationsOf({ ends }: Admission, enrolled: Binding | undefined, now: Instant): Pick<Binding, 'rotations'> {
  return ends === 'rotated' ? { rotations: [...ofLastHour(enrolled?.rotations ?? [], now), now] } : {};
}

function newAgent({ instance, ends }: Admission, { agentId, description }: AdmittedAgent, now: Instant): Agent {
  // After a rotation the agent is the same one with another key, so its state stays.
  const { state, stateAt } = (ends === 'rotated' && instance.agent) || { state: null, stateAt: null };
  const { version, bootId } = description;
  return { id: agentId, version, bootId, enrolledAt: now, state, stateAt };
}

function newBinding({ instance, checks }: Admission, admitted: AdmittedAgent, boundAt: Instant): Binding {
  const { account, region, instanceId } = instance;
  const { agentId, publicKey, proof } = admitted;
  const { os, osVersion, arch, hostname } = admitted.description;
  const key = { agentId, publicKey, account, region, instanceId };
  const description = { os, osVersion, arch, hostname };
  return { ...key, status: 'bound', ended: null, boundAt, description, proof, checks, version: 0 };
}

function adoptedServer(instance: Instance, { description }: AdmittedAgent, id: string, now: Instant) {
  const { account, region, instanceId } = instance;
  return attach(newServer({ id, name: description.hostname || instanceId, account, region }, now), instance);
}

const counted = (key: EnrollmentKey, usesLeft: number, { instanceId }: InstanceKey, now: Instant): EnrollmentKey => ({
  ...key,
  usesLeft: usesLeft - 1,
  lastUsedAt: now,
  lastUsedBy: instanceId,
});

/** The enrollment key without a limit that the admission used, or null. No binding may come after the revocation of such a key. */
export const unlimitedKeyOf = ({ grant }: Admission): EnrollmentKey | null =>
  grant?.kind === 'key' && grant.key.usesLeft === null ? grant.key : null;

/** Muster notes the last use of a key at most once per `keyUseNoteSeconds`: the agents of many new instances would otherwise wait for one item. */
export const isUseWorthNoting = ({ lastUsedAt }: EnrollmentKey, now: Instant, timing: Timing): boolean =>
  lastUsedAt === null || now >= lastUsedAt + seconds(timing.keyUseNoteSeconds);
