import { describe, expect, it } from 'vitest';
import { type DocumentProof, verifyDocument } from '#shared/identity/verify-document.ts';
import type { freedoms } from '../../../docs/attacks.ts';
import { aws, now, ofKind, refusal, rsa2048Proof, type Vector } from '../vectors.ts';
import { type Element, places, readElement, writeElement } from './elements.ts';
import { judge } from './judge.ts';
import { signedMeaning } from './signed-meaning.ts';

const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64');
const proofOf = (bytes: Buffer): DocumentProof => rsa2048Proof(bytes.toString('base64'));

/** The oldest: none of its attributes protects its algorithms. */
const [oldest] = ofKind('rsa2048') as [Vector];
const content = Buffer.from(oldest.document);
const verified = verifyDocument(rsa2048Proof(oldest.signature), aws, now);

/** The object, with each of the elements that `fits` changed, one at a time. */
function changed(
  fits: (element: Element) => boolean,
  change: (list: Element[], index: number) => void,
): DocumentProof[] {
  const fresh = () => readElement(bytesOf(oldest.signature))!;
  const fitting = [...places(fresh()).entries()].filter(([, { list, index }]) => fits(list[index]!));
  return fitting.map(([nth]) => {
    const root = fresh();
    const { list, index } = places(root)[nth]!;
    change(list, index);
    return proofOf(writeElement(root));
  });
}

const cut = (count: number): Element[] => {
  const size = Math.ceil(content.length / count);
  const starts = Array.from({ length: count }, (_, nth) => nth * size);
  return starts.map((start) => ({ tag: 0x04, open: false, contents: content.subarray(start, start + size) }));
};
const isString = ({ tag }: Element) => tag === 0x24;
const inPieces = (count: number) =>
  changed(isString, (list, index) => {
    list[index]!.contents = cut(count);
  });
const asOneString = changed(isString, (list, index) => {
  list[index] = { tag: 0x04, open: false, contents: content };
});
const closed = changed(
  ({ open }) => open,
  (list, index) => {
    list[index]!.open = false;
  },
);
/** The NULLs beside SHA-256, and not the one beside RSA. */
const withoutNull = changed(
  ({ tag }) => tag === 0x05,
  (list, index) => void list.splice(index, 1),
).slice(0, 2);
const rsa = '2a864886f70d010101';
const hex = bytesOf(oldest.signature).toString('hex');
const renamed = `${hex.slice(0, hex.lastIndexOf(rsa))}2a864886f70d01010b${hex.slice(hex.lastIndexOf(rsa) + rsa.length)}`;

/** Each of docs/attacks.md, "What may differ". */
const differing: Record<keyof typeof freedoms, DocumentProof[]> = {
  lengths: closed,
  pieces: [...asOneString, ...inPieces(2), ...inPieces(16)],
  nulls: withoutNull,
  names: [proofOf(Buffer.from(renamed, 'hex'))],
  lines: ['\n', '\r\n'].map((end) => rsa2048Proof(oldest.signature.match(/.{1,7}/g)!.join(end))),
  copy: [rsa2048Proof(oldest.signature, oldest.document)],
};

describe('what may differ', () => {
  it.each(Object.entries(differing))('is accepted, with the same result: %s', (_name, proofs) => {
    expect(proofs.length).toBeGreaterThan(0);
    for (const proof of proofs) {
      expect(proof).not.toEqual(rsa2048Proof(oldest.signature));
      expect(verifyDocument(proof, aws, now)).toEqual(verified);
      expect(judge(proof)).toEqual({ verdict: 'harmless' });
    }
  });

  it('is not more than that: seventeen pieces', () => {
    const [proof] = inPieces(17) as [DocumentProof];
    expect(refusal(() => verifyDocument(proof, aws, now)).code).toBe('malformed_signature');
  });

  it('is taken out by signedMeaning, by which every run of the fuzz test judges, and nothing else is', () => {
    const meanings = ofKind('rsa2048').map(({ signature }) => signedMeaning(bytesOf(signature)));
    expect(new Set(meanings).size).toBe(3);
    expect(meanings).not.toContain(null);
  });
});
