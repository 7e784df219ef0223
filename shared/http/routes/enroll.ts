import * as z from 'zod/mini';
import { enrollmentMediaType } from '#protocol/enrollment.ts';
import { enrollPath } from '#protocol/paths.ts';
import { answer, text } from '#shared/app/answer.ts';
import { enrollInstance } from '#shared/app/enrollment/enroll-instance.ts';
import { defineRoute } from '../route.ts';

const Enrollment = answer(
  'Enrollment',
  z.object({ agentId: text, serverId: z.nullable(text), checkinUrl: text, checkinIntervalSeconds: z.number() }),
);

export const enrollRoute = defineRoute({
  method: 'POST',
  path: enrollPath,
  operationId: 'enroll',
  group: 'agent',
  function: 'enroll',
  summary: 'Enroll the agent of an instance',
  mediaType: enrollmentMediaType,
  body: z.string(),
  status: 200,
  answer: Enrollment,
  // In the order of problems.ts: the request, the document, the request to STS, the decision
  problems: [
    ...(['busy', 'malformed_jws', 'unsupported_algorithm', 'weak_key', 'private_key_exposed'] as const),
    ...(['bad_signature', 'wrong_audience', 'clock_skew', 'malformed_document', 'malformed_signature'] as const),
    ...([
      'certificate_in_signature',
      'unsupported_signature',
      'document_mismatch',
      'untrusted_signer',
      'invalid_signature',
    ] as const),
    ...(['unknown_region', 'sts_unknown_region', 'sts_refused', 'sts_unavailable', 'sts_not_instance_role'] as const),
    ...(['sts_other_instance', 'account_not_registered', 'proof_not_allowed', 'stale_document'] as const),
    ...(['document_from_future', 'instance_not_described', 'instance_not_running', 'attachments_differ'] as const),
    ...(['grant_missing', 'grant_unknown', 'grant_invalid', 'grant_revoked', 'grant_expired'] as const),
    ...(['grant_used_up', 'grant_out_of_scope', 'grant_of_other_instance', 'enrollment_window_closed'] as const),
    ...(['launched_by_muster', 'ambiguous_launch', 'already_enrolled', 'instance_blocked'] as const),
    ...([
      're_enrollment_only',
      'proof_too_weak',
      'rotation_mismatch',
      'rotated_too_often',
      'key_bound_elsewhere',
    ] as const),
    ...(['key_denied', 'agent_unknown', 'identity_conflict', 'refused', 'retry'] as const),
  ],
  run: ({ body }, now, ports) => enrollInstance(body, now, ports),
});
