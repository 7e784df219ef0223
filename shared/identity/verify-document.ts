import { verify } from 'node:crypto';
import { Problem } from '../domain/problems.ts';
import { oid } from './algorithms.ts';
import type { Anchor } from './anchor-file.ts';
import { type Anchors, anchorsFor, publicKeyOf } from './anchors.ts';
import { decodeBase64 } from './base64.ts';
import { isSignedBy, readSignedData, type SignedData } from './cms.ts';
import { type InstanceDocument, parseDocument } from './document.ts';

/** An identity document as an agent presents it: texts as IMDS returned them. */
export type DocumentProof =
  | { kind: 'iid-rsa2048'; rsa2048: string; document?: string | undefined }
  | { kind: 'iid-rsa'; document: string; signature: string };

export interface VerifiedDocument {
  kind: DocumentProof['kind'];
  /** Parsed from the very bytes whose signature was verified. */
  document: InstanceDocument;
  anchor: { region: string; notAfter: string; test: boolean };
  warnings: string[];
}

/** A genuine object has about 1500 characters; one around the longest document has under 8000. */
const maxSignatureCharacters = 8192;
/** How far AWS's stamps may be ahead of our clock, and `signingTime` before `pendingTime` (docs/design/enrollment.md, "the signed document"). */
const toleranceMs = 60_000;

/**
 * Verifies an identity document against the key pinned for the Region that it names; `now` judges only its times. Nothing
 * falls back: one kind, one key. Throws a Problem: malformed_signature, unsupported_signature, malformed_document,
 * document_mismatch, unknown_region, untrusted_signer, invalid_signature or document_from_future.
 */
export function verifyDocument(proof: DocumentProof, anchors: Anchors, now: Date): VerifiedDocument {
  const { document, anchor, signingTime } =
    proof.kind === 'iid-rsa2048' ? verifyRsa2048(proof, anchors) : verifyRsa(proof, anchors);
  refuseImpossibleTimes(new Date(document.pendingTime), signingTime, now);
  const { region, notAfter, test } = anchor;
  return { kind: proof.kind, document, anchor: { region, notAfter, test }, warnings: warningsAbout(anchor, now) };
}

interface Verified {
  document: InstanceDocument;
  anchor: Anchor;
  signingTime: Date | null;
}

/** The document is what the object holds; a copy sent beside it may only be the same bytes. */
function verifyRsa2048(proof: DocumentProof & { kind: 'iid-rsa2048' }, anchors: Anchors): Verified {
  const signed = readSignedData(decodeSignature(proof.rsa2048));
  if (proof.document !== undefined) requireSameBytes(Buffer.from(proof.document), signed.content);
  const document = parseDocument(signed.content);
  const anchor = signerOf(signed, anchorsFor(anchors, document.region, 'rsa2048'), document.region);
  if (!isSignedBy(signed, publicKeyOf(anchor))) throw invalid(document.region);
  return { document, anchor, signingTime: signed.signingTime };
}

function verifyRsa(proof: DocumentProof & { kind: 'iid-rsa' }, anchors: Anchors): Verified {
  const signature = decodeBareSignature(proof.signature);
  const content = Buffer.from(proof.document);
  const document = parseDocument(content);
  const anchor = anchorsFor(anchors, document.region, 'rsa').find((candidate) =>
    verify('sha256', content, publicKeyOf(candidate), signature),
  );
  if (!anchor) throw invalid(document.region);
  return { document, anchor, signingTime: null };
}

/** The anchor whose certificate the signer names, by issuer and serial number. */
function signerOf({ signer }: SignedData, candidates: readonly Anchor[], region: string): Anchor {
  const named = Buffer.from(signer).toString('base64');
  const anchor = candidates.find(({ signers }) => signers.includes(named));
  if (anchor) return anchor;
  throw new Problem('untrusted_signer', `The signer is none that is pinned for ${region}.`, { region });
}

function decodeSignature(text: string): Buffer {
  const bytes = text.length <= maxSignatureCharacters ? decodeBase64(text) : null;
  if (bytes) return bytes;
  throw new Problem('malformed_signature', 'The signature is too long or no plain base64.', {
    characters: text.length,
  });
}

const rsa1024Bytes = 128;

/** IMDS's `signature`: nothing but the number. PKCS#7 in its place is IMDS's `pkcs7`, told by where its type stands. */
function decodeBareSignature(text: string): Buffer {
  const bytes = decodeSignature(text);
  if (bytes.length === rsa1024Bytes) return bytes;
  if (bytes.subarray(0, 32).includes(oid.signedData)) {
    throw new Problem('unsupported_signature', 'The signature is a PKCS#7 object, not a bare one.');
  }
  throw new Problem('malformed_signature', 'The signature has not the length of an RSA-1024 one.', {
    bytes: bytes.length,
  });
}

function requireSameBytes(sent: Buffer, signed: Uint8Array): void {
  if (sent.equals(signed)) return;
  const isNewline = sent.toString('latin1').trimEnd() === Buffer.from(signed).toString('latin1').trimEnd();
  const detail = isNewline
    ? 'The document differs from the signed one by blanks at its end: an editor may have added a newline.'
    : 'The document is not, byte for byte, the signed one.';
  throw new Problem('document_mismatch', detail, { sentBytes: sent.length, signedBytes: signed.length });
}

function refuseImpossibleTimes(pendingTime: Date, signingTime: Date | null, now: Date): void {
  const newest = new Date(Math.max(pendingTime.getTime(), signingTime?.getTime() ?? 0));
  if (newest.getTime() > now.getTime() + toleranceMs) {
    const facts = { documentTime: newest.toISOString(), now: now.toISOString() };
    throw new Problem('document_from_future', 'The document was made or signed after the present time.', facts);
  }
  if (signingTime && signingTime.getTime() < pendingTime.getTime() - toleranceMs) {
    const facts = { signingTime: signingTime.toISOString(), pendingTime: pendingTime.toISOString() };
    throw new Problem('malformed_signature', 'The object was signed before the start that it speaks of.', facts);
  }
}

function warningsAbout(anchor: Anchor, now: Date): string[] {
  const ended = now.getTime() > Date.parse(anchor.notAfter);
  return [
    ...(anchor.test ? ['Signed by a test authority, not by AWS.'] : []),
    ...(ended ? [`The last known certificate of this key ended at ${anchor.notAfter}; the key is still pinned.`] : []),
  ];
}

function invalid(region: string): Problem {
  return new Problem('invalid_signature', 'The signature is not the pinned key’s.', { region });
}
