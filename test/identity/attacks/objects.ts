import { hash } from 'node:crypto';
import { algorithm, oid } from '#shared/identity/algorithms.ts';
import { tag } from '#shared/identity/ber.ts';
import { verifyDocument } from '#shared/identity/verify-document.ts';
import { anchors, attribute, attributes, ber, octets, protection, signedObject, signerInfo } from '../object-parts.ts';
import { now, rsa2048Proof } from '../vectors.ts';

/** A document, or anything else, in an object that the test authority has signed as AWS signs. */
export function objectHolding(content: Uint8Array): string {
  const messageDigest = attribute(oid.messageDigest, octets(hash('sha256', content, 'buffer')));
  const { contentType, signingTime } = attributes;
  const algorithms = protection(algorithm.sha256, algorithm.sha256WithRsa);
  return signedObject({
    eContent: [ber(tag.context0, ber(tag.constructedOctetString, octets(content)))],
    signerInfos: [signerInfo({ attributes: [contentType, signingTime, messageDigest, algorithms] })],
  });
}

/** Verifies an object as a deployment does that trusts the test authority beside AWS. */
export const verify = (rsa2048: string, document?: string) =>
  verifyDocument(rsa2048Proof(rsa2048, document), anchors, now);
