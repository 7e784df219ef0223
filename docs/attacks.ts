import type { ProblemCode } from '#shared/domain/problems.ts';

/** Who says no, or makes it harmless, and where that is written down. */
export const layers = {
  body: ['the HTTP body', 'shared/http/request.ts'],
  request: ['the signed request', 'shared/identity/enrollment-request.ts'],
  jws: ['the JWS', 'shared/identity/compact-jws.ts'],
  json: ['strict JSON', 'shared/identity/strict-json.ts'],
  object: ['the reader of the object', 'shared/identity/cms.ts'],
  signature: ['the signature', 'shared/identity/verify-document.ts'],
  document: ['the document', 'shared/identity/document.ts'],
  anchors: ['the pinned keys', 'shared/identity/anchors.ts'],
  sts: ['the request to STS', 'shared/identity/sts-request.ts'],
  stsAnswer: ['STS’s answer', 'shared/identity/sts-answer.ts'],
  decision: ['the decision', 'shared/domain/enrollment/enrollment.ts'],
  grants: ['the rules for grants', 'shared/domain/enrollment/grant-refusal.ts'],
  replacement: ['the rules for another key', 'shared/domain/agent/replacement.ts'],
  binding: ['the transaction', 'shared/app/enrollment/enroll-instance.ts'],
  ec2: ['EC2’s word', 'shared/app/cloud/verify-instances.ts'],
  accounts: ['the registered accounts', 'shared/domain/account/accounts.ts'],
  members: ['the members’ credentials', 'shared/adapters/aws/member-credentials.ts'],
  checkin: ['the check-in', 'shared/app/agent/check-in.ts'],
  config: ['the configuration', 'shared/config.ts'],
} as const satisfies Record<string, readonly [name: string, file: string]>;

export interface Attack {
  number: number;
  /** What somebody tries. */
  attack: string;
  /** What they are told, by form of the attack. */
  codes: readonly ProblemCode[];
  /** Why what is let through of it harms nobody. */
  harmless?: string;
  layer: keyof typeof layers;
}

export interface Section {
  title: string;
  attacks: readonly Attack[];
}

