import { type InstanceKey, keyOf } from '../instance/instance.ts';
import { Problem } from '../problems.ts';
import { sameInstance } from '../server/server.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import { attachmentOutcomes } from './attachment.ts';
import type { Binding } from './binding.ts';
import { type EnrollmentKey, everyInstance, newEnrollmentKey } from './enrollment-key.ts';

/**
 * Throws unless an operator may name this key for the instance: a key belongs to one instance at most, and a denied key
 * stays denied. `binding` is the key's binding, if there is one. Throws Problem `key_denied`, `already_enrolled` or
 * `key_bound_elsewhere`.
 */
export function requireUnbound(binding: Binding | undefined, instance: InstanceKey): void {
  if (!binding) return;
  const { agentId } = binding;
  if (binding.status === 'denied')
    throw new Problem('key_denied', 'this key was released, blocked or replaced', { agentId });
  if (sameInstance(binding, instance))
    throw new Problem('already_enrolled', 'this key is enrolled on the instance', { enrolledAgent: agentId });
  throw new Problem('key_bound_elsewhere', 'this key belongs to another instance', { boundTo: keyOf(binding) });
}

/**
 * The enrollment key of a re-enrollment: for one use within `reenrollSeconds`, on this instance alone. It counts for an
 * instance that Muster launched, too, and with any disk.
 */
export function reenrollmentGrant(
  { account, region, instanceId }: InstanceKey,
  { id, publicKey, createdBy }: Pick<EnrollmentKey, 'id' | 'publicKey' | 'createdBy'>,
  now: Instant,
  timing: Timing,
): EnrollmentKey {
  const named = { accounts: [account], regions: [region], instanceIds: [instanceId] };
  const scope = { ...everyInstance, ...named, attachments: attachmentOutcomes };
  const wanted = { publicKey, scope, expiresAt: now + seconds(timing.reenrollSeconds), uses: 1 };
  return { ...newEnrollmentKey(id, wanted, createdBy, now), reenrolls: true };
}
