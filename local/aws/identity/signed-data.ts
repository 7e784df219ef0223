import { hash } from 'node:crypto';
import { oid } from '#shared/identity/algorithms.ts';
import { tag } from '#shared/identity/ber.ts';
import { der } from '#shared/identity/der.ts';

/** Who signs, and how. The algorithms are AlgorithmIdentifiers, the name an IssuerAndSerialNumber, all in DER. */
export interface Signer {
  name: Uint8Array;
  digest: 'sha256' | 'sha1';
  digestAlgorithm: Uint8Array;
  signatureAlgorithm: Uint8Array;
  /** Whether CMSAlgorithmProtection (RFC 6211) is among the signed attributes. */
  protectsAlgorithms: boolean;
  sign(signedAttributes: Uint8Array): Uint8Array;
}

/** PKCS#7 SignedData in the form that AWS gives it: BER with indefinite lengths outside, DER from the signer inward. */
export function signedData(content: Uint8Array, signedAt: Date, signer: Signer): Buffer {
  const version = der(tag.integer, Buffer.from([1]));
  const encapsulated = ber(
    tag.sequence,
    oid.data,
    ber(tag.context0, ber(tag.constructedOctetString, der(tag.octetString, content))),
  );
  const signers = der(tag.set, signerInfo(content, signedAt, signer));
  const body = ber(tag.sequence, version, der(tag.set, signer.digestAlgorithm), encapsulated, signers);
  return ber(tag.sequence, oid.signedData, ber(tag.context0, body));
}

/** SignerInfo (RFC 5652 section 5.3). What is signed is the attributes' own SET; what is sent has an implicit tag. */
function signerInfo(content: Uint8Array, signedAt: Date, signer: Signer): Buffer {
  const attributes = Buffer.concat(signedAttributes(content, signedAt, signer).sort(Buffer.compare));
  return der(
    tag.sequence,
    der(tag.integer, Buffer.from([1])),
    signer.name,
    signer.digestAlgorithm,
    der(tag.context0, attributes),
    signer.signatureAlgorithm,
    der(tag.octetString, signer.sign(der(tag.set, attributes))),
  );
}

function signedAttributes(content: Uint8Array, signedAt: Date, signer: Signer): Buffer[] {
  const attribute = (type: Uint8Array, value: Uint8Array) => der(tag.sequence, type, der(tag.set, value));
  const attributes = [
    attribute(oid.contentType, oid.data),
    attribute(oid.signingTime, der(tag.utcTime, Buffer.from(utcTime(signedAt)))),
    attribute(oid.messageDigest, der(tag.octetString, hash(signer.digest, content, 'buffer'))),
  ];
  if (!signer.protectsAlgorithms) return attributes;
  const signature = Uint8Array.from(signer.signatureAlgorithm);
  signature[0] = tag.context1;
  return [...attributes, attribute(oid.algorithmProtection, der(tag.sequence, signer.digestAlgorithm, signature))];
}

/** `YYMMDDHHMMSSZ` */
function utcTime(date: Date): string {
  return `${date.toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`;
}

/** An element of indefinite length, closed by end-of-contents (X.690 section 8.1.3.6). */
function ber(tag: number, ...contents: Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from([tag, 0x80]), ...contents, Buffer.from([0, 0])]);
}