/** The attacks that research on other systems' enrollment collected, numbered as there, and what each comes to here. */
export const sections: readonly Section[] = [
  {
    title: 'The envelope',
    attacks: [
      {
        number: 1,
        attack: 'A body of more than 16 KiB, or one whose Content-Length says something else',
        codes: ['body_too_large'],
        harmless: 'The header is never read: the bytes that came are counted.',
        layer: 'request',
      },
      {
        number: 2,
        attack: 'Another content type, or base64 that is not what it is flagged as',
        codes: ['unsupported_media_type', 'malformed_jws'],
        layer: 'body',
      },
      {
        number: 3,
        attack: 'A body that is compressed or still in chunks',
        codes: ['unsupported_media_type', 'malformed_jws'],
        layer: 'body',
      },
      {
        number: 4,
        attack: 'A JWS with a part too many, too few or empty, with padding, blanks or characters of another alphabet',
        codes: ['malformed_jws'],
        layer: 'jws',
      },
      {
        number: 5,
        attack: 'One JSON object that names a member twice: in the header, the payload or the document',
        codes: ['malformed_jws', 'malformed_request', 'malformed_document'],
        layer: 'json',
      },
      {
        number: 6,
        attack:
          'Members that every JavaScript object has, such as `__proto__`; endless nesting; a list where a text belongs',
        codes: ['malformed_jws', 'malformed_request', 'malformed_document'],
        layer: 'json',
      },
      {
        number: 7,
        attack: 'Text that can be decoded in two ways: invalid UTF-8, a byte order mark, half of a surrogate pair',
        codes: ['malformed_jws', 'malformed_request', 'malformed_document'],
        layer: 'json',
      },
    ],
  },
  {
    title: 'The agent’s key',
    attacks: [
      {
        number: 8,
        attack: 'Any `alg` but `EdDSA`, whatever its spelling, or none',
        codes: ['unsupported_algorithm'],
        layer: 'jws',
      },
      {
        number: 9,
        attack: 'The signature of another key than the header’s; headers that say where to get a key',
        codes: ['bad_signature', 'malformed_jws'],
        layer: 'jws',
      },
      {
        number: 10,
        attack: 'A `jwk` with its private part in it',
        codes: ['private_key_exposed'],
        layer: 'request',
      },
      {
        number: 11,
        attack: 'A `jwk` of another type or curve, or with members too many',
        codes: ['unsupported_algorithm', 'malformed_jws'],
        layer: 'request',
      },
      {
        number: 12,
        attack: 'A key of low order, for which anybody can sign',
        codes: ['weak_key'],
        layer: 'request',
      },
      {
        number: 13,
        attack: 'One key in a second spelling, to count as two',
        codes: ['malformed_jws', 'weak_key'],
        layer: 'request',
      },
      {
        number: 14,
        attack: 'A second signature made out of the first, by adding the group’s order',
        codes: ['bad_signature'],
        layer: 'jws',
      },
      {
        number: 15,
        attack: '`crit`, `b64` or another `typ`; a check-in’s token as an enrollment, and the other way round',
        codes: ['malformed_jws', 'unsupported_algorithm'],
        layer: 'jws',
      },
      {
        number: 16,
        attack: 'A request that was made for another deployment, or for one that is spelled almost the same',
        codes: ['wrong_audience'],
        layer: 'request',
      },
      {
        number: 17,
        attack: 'An `iat` that is no whole number of seconds, or more than five minutes off',
        codes: ['malformed_request', 'clock_skew'],
        layer: 'request',
      },
      {
        number: 18,
        attack: 'A request that was sent before, by the same key; and once more after that key’s end',
        codes: ['key_denied'],
        harmless: 'The same key gets the same answer. There is no second record and no second event.',
        layer: 'decision',
      },
      {
        number: 19,
        attack: 'A key that another instance has enrolled, as in an image made of its disk',
        codes: ['key_bound_elsewhere'],
        layer: 'decision',
      },
      {
        number: 20,
        attack: 'A key that was released or blocked',
        codes: ['key_denied'],
        layer: 'decision',
      },
    ],
  },
  {
    title: 'The structure of the `rsa2048` object',
    attacks: [
      {
        number: 21,
        attack: 'Something else than SignedData; content of another type; another version',
        codes: ['malformed_signature'],
        layer: 'object',
      },
      {
        number: 22,
        attack: 'No content in the object, and a document beside it to fill the gap',
        codes: ['malformed_signature'],
        layer: 'object',
      },
      {
        number: 23,
        attack: 'A document beside the object that is not the content: one byte, a newline, the order of its members',
        codes: ['document_mismatch'],
        layer: 'signature',
      },
      {
        number: 24,
        attack: 'Content in pieces that two readers would join differently',
        codes: ['malformed_signature'],
        harmless: 'Pieces of one level are joined, and both the digest and the document are of the joined bytes.',
        layer: 'object',
      },
      {
        number: 25,
        attack: 'No signer, two signers, a good one behind a bad one',
        codes: ['malformed_signature'],
        layer: 'object',
      },
      {
        number: 26,
        attack: 'Certificates or revocation lists in the object, to be verified with',
        codes: ['malformed_signature'],
        layer: 'object',
      },
      {
        number: 27,
        attack: 'A signer whose issuer or serial number is not the pinned one; a signer named by its key',
        codes: ['untrusted_signer', 'malformed_signature'],
        layer: 'signature',
      },
      {
        number: 28,
        attack: 'Attributes that nobody signed, a countersignature among them',
        codes: ['malformed_signature'],
        layer: 'object',
      },
      {
        number: 29,
        attack: 'No signed attributes, so that the content is taken for them',
        codes: ['malformed_signature'],
        layer: 'object',
      },
      {
        number: 30,
        attack: 'A digest that is missing, doubled, of another length or of other content',
        codes: ['malformed_signature', 'invalid_signature'],
        layer: 'object',
      },
      {
        number: 31,
        attack: 'A signed content type that is missing, doubled or another',
        codes: ['malformed_signature'],
        layer: 'object',
      },
      {
        number: 32,
        attack: 'A signing time that is missing, doubled, no time, long before the start or in the future',
        codes: ['malformed_signature', 'document_from_future'],
        layer: 'object',
      },
      {
        number: 33,
        attack: 'Protected algorithms that are not the ones that are used',
        codes: ['malformed_signature'],
        layer: 'object',
      },
      {
        number: 34,
        attack: 'Another algorithm than RSA with SHA-256, named in either place; two digest algorithms, or none',
        codes: ['unsupported_signature', 'malformed_signature'],
        layer: 'object',
      },
      {
        number: 35,
        attack: 'A signature over the attributes’ other tag, or over another order of them',
        codes: ['invalid_signature'],
        layer: 'signature',
      },
      {
        number: 36,
        attack:
          'BER that general readers forgive or choke on: trailing bytes, wrong or long lengths, empty numbers, deep nesting',
        codes: ['malformed_signature', 'untrusted_signer'],
        layer: 'object',
      },
      {
        number: 37,
        attack: 'An object identifier that becomes a trusted one where numbers overflow',
        codes: ['unsupported_signature', 'malformed_signature'],
        layer: 'object',
      },
      {
        number: 38,
        attack: 'The signature as PEM, with other line breaks, other padding or another alphabet',
        codes: ['malformed_signature'],
        harmless:
          'Line breaks of either kind, after any number of characters, are left out before the rest is decoded.',
        layer: 'signature',
      },
    ],
  },
  {
    title: 'The signature and the pinned key',
    attacks: [
      {
        number: 39,
        attack: 'A key of one’s own under the name and serial number of AWS’s certificate',
        codes: ['invalid_signature', 'malformed_signature'],
        layer: 'signature',
      },
      {
        number: 40,
        attack: 'A genuine signature of one kind offered, or checked, as another kind',
        codes: ['unsupported_signature', 'malformed_signature', 'unknown_region'],
        layer: 'anchors',
      },
      {
        number: 41,
        attack: 'A genuine document with another Region written into it',
        codes: ['invalid_signature'],
        layer: 'signature',
      },
      {
        number: 42,
        attack: 'A genuine document with the genuine signature of another one',
        codes: ['document_mismatch', 'invalid_signature'],
        layer: 'signature',
      },
      {
        number: 43,
        attack: 'IMDS’s `pkcs7`, signed with DSA, in place of `rsa2048`',
        codes: ['unsupported_signature'],
        layer: 'object',
      },
      {
        number: 44,
        attack: 'The weaker `iid-rsa` where the policy does not name it',
        codes: ['proof_not_allowed'],
        layer: 'decision',
      },
      {
        number: 45,
        attack: 'A failing `rsa2048` with the weaker signature beside it, to be fallen back to',
        codes: ['malformed_request', 'malformed_signature'],
        layer: 'request',
      },
      {
        number: 46,
        attack: 'A Region that Muster has no key for',
        codes: ['unknown_region'],
        layer: 'anchors',
      },
      {
        number: 47,
        attack: 'A certificate that has ended, over the pinned key; a fresh one over another key',
        codes: ['untrusted_signer', 'invalid_signature'],
        harmless: 'AWS renews over the same key. Its end is a warning, which the verdict carries.',
        layer: 'anchors',
      },
      {
        number: 48,
        attack: 'RSA numbers made to pass: of another length, 0, 1, n−1, s+n, garbage beside the digest',
        codes: ['malformed_signature', 'invalid_signature'],
        layer: 'signature',
      },
      {
        number: 49,
        attack: 'A test authority’s key in a deployment on AWS',
        codes: ['unusable_anchors'],
        layer: 'anchors',
      },
    ],
  },
  {
    title: 'The document',
    attacks: [
      {
        number: 50,
        attack: 'An account id that is a number, too short, too long, with blanks or with other digits',
        codes: ['malformed_document'],
        layer: 'document',
      },
      {
        number: 51,
        attack: 'An instance id that reaches into another key of the table, or is none',
        codes: ['malformed_document'],
        layer: 'document',
      },
      {
        number: 52,
        attack: 'A Region in another spelling or with a host in it; a zone of another Region',
        codes: ['malformed_document'],
        harmless: 'Local and wavelength zones have longer names, which begin with their Region’s.',
        layer: 'document',
      },
      {
        number: 53,
        attack: 'A `pendingTime` with an offset, without a zone, or on a day that does not exist',
        codes: ['malformed_document'],
        layer: 'document',
      },
      {
        number: 54,
        attack: 'Members that say who the instance is, missing or null; new members',
        codes: ['malformed_document'],
        harmless: 'Members that Muster does not know are not read.',
        layer: 'document',
      },
      {
        number: 55,
        attack: 'A document that is a list or a text, or that goes on after its object',
        codes: ['malformed_document'],
        layer: 'document',
      },
      {
        number: 56,
        attack: 'A private address that is none',
        codes: ['malformed_document'],
        layer: 'document',
      },
    ],
  },
  {
    title: 'Accounts, Regions, partitions',
    attacks: [
      {
        number: 57,
        attack: 'A genuine document of a stranger’s account',
        codes: ['refused'],
        layer: 'decision',
      },
      {
        number: 58,
        attack: 'A registered account in a Region or partition that it is not registered in',
        codes: ['refused'],
        layer: 'accounts',
      },
      {
        number: 59,
        attack: 'Two accounts with one instance id',
        codes: [],
        harmless: 'The account and the Region are part of every key: these are two records.',
        layer: 'binding',
      },
      {
        number: 60,
        attack: 'An account that has left the organization since its members were last read',
        codes: ['refused'],
        harmless:
          'No list of members is kept: an account counts while the configuration names it, and a member’s credentials live 15 minutes at most.',
        layer: 'accounts',
      },
      {
        number: 61,
        attack: 'A role, a host or an external id made of what the request says',
        codes: [],
        harmless: 'They come from the configuration, by an account that is registered.',
        layer: 'members',
      },
    ],
  },
  {
    title: 'Freshness and replay',
    attacks: [
      {
        number: 62,
        attack: 'A stolen document, after the true agent has enrolled',
        codes: ['refused', 'already_enrolled'],
        layer: 'grants',
      },
      {
        number: 63,
        attack: 'A stolen document, before the true agent enrolls',
        codes: ['refused'],
        layer: 'decision',
      },
      {
        number: 64,
        attack: 'The document of an instance that was terminated',
        codes: ['refused', 'instance_not_running'],
        layer: 'decision',
      },
      {
        number: 65,
        attack: 'A document from before the instance’s last start',
        codes: ['stale_document'],
        layer: 'decision',
      },
      {
        number: 66,
        attack: 'A document newer than EC2’s word or than now',
        codes: ['retry', 'document_from_future'],
        layer: 'decision',
      },
      {
        number: 67,
        attack: 'An older document of an instance that has enrolled with a newer one',
        codes: ['stale_document', 'already_enrolled'],
        layer: 'decision',
      },
      {
        number: 68,
        attack: 'A document out of an image, a bucket, a bundle for support or a public test suite',
        codes: ['refused', 'unsupported_signature'],
        layer: 'decision',
      },
    ],
  },
  {
    title: 'Enrollment and its races',
    attacks: [
      {
        number: 69,
        attack: 'Two keys at the same instant',
        codes: ['already_enrolled'],
        layer: 'binding',
      },
      {
        number: 70,
        attack: 'The same request twice at once, or again after a timeout',
        codes: [],
        harmless: 'There is one record and one event, and the answer is the same.',
        layer: 'binding',
      },
      {
        number: 71,
        attack: 'A crash between the write and the answer, or before the event',
        codes: [],
        harmless: 'The next attempt gets the answer. The event comes from the table’s stream, with the record.',
        layer: 'binding',
      },
      {
        number: 72,
        attack: 'An enrollment before EC2 has told of the instance',
        codes: ['instance_not_described', 'retry'],
        layer: 'decision',
      },
      {
        number: 73,
        attack: 'An enrollment while the instance stops, or after its end',
        codes: ['instance_not_running'],
        layer: 'decision',
      },
      {
        number: 74,
        attack: 'A conflict of two transactions, to pass for an enrollment that is there',
        codes: ['busy'],
        layer: 'binding',
      },
      {
        number: 75,
        attack:
          'A re-enrollment that was allowed once: twice, on another instance, too late, or once it was taken back',
        codes: [
          'refused',
          're_enrollment_only',
          'already_enrolled',
          'grant_used_up',
          'grant_out_of_scope',
          'grant_expired',
          'grant_revoked',
        ],
        layer: 'grants',
      },
      {
        number: 76,
        attack: 'Re-enrollment on restart, after a reboot or a restart of the agent alone',
        codes: ['refused', 'already_enrolled'],
        layer: 'replacement',
      },
      {
        number: 77,
        attack: 'An image made of an enrolled machine, and its clones',
        codes: ['key_bound_elsewhere'],
        harmless: 'On a new instance id the agent drops the old identity and makes a key.',
        layer: 'decision',
      },
    ],
  },
  {
    title: 'The STS proof',
    attacks: [
      {
        number: 78,
        attack: 'A request to another host than STS’s own',
        codes: ['malformed_request', 'sts_unknown_region', 'sts_refused'],
        harmless: 'Muster writes the request; the host is from a table, by Region.',
        layer: 'sts',
      },
      {
        number: 79,
        attack: 'Another action, another version, a second parameter, a query',
        codes: ['malformed_request', 'sts_refused'],
        harmless: 'Muster writes the method, the path and the body.',
        layer: 'sts',
      },
      {
        number: 80,
        attack: 'A header that binds the request and is not signed, or is there twice',
        codes: ['malformed_request', 'sts_refused'],
        harmless: 'Muster writes the list of signed headers, and each of them once.',
        layer: 'sts',
      },
      {
        number: 81,
        attack: 'A request that was signed for another deployment, another key or another enrollment',
        codes: ['sts_refused'],
        layer: 'sts',
      },
      {
        number: 82,
        attack: 'A header that makes STS answer in another way',
        codes: ['malformed_request', 'sts_refused'],
        harmless: 'Muster sends its own headers and no others.',
        layer: 'sts',
      },
      {
        number: 83,
        attack: 'An answer that redirects, is too long, is no JSON or names two callers',
        codes: ['sts_unavailable'],
        layer: 'stsAnswer',
      },
      {
        number: 84,
        attack: 'An ordinary role whose session is called like an instance',
        codes: ['sts_not_instance_role'],
        layer: 'stsAnswer',
      },
      {
        number: 85,
        attack: 'The role of another instance or account than the document’s',
        codes: ['sts_other_instance'],
        layer: 'stsAnswer',
      },
      {
        number: 86,
        attack: 'A request to STS that was signed too long ago, or for later',
        codes: ['clock_skew'],
        layer: 'sts',
      },
    ],
  },
  {
    title: 'What EC2 says',
    attacks: [
      {
        number: 87,
        attack: 'A document of an instance that EC2 does not list: while it may come, and long after',
        codes: ['instance_not_described', 'retry', 'enrollment_window_closed'],
        layer: 'decision',
      },
      {
        number: 88,
        attack: 'A document that does not fit what EC2 says of the instance',
        codes: ['stale_document', 'document_from_future'],
        harmless:
          'The start is compared. Image, type, zone and address are AWS’s word in both; another address is kept with the binding, as a signal.',
        layer: 'decision',
      },
      {
        number: 89,
        attack: 'A root disk or a network interface that was moved here from another machine',
        codes: ['attachments_differ', 'instance_not_described'],
        layer: 'decision',
      },
      {
        number: 90,
        attack: 'An answer of EC2’s about another instance than the one that was asked for, or about two',
        codes: ['instance_not_described'],
        layer: 'ec2',
      },
      {
        number: 91,
        attack: 'Tags that say that Muster launched the instance',
        codes: ['grant_of_other_instance'],
        layer: 'grants',
      },
      {
        number: 92,
        attack: 'An account whose role is missing or throttled, to pass for an answer or to hold up the others',
        codes: ['retry', 'instance_not_described'],
        harmless: 'The other accounts of a batch get their answers, and its role is asked for once in ten seconds.',
        layer: 'members',
      },
      {
        number: 93,
        attack: 'One account’s session, used for another account',
        codes: [],
        harmless: 'Credentials are kept by partition and account, and STS must name that account before they are used.',
        layer: 'members',
      },
    ],
  },
  {
    title: 'Grants and policy',
    attacks: [
      {
        number: 94,
        attack:
          'A launch’s grant on another server’s instance, of an older generation, by a second key, cut short or empty',
        codes: ['grant_of_other_instance', 'ambiguous_launch', 'already_enrolled', 'malformed_request'],
        layer: 'decision',
      },
      {
        number: 95,
        attack: 'Twenty enrollments at once with a key that has one use left',
        codes: ['grant_used_up'],
        layer: 'binding',
      },
      {
        number: 96,
        attack: 'An enrollment key that has expired, was revoked, or is for others',
        codes: ['grant_expired', 'grant_revoked', 'grant_out_of_scope', 'refused'],
        layer: 'grants',
      },
      {
        number: 97,
        attack: 'A policy or a set of pinned keys that is missing, empty or unreadable',
        codes: ['internal', 'unusable_anchors', 'unknown_region', 'proof_not_allowed'],
        layer: 'config',
      },
    ],
  },
  {
    title: 'Floods, oracles, noise',
    attacks: [
      {
        number: 98,
        attack: 'A flood of well-made envelopes with documents that are none, or with an enrollment key that is over',
        codes: [
          'malformed_signature',
          'malformed_document',
          'invalid_signature',
          'grant_revoked',
          'grant_expired',
          'grant_used_up',
        ],
        layer: 'object',
      },
      {
        number: 99,
        attack: 'A flood from one true instance',
        codes: ['refused'],
        harmless: 'Its record is written once an hour, EC2 is not asked; the API’s throttle for this route is its own.',
        layer: 'decision',
      },
      {
        number: 100,
        attack: 'Asking which accounts, instances or grants there are',
        codes: ['refused'],
        layer: 'decision',
      },
      {
        number: 101,
        attack: 'Line breaks, escape codes or kilobytes in what the agent says of its machine',
        codes: ['malformed_request'],
        layer: 'request',
      },
      {
        number: 102,
        attack: 'Reading documents, signatures or tokens out of logs and errors',
        codes: ['refused'],
        layer: 'binding',
      },
    ],
  },
  {
    title: 'Afterwards',
    attacks: [
      {
        number: 103,
        attack: 'A check-in’s token for another route, method or body, an old one, or one that was seen',
        codes: ['wrong_audience', 'body_hash_mismatch', 'clock_skew', 'stale_sequence'],
        harmless: 'A token that is sent again changes nothing: what is applied is conditional on its number.',
        layer: 'checkin',
      },
      {
        number: 104,
        attack: 'A check-in after the instance’s end, its release, or the enrollment of another key',
        codes: ['agent_unknown', 'key_denied'],
        harmless: 'After an end that is on record it is a reason to doubt that end, and EC2 is asked.',
        layer: 'checkin',
      },
      {
        number: 105,
        attack: 'An agent’s key, used from another machine',
        codes: ['identity_conflict', 'stale_sequence'],
        harmless: 'Both can speak for two links at most: then one alone does, or neither.',
        layer: 'checkin',
      },
      {
        number: 106,
        attack: 'A re-enrollment with a weaker proof than before',
        codes: ['proof_too_weak'],
        layer: 'replacement',
      },
    ],
  },
];

