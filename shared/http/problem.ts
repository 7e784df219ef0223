import { Problem, type ProblemCode, problems } from '#shared/domain/problems.ts';

/** The one table from problem codes to HTTP: 400 unless it says otherwise. */
const statuses: Partial<Record<ProblemCode, number>> = {
  body_too_large: 413,
  unsupported_media_type: 415,
  not_found: 404,
  wrong_function: 421,
  foreign_host: 421,
  foreign_origin: 403,
  internal: 500,
  busy: 503,
  bad_signature: 401,
  wrong_audience: 401,
  clock_skew: 401,
  untrusted_signer: 403,
  invalid_signature: 403,
  unknown_region: 403,
  account_not_registered: 403,
  proof_not_allowed: 403,
  stale_document: 403,
  document_from_future: 503,
  instance_not_described: 503,
  instance_not_running: 409,
  attachments_differ: 403,
  sts_unknown_region: 403,
  sts_refused: 403,
  sts_unavailable: 503,
  sts_not_instance_role: 403,
  sts_other_instance: 403,
  grant_missing: 403,
  grant_unknown: 403,
  grant_invalid: 403,
  grant_revoked: 403,
  grant_expired: 403,
  grant_used_up: 403,
  grant_out_of_scope: 403,
  grant_of_other_instance: 403,
  enrollment_window_closed: 403,
  launched_by_muster: 403,
  ambiguous_launch: 409,
  already_enrolled: 409,
  instance_blocked: 409,
  re_enrollment_only: 403,
  proof_too_weak: 403,
  rotation_mismatch: 401,
  rotated_too_often: 429,
  key_bound_elsewhere: 409,
  key_denied: 403,
  refused: 403,
  retry: 503,
  agent_unknown: 401,
  stale_sequence: 409,
  identity_conflict: 409,
  body_hash_mismatch: 401,
  already_managed: 409,
  not_managed: 409,
  not_running: 409,
  not_blocked: 409,
  not_in_conflict: 409,
  restore_not_open: 409,
  not_implemented: 501,
  not_launchable: 409,
  server_busy: 409,
  already_exists: 409,
  conflict: 409,
  ec2_refused: 502,
  launch_not_allowed: 422,
};

export const statusOf = (code: ProblemCode): number => statuses[code] ?? 400;

export interface HttpAnswer {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
}

/** RFC 9457, section 3: `type` is the identity, `title` never varies, `detail` and the facts are of this occurrence. */
export function problemAnswer(problem: Problem): HttpAnswer {
  const { code, facts } = problem;
  const status = statusOf(code);
  const { title, todo } = problems[code];
  const type = `urn:muster:problem:${code}`;
  const retryAfter =
    typeof facts.retryAfterSeconds === 'number' ? { 'retry-after': String(facts.retryAfterSeconds) } : {};
  return {
    statusCode: status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...retryAfter },
    body: JSON.stringify({ ...facts, type, title, status, detail: problem.message, code, todo }),
  };
}

export function jsonAnswer(statusCode: number, body: unknown): HttpAnswer {
  return {
    statusCode,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify(body),
  };
}

/** What a caller is told of a failure: a Problem as it is, anything else as Muster's own fault, by reference alone. */
export function asProblem(error: unknown, reference: string): Problem {
  if (error instanceof Problem) return error;
  return new Problem('internal', 'something failed on our side', { reference });
}
