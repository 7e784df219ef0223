import { hash, type KeyObject, verify } from 'node:crypto';
import { Problem } from '../domain/problems.ts';
import { algorithm, oid } from './algorithms.ts';
import { BerCursor, tag } from './ber.ts';
import { readSignedAttributes, type SignedAttributes } from './signed-attributes.ts';

/** What IMDS's `rsa2048` says once its structure and the digest of its content have been checked. Not yet verified. */
export interface SignedData {
  content: Uint8Array;
  /** IssuerAndSerialNumber in DER: which certificate the signer says it used. */
  signer: Uint8Array;
  signingTime: Date;
  /** The signed attributes as they are signed: the bytes as sent, with the tag of a SET (RFC 5652 section 5.4). */
  signedAttributes: Uint8Array;
  signature: Uint8Array;
}

const version1 = Buffer.from([1]);
/** Writers of BER cut content into pieces of a thousand bytes or so; a document has at most four thousand. */
const maxPieces = 16;

/**
 * Reads the one form of PKCS#7 SignedData that AWS makes (docs/design/enrollment.md, "the signed document"): content inside, no
 * certificates, one signer by issuer and serial, SHA-256, RSA, signed attributes. Throws `malformed_signature` for any
 * other structure, `certificate_in_signature` for one with certificates, `unsupported_signature` for other algorithms, `invalid_signature` if the content's digest differs.
 */
export function readSignedData(object: Uint8Array): SignedData {
  const cursor = new BerCursor(object);
  const signedData = cursor.withinBer(tag.sequence, 'ContentInfo', () => {
    expect(
      cursor.element(tag.objectIdentifier, 'ContentInfo.contentType'),
      oid.signedData,
      'The object is no SignedData',
    );
    return cursor.withinBer(tag.context0, 'ContentInfo.content', () =>
      cursor.withinBer(tag.sequence, 'SignedData', () => readBody(cursor)),
    );
  });
  cursor.finish();
  return signedData;
}

/** True if the signature over the signed attributes is `key`'s, PKCS#1 v1.5 with SHA-256. */
export function isSignedBy(signed: SignedData, key: KeyObject): boolean {
  return verify('sha256', signed.signedAttributes, key, signed.signature);
}

function readBody(cursor: BerCursor): SignedData {
  expect(cursor.contents(tag.integer, 'SignedData.version'), version1, 'SignedData has another version');
  cursor.withinBer(tag.set, 'digestAlgorithms', () => readDigestAlgorithm(cursor));
  const content = cursor.withinBer(tag.sequence, 'encapContentInfo', () => {
    expect(cursor.element(tag.objectIdentifier, 'eContentType'), oid.data, 'The content is not of type data');
    return cursor.withinBer(tag.context0, 'eContent', () => readContent(cursor));
  });
  // Certificates and revocation lists come before the signers, and no signature covers them (RFC 5652, section 5.1)
  if (cursor.next() === tag.context0)
    throw new Problem(
      'certificate_in_signature',
      'The object contains certificates, which its signature does not cover.',
    );
  if (cursor.next() !== tag.set) throw malformed('Where the signers should be there is something else.');
  const { messageDigest, ...signer } = cursor.withinBer(tag.set, 'signerInfos', () => readSignerInfo(cursor));
  if (!hash('sha256', content, 'buffer').equals(messageDigest)) {
    throw new Problem('invalid_signature', 'The content is not the one that was signed.', { check: 'messageDigest' });
  }
  return { content, ...signer };
}

/** One primitive OCTET STRING, or one level of pieces that are joined. */
function readContent(cursor: BerCursor): Uint8Array {
  if (cursor.next() === tag.octetString) return cursor.contents(tag.octetString, 'eContent');
  const pieces = cursor.withinBer(tag.constructedOctetString, 'eContent', () => {
    const read: Uint8Array[] = [];
    while (cursor.next() !== undefined) {
      if (read.length === maxPieces) throw malformed('The content is in too many pieces.');
      const piece = cursor.contents(tag.octetString, 'A piece of the content');
      if (piece.length === 0) throw malformed('A piece of the content is empty.');
      read.push(piece);
    }
    return read;
  });
  const [only] = pieces;
  return pieces.length === 1 && only ? only : Buffer.concat(pieces);
}

function readSignerInfo(cursor: BerCursor): Omit<SignedData, 'content'> & SignedAttributes {
  return cursor.within(tag.sequence, 'SignerInfo', () => {
    expect(cursor.contents(tag.integer, 'SignerInfo.version'), version1, 'SignerInfo has another version');
    const signer = cursor.element(tag.sequence, 'issuerAndSerialNumber');
    const digestAlgorithm = readDigestAlgorithm(cursor);
    const signedAttributes = Uint8Array.from(cursor.element(tag.context0, 'signedAttrs'));
    const signatureAlgorithm = cursor.element(tag.sequence, 'signatureAlgorithm');
    accept(signatureAlgorithm, [algorithm.rsaEncryption, algorithm.sha256WithRsa]);
    const signature = cursor.contents(tag.octetString, 'signature');
    const statements = readSignedAttributes(signedAttributes, digestAlgorithm, signatureAlgorithm);
    signedAttributes[0] = tag.set;
    return { signer, signedAttributes, signature, ...statements };
  });
}

function readDigestAlgorithm(cursor: BerCursor): Uint8Array {
  const found = cursor.element(tag.sequence, 'digestAlgorithm');
  accept(found, [algorithm.sha256, algorithm.sha256WithNull]);
  return found;
}

function accept(found: Uint8Array, accepted: readonly Uint8Array[]): void {
  if (accepted.some((identifier) => Buffer.compare(identifier, found) === 0)) return;
  const facts = { algorithm: Buffer.from(found.subarray(0, 32)).toString('hex') };
  throw new Problem('unsupported_signature', 'The object is not signed with RSA and SHA-256.', facts);
}

function expect(found: Uint8Array, expected: Uint8Array, otherwise: string): void {
  if (Buffer.compare(found, expected) !== 0) throw malformed(`${otherwise}.`);
}

function malformed(detail: string): Problem {
  return new Problem('malformed_signature', detail);
}
