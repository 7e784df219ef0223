import { createHash } from 'node:crypto';
import { Problem } from '#shared/domain/problems.ts';
import { isWeakKey } from './weak-key.ts';

/**
 * The id of an enrollment key, by its public half (base64url of 32 bytes). One public key has one id: a revocation holds
 * however often the key is registered. Throws Problem `weak_key`.
 */
export function enrollmentKeyId(publicKey: string): string {
  if (isWeakKey(Buffer.from(publicKey, 'base64url')))
    throw new Problem('weak_key', 'this public key proves nothing', {});
  return `key_${createHash('sha256').update(publicKey).digest('hex').slice(0, 32)}`;
}
