import { X509Certificate } from 'node:crypto';
import { BerCursor, tag } from './ber.ts';
import { der } from './der.ts';

/** What Muster pins of a certificate: its key, and how a SignerInfo refers to it. */
export interface PinnedCertificate {
  /** SubjectPublicKeyInfo, DER in base64. */
  spki: string;
  /** IssuerAndSerialNumber (RFC 5652 section 10.2.4), DER in base64. */
  signer: string;
  /** RFC 3339 UTC. */
  notAfter: string;
}

/** Reads an X.509 certificate in PEM. Throws whatever Node throws for one that is none: only operators hand these in. */
export function pinCertificate(pem: string): PinnedCertificate {
  const certificate = new X509Certificate(pem);
  return {
    spki: certificate.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    signer: issuerAndSerialNumber(certificate.raw).toString('base64'),
    notAfter: certificate.validToDate.toISOString(),
  };
}

/** Takes both from the TBSCertificate as they stand (RFC 5280 section 4.1): Node shows names as text only. */
function issuerAndSerialNumber(certificate: Uint8Array): Buffer {
  const whole = new BerCursor(certificate);
  const signed = new BerCursor(whole.contents(tag.sequence, 'Certificate'));
  const cursor = new BerCursor(signed.contents(tag.sequence, 'TBSCertificate'));
  if (cursor.next() === tag.context0) cursor.contents(tag.context0, 'version');
  const serialNumber = cursor.element(tag.integer, 'serialNumber');
  cursor.element(tag.sequence, 'signature');
  const issuer = cursor.element(tag.sequence, 'issuer');
  return der(tag.sequence, issuer, serialNumber);
}
