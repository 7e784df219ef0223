import type { Section } from './attack.ts';

export const signature: Section = {
  title: 'The signature and the pinned key',
  attacks: [
    {
      number: 39,
      attack: 'The attacker’s own key, with the issuer name and serial number of AWS’s certificate',
      codes: ['invalid_signature', 'certificate_in_signature'],
      layer: 'signature',
    },
    {
      number: 40,
      attack: 'A genuine signature of one kind, sent as another kind',
      codes: ['unsupported_signature', 'malformed_signature', 'unknown_region'],
      layer: 'anchors',
    },
    {
      number: 41,
      attack: 'A genuine document in which the attacker changed the Region',
      codes: ['invalid_signature'],
      layer: 'signature',
    },
    {
      number: 42,
      attack: 'A genuine document with the genuine signature of another document',
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
      attack: 'An invalid `rsa2048` together with the weaker signature, so that Muster falls back to the weaker one',
      codes: ['malformed_request', 'malformed_signature'],
      layer: 'request',
    },
    {
      number: 46,
      attack: 'A Region for which Muster has no key',
      codes: ['unknown_region'],
      layer: 'anchors',
    },
    {
      number: 47,
      attack: 'A certificate of the pinned key that has expired; a new certificate of another key',
      codes: ['untrusted_signer', 'invalid_signature'],
      harmless: 'AWS renews certificates without a new key. Muster accepts the pinned key and adds a warning.',
      layer: 'anchors',
    },
    {
      number: 48,
      attack: 'Special RSA signature values: another length, 0, 1, n−1, s+n, other bytes beside the digest',
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
};
