import type { EnrollmentKey } from '#shared/domain/enrollment/enrollment-key.ts';
import { formatTime, formatTimeOrNull as time } from '#shared/domain/time.ts';

/** An enrollment key as the API shows it. */
export function keyView(key: EnrollmentKey) {
  return {
    id: key.id,
    publicKey: key.publicKey,
    scope: key.scope,
    expiresAt: time(key.expiresAt),
    usesLeft: key.usesLeft,
    revokedAt: time(key.revokedAt),
    createdAt: formatTime(key.createdAt),
    createdBy: key.createdBy,
    lastUsedAt: time(key.lastUsedAt),
    lastUsedBy: key.lastUsedBy,
  };
}