export const attacks: readonly Attack[] = sections.flatMap((section) => section.attacks);

/** How an `rsa2048` proof may differ from another that is accepted too: the fuzz test takes everything else for a false accept. */
export const freedoms = {
  lengths: {
    what: 'A container outside the SignerInfo gives its length, or is closed by end-of-contents.',
    why: 'Both say where it ends. The SignerInfo, and all that is signed in it, has one form: lengths that are given.',
  },
  pieces: {
    what: 'The content is one string, or one level of up to sixteen pieces, none of them empty.',
    why: 'The signed digest is over the joined bytes, and these are what is parsed.',
  },
  nulls: {
    what: 'SHA-256 is named with or without NULL: in `digestAlgorithms`, and in a SignerInfo that does not protect its algorithms.',
    why: 'RFC 5754 section 2 asks readers to take both. They name the same digest, and no other is ever computed.',
  },
  names: {
    what: 'RSA with SHA-256 is called `rsaEncryption` or `sha256WithRSAEncryption` in a SignerInfo that does not protect its algorithms.',
    why: 'RFC 5754 section 3.2 has both. The pinned key decides what is verified, not the name.',
  },
  lines: {
    what: 'The base64 has line breaks, LF or CRLF, anywhere.',
    why: 'They are left out first; what remains must be the one spelling of its bytes.',
  },
  copy: {
    what: 'The document is sent beside the object, or is not.',
    why: 'It must be the content, byte for byte, and is not read.',
  },
} as const;
