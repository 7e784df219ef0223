import type { ProblemCode } from '#shared/domain/problems.ts';

/** The parts of Muster that refuse an attack or make it harmless: name and file. */
export const layers = {
  body: ['the HTTP body', 'shared/http/request.ts'],
  request: ['the signed request', 'shared/identity/enrollment-request.ts'],
  jws: ['the JWS', 'shared/identity/compact-jws.ts'],
  json: ['strict JSON', 'shared/identity/strict-json.ts'],
  object: ['the parser of the object', 'shared/identity/cms.ts'],
  signature: ['the signature', 'shared/identity/verify-document.ts'],
  document: ['the document', 'shared/identity/document.ts'],
  anchors: ['the pinned keys', 'shared/identity/anchors.ts'],
  sts: ['the request to STS', 'shared/identity/sts-request.ts'],
  stsAnswer: ['STS’s answer', 'shared/identity/sts-answer.ts'],
  decision: ['the decision', 'shared/domain/enrollment/enrollment.ts'],
  grants: ['the rules for grants', 'shared/domain/enrollment/grant-refusal.ts'],
  replacement: ['the rules for another key', 'shared/domain/agent/replacement.ts'],
  binding: ['the transaction', 'shared/app/enrollment/enroll-instance.ts'],
  ec2: ['EC2’s answer', 'shared/app/cloud/verify-instances.ts'],
  accounts: ['the registered accounts', 'shared/domain/account/accounts.ts'],
  members: ['the members’ credentials', 'shared/adapters/aws/member-credentials.ts'],
  checkin: ['the check-in', 'shared/app/agent/check-in.ts'],
  config: ['the configuration', 'shared/config.ts'],
} as const satisfies Record<string, readonly [name: string, file: string]>;

export interface Attack {
  number: number;
  /** What the attacker tries. */
  attack: string;
  /** The codes of the answers, by variant of the attack. */
  codes: readonly ProblemCode[];
  /** Why the variants that Muster accepts do no harm. */
  harmless?: string;
  layer: keyof typeof layers;
}

export interface Section {
  title: string;
  attacks: readonly Attack[];
}
