import { Problem } from '../domain/problems.ts';
import { oid } from './algorithms.ts';
import { BerCursor, tag } from './ber.ts';
import { parseUtcTime } from './timestamp.ts';

export interface SignedAttributes {
  messageDigest: Uint8Array;
  signingTime: Date;
}

const [contentType, signingTime, messageDigest, algorithmProtection] = [
  oid.contentType,
  oid.signingTime,
  oid.messageDigest,
  oid.algorithmProtection,
].map(name) as [string, string, string, string];

/**
 * Reads the SignedAttributes of a SignerInfo (RFC 5652 section 5.3; `raw` with its implicit tag): the three that AWS always
 * writes and, where it is present, CMSAlgorithmProtection, each once with one value. The two algorithms are the
 * AlgorithmIdentifiers of the SignerInfo, which the protection must name. Throws `malformed_signature`.
 */
export function readSignedAttributes(
  raw: Uint8Array,
  digestAlgorithm: Uint8Array,
  signatureAlgorithm: Uint8Array,
): SignedAttributes {
  const attributes = readAttributes(raw);
  const protection = attributes.get(algorithmProtection);
  if (protection) checkProtection(protection, digestAlgorithm, signatureAlgorithm);
  const type = required(attributes.get(contentType), 'contentType');
  if (Buffer.compare(type, oid.data) !== 0) throw malformed('The signed content type is another.');
  const digest = onlyValue(required(attributes.get(messageDigest), 'messageDigest'), tag.octetString, 'messageDigest');
  if (digest.length !== 32) throw malformed('The signed digest is not of SHA-256’s length.');
  const time = onlyValue(required(attributes.get(signingTime), 'signingTime'), tag.utcTime, 'signingTime');
  const signedAt = parseUtcTime(Buffer.from(time).toString('latin1'));
  if (!signedAt) throw malformed('The signing time is no time.');
  return { messageDigest: digest, signingTime: signedAt };
}

/** Each attribute's values, by its type. */
function readAttributes(raw: Uint8Array): Map<string, Uint8Array> {
  const known = [contentType, signingTime, messageDigest, algorithmProtection];
  const attributes = new Map<string, Uint8Array>();
  const cursor = new BerCursor(raw);
  const readOne = () => {
    const type = name(cursor.element(tag.objectIdentifier, 'Attribute.type'));
    if (!known.includes(type)) throw malformed('There is a signed attribute that AWS does not write.');
    if (attributes.has(type)) throw malformed('A signed attribute is there twice.');
    attributes.set(type, cursor.contents(tag.set, 'Attribute.values'));
  };
  cursor.within(tag.context0, 'signedAttrs', () => {
    while (cursor.next() !== undefined) cursor.within(tag.sequence, 'Attribute', readOne);
  });
  return attributes;
}

/** CMSAlgorithmProtection (RFC 6211 section 2) names the algorithms that are used, so that neither can be swapped. */
function checkProtection(values: Uint8Array, digestAlgorithm: Uint8Array, signatureAlgorithm: Uint8Array): void {
  const cursor = new BerCursor(values);
  const [digest, signature] = cursor.within(tag.sequence, 'CMSAlgorithmProtection', () => [
    cursor.element(tag.sequence, 'The protected digest algorithm'),
    cursor.contents(tag.context1, 'The protected signature algorithm'),
  ]) as [Uint8Array, Uint8Array];
  cursor.finish();
  const used = new BerCursor(signatureAlgorithm).contents(tag.sequence, 'signatureAlgorithm');
  const agrees = Buffer.compare(digest, digestAlgorithm) === 0 && Buffer.compare(signature, used) === 0;
  if (!agrees) throw malformed('The protected algorithms are not those that are used.');
}

function onlyValue(values: Uint8Array, expected: number, what: string): Uint8Array {
  const cursor = new BerCursor(values);
  const value = cursor.contents(expected, what);
  cursor.finish();
  return value;
}

function required(values: Uint8Array | undefined, what: string): Uint8Array {
  if (!values) throw malformed(`The signed attribute ${what} is missing.`);
  return values;
}

function name(identifier: Uint8Array): string {
  return Buffer.from(identifier.buffer, identifier.byteOffset, identifier.length).toString('latin1');
}

function malformed(detail: string): Problem {
  return new Problem('malformed_signature', detail);
}
