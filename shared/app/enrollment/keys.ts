import { newEnrollmentKey, revoke, type WantedKey } from '#shared/domain/enrollment/enrollment-key.ts';
import { Problem } from '#shared/domain/problems.ts';
import type { Instant } from '#shared/domain/time.ts';
import { enrollmentKeyId } from '#shared/identity/enrollment-key-id.ts';
import type { PageRequest, Store } from '../ports.ts';
import { keyView } from './key-view.ts';

interface KeyPorts {
  store: Pick<Store, 'commit' | 'get' | 'list' | 'markRevoked'>;
}

/** Records a new key. Throws Problem `weak_key`, `malformed_request` if it has expired, or `already_exists`. */
export async function registerKey(wanted: WantedKey, createdBy: string, now: Instant, { store }: KeyPorts) {
  const key = newEnrollmentKey(enrollmentKeyId(wanted.publicKey), wanted, createdBy, now);
  if (!(await store.commit([{ kind: 'key', before: undefined, after: key }])))
    throw new Problem('already_exists', 'this public key was registered before', { keyId: key.id });
  return keyView(key);
}

/** A page of all enrollment keys. */
export async function listKeys(page: PageRequest, { store }: KeyPorts) {
  const { items, next } = await store.list('key', page);
  return { items: items.map(keyView), nextPageToken: next };
}

/** One enrollment key. Throws Problem `not_found`. */
export async function showKey(id: string, { store }: KeyPorts) {
  return keyView(await findKey(id, store));
}

/**
 * Revokes a key: once this has returned, no agent enrolls with it. Agents that it enrolled stay enrolled, and a second
 * revocation changes nothing. An enrollment writes a counted key's record, so it fails if the revocation was first. An
 * unlimited key is marked beside its record, at a second revocation too, because the first may have stopped before the mark.
 * Throws Problem `not_found` or `conflict`.
 */
export async function revokeKey(id: string, now: Instant, { store }: KeyPorts) {
  for (let attempt = 0; attempt < revocationAttempts; attempt++) {
    const key = await findKey(id, store);
    const after = revoke(key, now);
    const isRevoked = key.revokedAt !== null || (await store.commit([{ kind: 'key', before: key, after }]));
    if (!isRevoked) continue;
    if (key.usesLeft === null) await store.markRevoked(id);
    return keyView(after);
  }
  throw new Problem('conflict', 'others are using the key', { keyId: id });
}

/** Each enrollment with a counted key changes its record, so a revocation may have to try again. */
const revocationAttempts = 10;

async function findKey(id: string, store: KeyPorts['store']) {
  const key = await store.get('key', id);
  if (!key) throw new Problem('not_found', 'no such enrollment key is on record', { keyId: id });
  return key;
}
