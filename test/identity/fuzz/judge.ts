import { isDeepStrictEqual } from 'node:util';
import { Problem } from '#shared/domain/problems.ts';
import { algorithm } from '#shared/identity/algorithms.ts';
import { type InstanceDocument, parseDocument } from '#shared/identity/document.ts';
import { type DocumentProof, verifyDocument } from '#shared/identity/verify-document.ts';
import { anchors, attributes, authority, document, protection, signedObject, signerInfo } from '../object-parts.ts';
import { now, ofKind, rsa2048Proof, rsaProof, vectors } from '../vectors.ts';
import { signedMeaning } from './signed-meaning.ts';

const own = authority.sign(document, new Date('2026-11-02T10:00:09Z'));
const protectedAttributes = [...Object.values(attributes), protection(algorithm.sha256, algorithm.sha256WithRsa)];

/** Objects that are accepted as they are, with what they hold: AWS's own, and the test authority's in every form. */
const objects = [
  ...ofKind('rsa2048').map(({ signature, document: text }) => ({ rsa2048: signature, text })),
  ...[
    own.rsa2048,
    signedObject(),
    signedObject({ digestAlgorithms: [algorithm.sha256WithNull] }),
    signedObject({ signerInfos: [signerInfo({ attributes: protectedAttributes })] }),
  ].map((rsa2048) => ({ rsa2048, text: document })),
];
const bareSignatures = [
  ...ofKind('signature').map(({ document: text, signature }) => ({ text, signature })),
  { text: document, signature: own.signature },
];

/** What mutations start from: every genuine signature, those of the refused kind too, and the test authority's. */
export const proofs: readonly DocumentProof[] = [
  ...objects.flatMap(({ rsa2048, text }) => [rsa2048Proof(rsa2048), rsa2048Proof(rsa2048, text)]),
  ...bareSignatures.map(({ text, signature }) => rsaProof(text, signature)),
  ...vectors.filter(({ kind }) => kind === 'pkcs7').map(({ signature }) => rsa2048Proof(signature)),
];

const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64');
/** The document of each signed meaning. */
const meanings = new Map(objects.map(({ rsa2048, text }) => [signedMeaning(bytesOf(rsa2048)), text]));
const parsed = new Map(
  [...objects, ...bareSignatures].map(({ text }): [string, InstanceDocument] => [
    text,
    parseDocument(Buffer.from(text)),
  ]),
);
const signedTexts = new Map(bareSignatures.map(({ text, signature }) => [bytesOf(signature).toString('hex'), text]));

export type Verdict =
  /** By a Problem of this code. */
  | { verdict: 'refused'; code: string }
  /** Accepted, and it means what was signed: what differs is in the list of docs/attacks.md. */
  | { verdict: 'harmless' }
  | { verdict: 'false accept' | 'crash'; why: string };

/** What verifyDocument makes of a proof, and whether it may. */
export function judge(proof: DocumentProof): Verdict {
  try {
    const { document: read, kind } = verifyDocument(proof, anchors, now);
    const why = kind === proof.kind ? objection(proof, read) : 'it was taken for another kind';
    return why === null ? { verdict: 'harmless' } : { verdict: 'false accept', why };
  } catch (error) {
    if (error instanceof Problem) return { verdict: 'refused', code: error.code };
    return { verdict: 'crash', why: String(error) };
  }
}

/** Why a proof must not have been accepted; null if it may. */
function objection(proof: DocumentProof, read: InstanceDocument): string | null {
  const text = proof.kind === 'iid-rsa2048' ? proof.rsa2048 : proof.signature;
  if (!isPlainBase64(text)) return 'its signature is no plain base64';
  const signed = proof.kind === 'iid-rsa2048' ? contentOf(text) : signedTexts.get(bytesOf(text).toString('hex'));
  if (signed === undefined) return 'nobody signed this';
  if (proof.document !== undefined && proof.document !== signed) return 'another document stands beside it';
  return isDeepStrictEqual(parsed.get(signed), read) ? null : 'it was read as another document';
}

const contentOf = (rsa2048: string): string | undefined => {
  const meaning = signedMeaning(bytesOf(rsa2048));
  return meaning === null ? undefined : meanings.get(meaning);
};

/** Whole groups of four, padding where it belongs, no bits under it; line breaks are the one freedom. */
function isPlainBase64(text: string): boolean {
  const unbroken = text.replaceAll('\r\n', '\n').replaceAll('\n', '');
  const last = '(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)';
  return new RegExp(`^(?:[A-Za-z0-9+/]{4})*${last}$`).test(unbroken);
}
