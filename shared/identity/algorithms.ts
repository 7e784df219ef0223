import { tag } from './ber.ts';
import { der } from './der.ts';

/** Object identifiers in DER, whole elements: compared byte by byte, so that no arc can be read in two ways. */
export const oid = {
  signedData: identifier('2a864886f70d010702'), // 1.2.840.113549.1.7.2, RFC 5652 section 5.1
  data: identifier('2a864886f70d010701'), // 1.2.840.113549.1.7.1, RFC 5652 section 4
  contentType: identifier('2a864886f70d010903'), // 1.2.840.113549.1.9.3, RFC 5652 section 11.1
  messageDigest: identifier('2a864886f70d010904'), // 1.2.840.113549.1.9.4, RFC 5652 section 11.2
  signingTime: identifier('2a864886f70d010905'), // 1.2.840.113549.1.9.5, RFC 5652 section 11.3
  algorithmProtection: identifier('2a864886f70d010934'), // 1.2.840.113549.1.9.52, RFC 6211 section 2
} as const;

const parameterNull = der(tag.null);

/** AlgorithmIdentifiers in DER, whole elements. AWS writes SHA-256 with and without NULL (research: measured, 26 objects). */
export const algorithm = {
  sha256: der(tag.sequence, identifier('608648016503040201')), // 2.16.840.1.101.3.4.2.1, RFC 5754 section 2
  sha256WithNull: der(tag.sequence, identifier('608648016503040201'), parameterNull),
  rsaEncryption: der(tag.sequence, identifier('2a864886f70d010101'), parameterNull), // RFC 3370 section 3.2
  sha256WithRsa: der(tag.sequence, identifier('2a864886f70d01010b'), parameterNull), // RFC 5754 section 3.2
  sha1: der(tag.sequence, identifier('2b0e03021a'), parameterNull), // 1.3.14.3.2.26, as in the `pkcs7` form
  dsaWithSha1: der(tag.sequence, identifier('2a8648ce380403')), // 1.2.840.10040.4.3, RFC 3370 section 3.1
} as const;

function identifier(hex: string): Buffer {
  return der(tag.objectIdentifier, Buffer.from(hex, 'hex'));
}
