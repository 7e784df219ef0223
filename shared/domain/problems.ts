interface Entry {
  /** What is wrong, in one sentence that never varies. Details of one occurrence are in the problem's `detail` and `facts`. */
  title: string;
  /** What the reader can do next. */
  todo: string;
  /** The same request, signed anew, may succeed later without any other change (protocol/refusals.ts). */
  retry?: true;
}

/** Every refusal of Muster and of its command line, by stable code. The HTTP status is in http/problem.ts. */
export const problems = {
  // the request itself
  malformed_request: { title: 'The request does not have the expected form', todo: 'Compare it with docs/api.md.' },
  body_too_large: {
    title: 'The request body is too large',
    todo: 'Send at most 64 KiB; an enrollment at most 16 KiB.',
  },
  unsupported_media_type: {
    title: 'This route does not accept the content type',
    todo: 'Send an enrollment as application/jose, any other body as application/json.',
  },
  not_found: {
    title: 'There is no record or route at this address',
    todo: 'Check the method, the path, the id, the account and the Region.',
  },
  wrong_function: {
    title: 'Another function of Muster serves this route',
    todo: 'Send the request to the API, or invoke the function that `function` names.',
  },
  foreign_host: { title: 'The request names another host', todo: 'Use the address that npm start printed.' },
  foreign_origin: { title: 'The request comes from another web site', todo: 'Use the console at this address.' },
  internal: {
    title: 'Muster failed',
    todo: 'Try again. The reference is in the log line of the failure.',
    retry: true,
  },
  busy: { title: 'Too many requests at once', todo: 'Try again after retryAfterSeconds.', retry: true },

  // the signed enrollment request
  malformed_jws: {
    title: 'The request is not a compact JWS of the expected form',
    todo: 'Sign it as docs/identity.md describes.',
  },
  unsupported_algorithm: {
    title: 'The JWS names a wrong algorithm or type',
    todo: 'Use alg EdDSA and the documented typ.',
  },
  weak_key: {
    title: 'The key is weak: a signature by it proves nothing',
    todo: 'Make a new Ed25519 key on the instance.',
  },
  private_key_exposed: {
    title: 'The request contains a private key',
    todo: 'Do not use that key again. Make a new one.',
  },
  bad_signature: {
    title: 'The signature does not match the key',
    todo: 'Sign exactly the bytes that you send, with the key that the request names.',
  },
  wrong_audience: {
    title: 'The request was signed for another deployment or route',
    todo: 'Check the Muster address in the agent’s settings.',
  },
  clock_skew: {
    title: 'The clocks of agent and Muster differ by more than five minutes',
    todo: 'Correct the instance’s clock.',
    retry: true,
  },

  // the identity document
  malformed_document: {
    title: 'The identity document does not have the expected form',
    todo: 'Send the text that IMDS returned, unchanged.',
  },
  malformed_signature: {
    title: 'The document’s signature does not have the expected form',
    todo: 'Send the text that IMDS returned, unchanged.',
  },
  certificate_in_signature: {
    title: 'The signature object contains a certificate, which Muster does not read',
    todo: 'Read rsa2048 from IMDS again. If it stays, enroll with iid-rsa, where the policy allows that.',
  },
  unsupported_signature: {
    title: 'Muster does not accept this kind of signature',
    todo: 'Send the signature that IMDS returns under rsa2048.',
  },
  document_mismatch: {
    title: 'The document is not the one that was signed',
    todo: 'Read document and signature from IMDS at the same time.',
  },
  untrusted_signer: {
    title: 'The document is not signed with the key of AWS for its Region',
    todo: 'Read the document from IMDS again.',
  },
  invalid_signature: {
    title: 'The document’s signature is not valid',
    todo: 'Read the document from IMDS again.',
  },
  unusable_anchors: {
    title: 'The configured anchors cannot be used',
    todo: 'Compare them with docs/identity.md. Test anchors need an EC2 endpoint on this machine.',
  },
  unknown_region: {
    title: 'Muster has no AWS key for this Region',
    todo: 'Add the Region’s certificate: see docs/identity.md.',
  },

  // the signed request to STS
  sts_unknown_region: {
    title: 'Muster knows no STS host for this Region',
    todo: 'Enroll with iid-rsa2048 in this Region.',
  },
  sts_refused: {
    title: 'STS does not accept the signed request',
    todo: 'Sign again with the present credentials of IMDS. stsCode is the error code of STS.',
  },
  sts_unavailable: { title: 'STS does not answer', todo: 'Try again after retryAfterSeconds.', retry: true },
  sts_not_instance_role: {
    title: 'The request to STS is not signed by an instance’s own role',
    todo: 'Sign with the credentials under identity-credentials/ec2, not with those of an instance profile.',
  },
  sts_other_instance: {
    title: 'The request to STS is signed on another instance than the document',
    todo: 'Read the document and the credentials on the same instance.',
  },

  // the decision
  account_not_registered: {
    title: 'The account or Region is not registered',
    todo: 'Add it to the stack’s parameters.',
  },
  proof_not_allowed: {
    title: 'The policy does not allow this kind of proof here',
    todo: 'Send iid-rsa2048, or allow this kind in the policy.',
  },
  stale_document: {
    title: 'The document is older than the last start of the instance',
    todo: 'Read the document from IMDS again and try again.',
    retry: true,
  },
  document_from_future: {
    title: 'The document is newer than the last start that EC2 has reported',
    todo: 'Try again after a few seconds.',
    retry: true,
  },
  instance_not_described: {
    title: 'EC2 has not confirmed the instance yet',
    todo: 'Try again after retryAfterSeconds.',
    retry: true,
  },
  instance_not_running: {
    title: 'The instance is neither pending nor running',
    todo: 'Try again when the instance runs.',
    retry: true,
  },
  attachments_differ: {
    title: 'The root volume or the first network interface is not the one that the instance was launched with',
    todo: 'Read attachment. If the change is intended, allow it in the key’s scope or in the policy.',
  },
  grant_missing: {
    title: 'The request carries no grant',
    todo: 'Give the instance an enrollment key, or launch it with Muster.',
  },
  grant_unknown: {
    title: 'Muster does not know this grant',
    todo: 'Check the grant’s id. Muster may have removed a revoked grant.',
  },
  grant_invalid: {
    title: 'The grant’s signature is not valid',
    todo: 'Check that the seed belongs to the grant’s id.',
  },
  grant_revoked: {
    title: 'The enrollment key was revoked',
    todo: 'Register another key: POST /v1/enrollment-keys.',
  },
  grant_expired: { title: 'The grant has expired', todo: 'Register another key, or launch again.' },
  grant_used_up: {
    title: 'The enrollment key has no uses left',
    todo: 'Register another key with more uses.',
  },
  grant_out_of_scope: {
    title: 'The instance is outside the enrollment key’s scope',
    todo: 'Register a key whose scope includes the instance.',
  },
  grant_of_other_instance: {
    title: 'The launch’s grant belongs to another instance',
    todo: 'Use it on the instance that this launch started.',
  },
  enrollment_window_closed: {
    title: 'The instance is older than the enrollment key’s window allows',
    todo: 'Register a key that names this instance.',
  },
  launched_by_muster: {
    title: 'Muster launched this instance: only the grant of its launch can enroll it',
    todo: 'Use the grant in the instance’s user data.',
  },
  ambiguous_launch: {
    title: 'Two instances belong to this launch',
    todo: 'Decide which one to keep. Both are marked as surplus.',
  },
  already_enrolled: {
    title: 'Another agent is enrolled on this instance',
    todo: 'If its key is lost, re-enroll the instance as an operator: POST /v1/instances/…/re-enroll.',
  },
  instance_blocked: {
    title: 'The instance is blocked: no agent can enroll on it',
    todo: 'Unblock it as an operator: POST /v1/instances/…/unblock.',
  },
  re_enrollment_only: {
    title: 'The instance waits for its re-enrollment and accepts only the key or grant that the operator named',
    todo: 'Use that key or grant, or start another re-enrollment: POST /v1/instances/…/re-enroll.',
  },
  proof_too_weak: {
    title: 'The proof is weaker than the proof that enrolled the agent before',
    todo: 'Send the kind of proof in enrolledWith, or a stronger one.',
  },
  rotation_mismatch: {
    title: 'The old key’s token was made for another rotation',
    todo: 'Sign it for the new key and for the jti of this request.',
  },
  rotated_too_often: {
    title: 'The agent has put another key in its key’s place too often in the last hour',
    todo: 'Go on with the present key, and rotate it again after retryAfterSeconds.',
    retry: true,
  },
  key_bound_elsewhere: {
    title: 'This key belongs to another instance',
    todo: 'The disk image probably contains the key: remove it from the image.',
  },
  key_denied: {
    title: 'This key was released, blocked or replaced',
    todo: 'To enroll the instance again, use a new key and a grant.',
  },
  refused: { title: 'The enrollment is refused', todo: 'Ask an operator to look up the reference.' },
  retry: { title: 'The enrollment is not possible yet', todo: 'Try again after retryAfterSeconds.', retry: true },

  // after enrollment
  agent_unknown: { title: 'No agent is enrolled with this key', todo: 'Enroll first.' },
  stale_sequence: {
    title: 'Muster has already applied a later request of this agent',
    todo: 'Continue with a number above the answer’s seq. Repeat its overtakenAt, if present, in the next check-in.',
    retry: true,
  },
  identity_conflict: {
    title: 'Two machines use this agent’s key',
    todo: 'Find out which of them is the instance, and re-enroll that one: POST /v1/instances/…/re-enroll.',
  },
  body_hash_mismatch: {
    title: 'The token was signed for another body',
    todo: 'Hash exactly the bytes that you send.',
  },

  // requests of operators
  already_managed: { title: 'The instance is already a managed server', todo: 'Look at its server record.' },
  not_managed: { title: 'The instance has no enrolled agent', todo: 'Enroll it first.' },
  not_running: { title: 'The instance does not run', todo: 'Start it first.' },
  not_blocked: { title: 'The instance is not blocked', todo: 'No unblocking is needed.' },
  not_in_conflict: { title: 'No conflict of the instance was seen in that time', todo: 'Nothing has to be ended.' },
  restore_not_open: {
    title: 'No restore is open',
    todo: 'Open the check-ins first: POST /v1/restore. See docs/runbook.md.',
  },
  not_implemented: { title: 'This version of Muster cannot do this', todo: 'See docs/api.md for what it can do.' },
  not_launchable: {
    title: 'Muster has no launch request for this server, because the server was adopted',
    todo: 'Create a server with a request and launch that one.',
  },
  server_busy: {
    title: 'The server has a launch in progress or a current instance',
    todo: 'Wait for the launch to end, or terminate the instance first.',
  },
  already_exists: { title: 'A record with this id already exists', todo: 'Choose another id.' },
  conflict: {
    title: 'The record has changed since you read it',
    todo: 'Read it again and decide again.',
  },
  ec2_refused: { title: 'EC2 refused the request', todo: 'ec2Code is the error code of EC2.' },
  launch_not_allowed: {
    title: 'The launch request does not name what the account lists for launches',
    todo: 'Name one of the values that the stack’s parameter `accounts` lists for `field`.',
  },

  // the command line
  usage: { title: 'The command line is not valid', todo: 'See --help.' },
  bad_line: { title: 'A line of the timeline is not valid', todo: 'See docs/replay.md for the format.' },
} as const satisfies Record<string, Entry>;

export type ProblemCode = keyof typeof problems;

/** Members that explain one refusal, for example the ids and limits concerned. Never a secret, a document or a signature. */
export type Facts = Record<string, string | number | boolean | null | readonly string[]>;

/** May the same request, signed anew, succeed later without any other change? */
export const mayBeRetried = (code: ProblemCode): boolean => 'retry' in problems[code];

/** A refusal by code. Any other thrown error is a failure of Muster. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly facts: Facts;

  constructor(code: ProblemCode, detail: string, facts: Facts = {}) {
    super(detail);
    this.code = code;
    this.facts = facts;
  }
}
