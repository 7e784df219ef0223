import type { Act } from '#shared/domain/act.ts';
import type { Binding } from '#shared/domain/enrollment/binding.ts';
import {
  block,
  type Ending,
  finishedEnding,
  planEnding,
  readmit,
  reenroll,
  release,
  unblock,
} from '#shared/domain/enrollment/ending.ts';
import type { EnrollmentKey } from '#shared/domain/enrollment/enrollment-key.ts';
import { reenrollmentGrant, requireUnbound } from '#shared/domain/enrollment/reenrollment.ts';
import { type Instance, type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import type { Instant } from '#shared/domain/time.ts';
import { enrollmentKeyId } from '#shared/identity/enrollment-key-id.ts';
import { showInstance } from '../instance/read.ts';
import type { ChangePorts } from '../operator-ports.ts';
import type { RecordChange } from '../records/registry.ts';

type EndingPorts = Pick<ChangePorts, 'store' | 'timing'>;

export const releaseInstance = (key: InstanceKey, act: Act, now: Instant, ports: EndingPorts) =>
  carryOut(key, (instance) => release(instance, now, act), now, ports);

export const blockInstance = (key: InstanceKey, act: Act, now: Instant, ports: EndingPorts) =>
  carryOut(key, (instance) => block(instance, now, act), now, ports);

export const unblockInstance = (key: InstanceKey, act: Act, now: Instant, ports: EndingPorts) =>
  carryOut(key, (instance) => unblock(instance, now, act), now, ports);

/** Re-enrolls the instance with the key that has this thumbprint. Throws what `requireUnbound` throws. */
export async function reenrollByKey(key: InstanceKey, agentId: string, act: Act, now: Instant, ports: EndingPorts) {
  requireUnbound(await ports.store.get('binding', agentId), key);
  const decide: Decide = (instance, proof) => reenroll(instance, { by: agentId, proof, act }, now, ports.timing);
  return carryOut(key, decide, now, ports);
}

/** Lets an agent whose enrollment a restore has lost enroll again with its key. Throws what `requireUnbound` throws. */
export async function readmitAgent(key: InstanceKey, agentId: string, act: Act, now: Instant, ports: EndingPorts) {
  const binding = await ports.store.get('binding', agentId);
  if (binding?.status === 'bound' && (await ports.store.getInstance(key))?.agent?.id === agentId) return;
  requireUnbound(binding, key);
  await carryOut(key, (instance) => readmit(instance, agentId, now, ports.timing, act), now, ports);
}

/** Re-enrolls the instance with any key that comes with this grant. The operator has the grant's seed, Muster its public half. */
export async function reenrollByGrant(
  key: InstanceKey,
  publicKey: EnrollmentKey['publicKey'],
  act: Act,
  now: Instant,
  ports: EndingPorts,
) {
  const grant = reenrollmentGrant(
    key,
    { id: enrollmentKeyId(publicKey), publicKey, createdBy: act.who },
    now,
    ports.timing,
  );
  const known = await ports.store.get('key', grant.id);
  const decide: Decide = (instance, proof) => {
    const ending = reenroll(instance, { by: grant.id, proof, act }, now, ports.timing);
    if (ending.do !== 'change' || !known) return ending;
    throw new Problem('already_exists', 'this public key was registered before', { keyId: grant.id });
  };
  return carryOut(key, decide, now, ports, [{ kind: 'key', before: undefined, after: grant }]);
}

/** `proof` is the proof that enrolled the present agent. */
type Decide = (instance: Instance, proof: Binding['proof']) => Ending;

/** A record that others change all the time is read again this often: events of EC2 and agents cannot keep an operator waiting. */
const attempts = 30;

/**
 * Carries out an ending step by step, each of which may be repeated: the binding is denied first, with `besides`, so that the
 * agent can no longer change the record; then the record changes. Each round reads both records again and does the next
 * step, so it also finishes an ending that stopped in between. Shows the instance. Throws Problem `not_found` or `conflict`,
 * or what `planEnding` throws.
 */
async function carryOut(
  key: InstanceKey,
  decide: Decide,
  now: Instant,
  ports: EndingPorts,
  besides: readonly RecordChange[] = [],
) {
  const { store, timing } = ports;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const before = await store.getInstance(key);
    if (!before) throw new Problem('not_found', 'no such instance is on record', { ...key });
    const bound = before.agent ? await store.get('binding', before.agent.id) : undefined;
    const finished = finishedEnding(before, bound, timing);
    if (finished) await store.saveInstance(before, finished);
    else {
      const change = planEnding(before, bound, decide(before, bound?.proof ?? null), now);
      const done = change === null || ((await store.commit([change, ...besides])) && change.kind === 'instance');
      if (done) return showInstance(key, now, ports);
    }
  }
  throw new Problem('conflict', 'the record kept changing', { instance: keyOf(key) });
}
