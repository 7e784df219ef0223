/**
 * Problem codes after which an agent sends the request again, signed anew: waiting alone may be enough. The same codes are marked
 * in the problem catalogue (shared/domain/problems.ts).
 */
const retried: ReadonlySet<string> = new Set([
  ...['busy', 'internal', 'retry', 'clock_skew', 'stale_document', 'document_from_future', 'stale_sequence'],
  ...['instance_not_described', 'instance_not_running', 'sts_unavailable', 'rotated_too_often'],
]);

/** True if a request that was refused with this code may succeed later without a change of the request or of the instance. A refusal with `retryAfterSeconds` may too, whatever its code. */
export const mayBeRetried = (code: string): boolean => retried.has(code);

/** True for the problem code of a check-in that says that the agent's enrollment has ended. */
export const endsEnrollment = (code: string): boolean => code === 'key_denied';

/** True for the problem code of a check-in that says that Muster does not know the key: it has lost the enrollment. After any other code the agent stays enrolled. */
export const losesEnrollment = (code: string): boolean => code === 'agent_unknown';
