import { attachmentOutcomes } from '#shared/domain/enrollment/attachment.ts';
import type { Binding } from '#shared/domain/enrollment/binding.ts';
import { block, type Ended, reenroll, release, type Step, unblock } from '#shared/domain/enrollment/ending.ts';
import { type EnrollmentKey, everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import { type Instance, type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import { sameInstance } from '#shared/domain/server/server.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import { enrollmentKeyId } from '#shared/identity/enrollment-key-id.ts';
import { commitOrConflict } from '../commit.ts';
import { showInstance } from '../instance/read.ts';
import type { ChangePorts } from '../operator-ports.ts';
import type { RecordChange } from '../records/registry.ts';

type EndingPorts = Pick<ChangePorts, 'store' | 'timing'>;

export const releaseInstance = (key: InstanceKey, now: Instant, ports: EndingPorts) =>
  carryOut(key, (instance) => release(instance, now), now, ports);

export const blockInstance = (key: InstanceKey, now: Instant, ports: EndingPorts) =>
  carryOut(key, (instance) => block(instance, now), now, ports);

export const unblockInstance = (key: InstanceKey, now: Instant, ports: EndingPorts) =>
  carryOut(key, (instance) => unblock(instance, now), now, ports);

/** In favour of the key with this thumbprint. */
export async function reenrollByKey(key: InstanceKey, agentId: string, now: Instant, ports: EndingPorts) {
  await requireUnbound(agentId, key, ports);
  return carryOut(key, (instance, proof) => reenroll(instance, { by: agentId, proof }, now, ports.timing), now, ports);
}

/** In favour of whatever key comes with this grant: the operator has its seed, Muster the public half. */
export async function reenrollByGrant(
  key: InstanceKey,
  { publicKey, createdBy }: Pick<EnrollmentKey, 'publicKey' | 'createdBy'>,
  now: Instant,
  ports: EndingPorts,
) {
  const grant = newGrant(key, { publicKey, createdBy }, now, ports);
  const known = await ports.store.get('key', grant.id);
  const decide: Decide = (instance, proof) => {
    const step = reenroll(instance, { by: grant.id, proof }, now, ports.timing);
    if (step.do !== 'change' || !known) return step;
    throw new Problem('already_exists', 'this public key was registered before', { keyId: grant.id });
  };
  return carryOut(key, decide, now, ports, [{ kind: 'key', before: undefined, after: grant }]);
}

/** A thumbprint belongs to one instance at most, and one that was denied stays so. */
async function requireUnbound(agentId: string, key: InstanceKey, { store }: EndingPorts): Promise<void> {
  const binding = await store.get('binding', agentId);
  if (!binding) return;
  if (binding.status === 'denied')
    throw new Problem('key_denied', 'this key was released, blocked or replaced', { agentId });
  if (sameInstance(binding, key))
    throw new Problem('already_enrolled', 'this key is enrolled on the instance', { enrolledAgent: agentId });
  throw new Problem('key_bound_elsewhere', 'this key belongs to another instance', { boundTo: keyOf(binding) });
}

/** One use, a quarter of an hour, this instance alone, whoever launched it and whatever became of its disk. */
function newGrant(
  { account, region, instanceId }: InstanceKey,
  { publicKey, createdBy }: Pick<EnrollmentKey, 'publicKey' | 'createdBy'>,
  now: Instant,
  { timing }: EndingPorts,
): EnrollmentKey {
  const named = { accounts: [account], regions: [region], instanceIds: [instanceId] };
  return {
    ...{
      id: enrollmentKeyId(publicKey),
      publicKey,
      scope: { ...everyInstance, ...named, attachments: attachmentOutcomes },
    },
    ...{ reenrolls: true, usesLeft: 1, expiresAt: now + seconds(timing.reenrollSeconds), createdAt: now, createdBy },
    ...{ revokedAt: null, warnedAt: null, lastUsedAt: null, lastUsedBy: null, version: 0 },
  };
}

/** `proof` is what enrolled the present agent. */
type Decide = (instance: Instance, proof: Binding['proof']) => Step;

/** The record and the key that it loses change together, or not at all. */
async function carryOut(
  key: InstanceKey,
  decide: Decide,
  now: Instant,
  ports: EndingPorts,
  besides: readonly RecordChange[] = [],
) {
  const { store } = ports;
  const before = await store.getInstance(key);
  if (!before) throw new Problem('not_found', 'no such instance is on record', { ...key });
  const bound = before.agent ? await store.get('binding', before.agent.id) : undefined;
  const step = decide(before, bound?.proof ?? null);
  if (step.do === 'refuse')
    throw new Problem(step.code, 'the instance’s state does not allow it now', { instance: keyOf(key) });
  if (step.do === 'change') {
    const changes: RecordChange[] = [{ kind: 'instance', before, after: step.instance }, ...besides];
    if (before.agent)
      changes.push(denial(before, before.agent.id, bound, { reason: step.reason, at: now, successor: null }));
    await commitOrConflict(store, changes, { instance: keyOf(key) });
  }
  return showInstance(key, now, ports);
}

/** The binding outlives the instance's record: the key stays denied after the record has expired (docs/design/enrollment.md, "ending a binding"). */
function denial(
  { account, region, instanceId }: InstanceKey,
  agentId: string,
  before: Binding | undefined,
  ended: Ended,
): RecordChange {
  const missingBinding = { publicKey: '', boundAt: ended.at, proof: null, description: {}, version: 0 };
  const binding = before ?? { ...{ agentId, account, region, instanceId }, ...missingBinding };
  return { kind: 'binding', before, after: { ...binding, status: 'denied', ended } };
}
