import type { Section } from './attack.ts';

export const signedObject: Section = {
  title: 'The structure of the `rsa2048` object',
  attacks: [
    {
      number: 21,
      attack: 'Another structure than SignedData, another content type, or another version',
      codes: ['malformed_signature'],
      layer: 'object',
    },
    {
      number: 22,
      attack: 'An object without content, with the document sent beside it',
      codes: ['malformed_signature'],
      layer: 'object',
    },
    {
      number: 23,
      attack:
        'A document beside the object that differs from the content by one byte, a newline or the order of its members',
      codes: ['document_mismatch'],
      layer: 'signature',
    },
    {
      number: 24,
      attack: 'Content in pieces that two parsers would join in different ways',
      codes: ['malformed_signature'],
      harmless:
        'Muster joins the pieces of one level, and uses the joined bytes both for the digest and for the document.',
      layer: 'object',
    },
    {
      number: 25,
      attack: 'No signer, two signers, or a valid signer after an invalid one',
      codes: ['malformed_signature'],
      layer: 'object',
    },
    {
      number: 26,
      attack: 'Certificates or revocation lists in the object, so that Muster verifies with those',
      codes: ['certificate_in_signature', 'malformed_signature'],
      layer: 'object',
    },
    {
      number: 27,
      attack: 'A signer whose issuer or serial number is not the pinned one; a signer that is named by its key id',
      codes: ['untrusted_signer', 'malformed_signature'],
      layer: 'signature',
    },
    {
      number: 28,
      attack: 'Unsigned attributes, for example a countersignature',
      codes: ['malformed_signature'],
      layer: 'object',
    },
    {
      number: 29,
      attack: 'No signed attributes, so that Muster takes the content for them',
      codes: ['malformed_signature'],
      layer: 'object',
    },
    {
      number: 30,
      attack: 'A digest that is missing, is there twice, has another length or belongs to other content',
      codes: ['malformed_signature', 'invalid_signature'],
      layer: 'object',
    },
    {
      number: 31,
      attack: 'A signed content type that is missing, is there twice, or is another type',
      codes: ['malformed_signature'],
      layer: 'object',
    },
    {
      number: 32,
      attack:
        'A signing time that is missing, is there twice, is not a time, is long before the start or is in the future',
      codes: ['malformed_signature', 'document_from_future'],
      layer: 'object',
    },
    {
      number: 33,
      attack: 'Protected algorithm names that differ from the algorithms in use',
      codes: ['malformed_signature'],
      layer: 'object',
    },
    {
      number: 34,
      attack: 'Another algorithm than RSA with SHA-256, in either of the two places; two digest algorithms, or none',
      codes: ['unsupported_signature', 'malformed_signature'],
      layer: 'object',
    },
    {
      number: 35,
      attack: 'A signature over the attributes with their other tag, or in another order',
      codes: ['invalid_signature'],
      layer: 'signature',
    },
    {
      number: 36,
      attack:
        'BER that some parsers accept and some fail on: trailing bytes, wrong or long lengths, empty integers, deep nesting',
      codes: ['malformed_signature', 'untrusted_signer'],
      layer: 'object',
    },
    {
      number: 37,
      attack: 'An object identifier that an integer overflow turns into a trusted one',
      codes: ['unsupported_signature', 'malformed_signature'],
      layer: 'object',
    },
    {
      number: 38,
      attack: 'The signature as PEM, or with other line breaks, other padding or another base64 alphabet',
      codes: ['malformed_signature'],
      harmless: 'Muster removes line breaks (LF or CRLF) before it decodes the rest.',
      layer: 'signature',
    },
  ],
};
