import * as z from 'zod/mini';
import { proofKinds } from '#protocol/enrollment.ts';
import { attachmentOutcomes } from '#shared/domain/enrollment/attachment.ts';
import type { EnrollmentKey } from '#shared/domain/enrollment/enrollment-key.ts';
import { formatTime, formatTimeOrNull as timeOrNull } from '#shared/domain/time.ts';
import { answer, pageOf, type Shown, text, time } from '../answer.ts';

/** An enrollment key as the API shows it: its public half, and which instances may enroll with it. */
export const KeyAnswer = answer(
  'EnrollmentKey',
  z.object({
    id: text,
    publicKey: text,
    scope: z.object({
      accounts: z.array(text),
      regions: z.array(text),
      images: z.array(text),
      vpcs: z.array(text),
      instanceIds: z.array(text),
      roles: z.array(text),
      tags: z.record(text, text),
      proofKinds: z.array(z.enum(proofKinds)),
      windowSeconds: z.nullable(z.int()),
      attachments: z.array(z.enum(attachmentOutcomes)),
    }),
    expiresAt: z.nullable(time),
    usesLeft: z.nullable(z.int()),
    revokedAt: z.nullable(time),
    createdAt: time,
    createdBy: text,
    lastUsedAt: z.nullable(time),
    lastUsedBy: z.nullable(text),
  }),
);
export const KeyPage = answer('EnrollmentKeyPage', pageOf(KeyAnswer));

/** An enrollment key as the API shows it. */
export function keyView(key: EnrollmentKey): Shown<typeof KeyAnswer> {
  return {
    id: key.id,
    publicKey: key.publicKey,
    scope: key.scope,
    expiresAt: timeOrNull(key.expiresAt),
    usesLeft: key.usesLeft,
    revokedAt: timeOrNull(key.revokedAt),
    createdAt: formatTime(key.createdAt),
    createdBy: key.createdBy,
    lastUsedAt: timeOrNull(key.lastUsedAt),
    lastUsedBy: key.lastUsedBy,
  };
}
