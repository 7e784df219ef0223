/**
 * Every refusal Muster can give, by stable code. `title` never varies; what is special to one occurrence travels in
 * `facts` and `detail`. `todo` tells whoever reads it what to do next. The HTTP status is http/problem.ts's affair.
 */
export const problems = {
  // the request itself
  malformed_request: { title: 'The request is not of the expected shape', todo: 'Compare it with docs/api.md.' },
  body_too_large: {
    title: 'The request body is too large',
    todo: 'Send at most 64 KiB; an enrollment at most 16 KiB.',
  },
  unsupported_media_type: {
    title: 'The content type is not the one this route takes',
    todo: 'Enroll with application/jose, all else with application/json.',
  },
  not_found: {
    title: 'There is no such thing here',
    todo: 'Check the method, the path, the id, the account and the region.',
  },
  foreign_host: { title: 'The request names another host', todo: 'Use the address that npm start printed.' },
  foreign_origin: { title: 'The request comes from another site', todo: 'Use the console of this address.' },
  internal: { title: 'Muster failed', todo: 'Try again; the reference leads to the log line.' },
  busy: { title: 'Too much at once', todo: 'Try again after retryAfterSeconds.' },

  // the signed enrollment request
  malformed_jws: {
    title: 'The request is no compact JWS of the expected form',
    todo: 'Sign it as docs/identity.md says.',
  },
  unsupported_algorithm: {
    title: 'The JWS names another algorithm or type',
    todo: 'Use alg EdDSA and the documented typ.',
  },
  weak_key: { title: 'The key proves nothing', todo: 'Make a new Ed25519 key on the instance.' },
  private_key_exposed: { title: 'The request carries a private key', todo: 'That key is burnt: make a new one.' },
  bad_signature: {
    title: 'The signature does not fit the key',
    todo: 'Sign the bytes that are sent, with the key that is named.',
  },
  wrong_audience: { title: 'The request was made for another deployment', todo: 'Check the agent’s Muster address.' },
  clock_skew: { title: 'The two clocks differ by more than five minutes', todo: 'Set the instance’s clock.' },

  // the identity document
  malformed_document: {
    title: 'The identity document is not of the expected form',
    todo: 'Send what IMDS returned, unchanged.',
  },
  malformed_signature: {
    title: 'The document’s signature is not of the expected form',
    todo: 'Send what IMDS returned, unchanged.',
  },
  unsupported_signature: { title: 'This kind of signature is not accepted', todo: 'Send IMDS’s rsa2048 form.' },
  document_mismatch: {
    title: 'The document is not the one that was signed',
    todo: 'Send the document and signature of one reading.',
  },
  untrusted_signer: {
    title: 'The signer is not AWS’s key for the document’s region',
    todo: 'Read the document anew from IMDS.',
  },
  invalid_signature: { title: 'The document’s signature does not verify', todo: 'Read the document anew from IMDS.' },
  unusable_anchors: {
    title: 'The anchors given cannot be used',
    todo: 'Compare them with docs/identity.md; test anchors need EC2 on loopback.',
  },
  unknown_region: {
    title: 'No key is known for this region',
    todo: 'Add the region’s certificate; see docs/identity.md.',
  },

  // the signed request to STS
  sts_unknown_region: { title: 'No STS host is known for this region', todo: 'Send iid-rsa2048 there.' },
  sts_refused: {
    title: 'STS does not accept the signed request',
    todo: 'Sign anew with the credentials that IMDS has now; STS’s own code is in stsCode.',
  },
  sts_unavailable: { title: 'STS could not be heard', todo: 'Try again after retryAfterSeconds.' },
  sts_not_instance_role: {
    title: 'The request to STS is not signed by an instance’s own role',
    todo: 'Use the credentials of identity-credentials/ec2, not those of an instance profile.',
  },
  sts_other_instance: {
    title: 'The request to STS is signed on another instance',
    todo: 'Read the document and the credentials on one instance.',
  },

  // the decision
  account_not_registered: {
    title: 'The account or region is not registered',
    todo: 'Register it in the stack’s parameters.',
  },
  proof_not_allowed: {
    title: 'Policy does not take this kind of proof here',
    todo: 'Send iid-rsa2048, or allow the kind.',
  },
  stale_document: {
    title: 'The document is from before the last start',
    todo: 'Read the document anew from IMDS and try again.',
  },
  document_from_future: { title: 'The document is newer than what EC2 said', todo: 'Try again shortly.' },
  instance_not_described: {
    title: 'EC2 has not confirmed the instance yet',
    todo: 'Try again after retryAfterSeconds.',
  },
  instance_not_running: { title: 'The instance is not pending or running', todo: 'Enroll when it runs.' },
  attachments_differ: {
    title: 'The root volume or the first interface is not the one that came with the instance',
    todo: 'Look at attachment; where it is meant to be so, let the key’s scope or the policy accept that.',
  },
  grant_missing: {
    title: 'No document alone ever enrolls',
    todo: 'Give the instance an enrollment key, or launch it with Muster.',
  },
  grant_unknown: {
    title: 'The grant is not one of Muster’s',
    todo: 'Check the grant’s id; it may have been revoked and removed.',
  },
  grant_invalid: {
    title: 'The grant’s signature does not fit',
    todo: 'Check that the seed belongs to the grant’s id.',
  },
  grant_revoked: { title: 'The enrollment key was revoked', todo: 'Register another: POST /v1/enrollment-keys.' },
  grant_expired: { title: 'The grant is past its time', todo: 'Issue another, or launch again.' },
  grant_used_up: { title: 'The enrollment key has no uses left', todo: 'Issue another with more uses.' },
  grant_out_of_scope: {
    title: 'The enrollment key is not for this instance',
    todo: 'Widen its scope, or issue one that fits.',
  },
  grant_of_other_instance: {
    title: 'The launch’s grant is for another instance',
    todo: 'Use it on the instance that launch made.',
  },
  enrollment_window_closed: {
    title: 'The instance is older than the enrollment key’s window',
    todo: 'Issue a key that names this instance.',
  },
  launched_by_muster: {
    title: 'Muster launched this instance: it enrolls with its launch’s grant',
    todo: 'Use the grant in its user data.',
  },
  ambiguous_launch: { title: 'Two instances fit this launch', todo: 'Decide which to keep; both are marked surplus.' },
  already_enrolled: {
    title: 'Another agent is enrolled on this instance',
    todo: 'If its key is lost, an operator re-enrolls the instance: POST /v1/instances/…/re-enroll.',
  },
  instance_blocked: {
    title: 'The instance is blocked: no agent may enroll there',
    todo: 'An operator unblocks it first: POST /v1/instances/…/unblock.',
  },
  re_enrollment_only: {
    title: 'The instance waits for its re-enrollment: only what the operator named for it counts',
    todo: 'Use that key or grant, or ask for another re-enrollment: POST /v1/instances/…/re-enroll.',
  },
  proof_too_weak: {
    title: 'The proof is weaker than the one that enrolled the agent before',
    todo: 'Show the kind in enrolledWith, or a stronger one.',
  },
  rotation_mismatch: {
    title: 'The old key’s token was made for another rotation',
    todo: 'Sign it for the new key and the jti of this request.',
  },
  key_bound_elsewhere: {
    title: 'This key belongs to another instance',
    todo: 'An image was made with the key inside: remove it there.',
  },
  key_denied: {
    title: 'This key was released, blocked or replaced',
    todo: 'If the instance is to come back, enroll it with a new key and a grant.',
  },
  refused: { title: 'Refused', todo: 'An operator can look up the reference.' },
  retry: { title: 'Not yet', todo: 'Try again after retryAfterSeconds.' },

  // after enrollment
  agent_unknown: { title: 'No agent is enrolled with this key', todo: 'Enroll first.' },
  stale_sequence: {
    title: 'A later request of this agent was already applied',
    todo: 'Go on from the answer’s seq, and name its overtakenAt, if there is one, in the next check-in.',
  },
  identity_conflict: {
    title: 'Two machines speak with this agent’s key',
    todo: 'Find out which of them is the instance, and re-enroll that one: POST /v1/instances/…/re-enroll.',
  },
  body_hash_mismatch: { title: 'The token was made for another body', todo: 'Hash the bytes that are sent.' },

  // what operators ask for
  already_managed: { title: 'The instance is a managed server already', todo: 'Look at its server record.' },
  not_managed: { title: 'The instance has no agent', todo: 'Enroll it first.' },
  not_running: { title: 'The instance does not run', todo: 'Start it first.' },
  not_blocked: { title: 'The instance is not blocked', todo: 'There is nothing to unblock.' },
  not_implemented: { title: 'This Muster cannot do that yet', todo: 'See docs/api.md for what it can.' },
  not_launchable: {
    title: 'The server was adopted: Muster has no launch request for it',
    todo: 'Create a server with a request and launch that.',
  },
  server_busy: {
    title: 'The server has a launch under way or a current instance',
    todo: 'Wait for it, or terminate it first.',
  },
  already_exists: { title: 'A thing of that id exists already', todo: 'Choose another id.' },
  conflict: { title: 'The record changed meanwhile', todo: 'Read it again and decide anew.' },
  ec2_refused: { title: 'EC2 did not do it', todo: 'See EC2’s own code in ec2Code.' },
  launch_not_allowed: {
    title: 'The launch names what this account may not use',
    todo: 'See the stack’s launch parameters.',
  },

  // the command line
  usage: { title: 'The command line is not understood', todo: 'See --help.' },
  bad_line: { title: 'A line of the timeline is not understood', todo: 'See docs/replay.md for the format.' },
} as const;

export type ProblemCode = keyof typeof problems;

/** Plain facts about one refusal: what collided with what. Never a secret, a document or a signature. */
export type Facts = Record<string, string | number | boolean | null | readonly string[]>;

/** A refusal by code. Anything thrown that is not a Problem is Muster's own fault. */
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
