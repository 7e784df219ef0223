import { describe, expect, it } from 'vitest';
import type { DocumentProof } from '#shared/identity/verify-document.ts';
import { bitFlips, ofKind, rsa2048Proof, rsaProof, vectors } from '../vectors.ts';
import { type Element, places, readElement, writeElement } from './elements.ts';
import { judge } from './judge.ts';

const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64');
const proofOf = (bytes: Buffer): DocumentProof => rsa2048Proof(bytes.toString('base64'));

/** The places of the flips that end in anything but a refusal. */
function unrefused(bytes: Uint8Array, proofOf: (flipped: Buffer) => DocumentProof): string[] {
  return [...bitFlips(bytes)].flatMap(({ place, flipped }) =>
    judge(proofOf(flipped)).verdict === 'refused' ? [] : [place],
  );
}

describe('a genuine signature with one bit flipped', () => {
  const objects = vectors.filter(({ kind }) => kind !== 'signature');

  it.each(objects)('is refused: the object of $instanceId, $kind', ({ signature }) => {
    expect(unrefused(bytesOf(signature), proofOf)).toEqual([]);
  });

  it.each(ofKind('rsa2048'))('is refused: the document beside the object of $instanceId', (vector) => {
    const beside = (bytes: Buffer) => rsa2048Proof(vector.signature, bytes.toString('latin1'));
    expect(unrefused(Buffer.from(vector.document), beside)).toEqual([]);
  });

  it.each(ofKind('signature'))('is refused: the bare signature of $instanceId', ({ document, signature }) => {
    const bare = (bytes: Buffer) => rsaProof(document, bytes.toString('base64'));
    expect(unrefused(bytesOf(signature), bare)).toEqual([]);
  });

  it.each(ofKind('signature'))('is refused: the document of the bare signature of $instanceId', (vector) => {
    const bare = (bytes: Buffer) => rsaProof(bytes.toString('latin1'), vector.signature);
    expect(unrefused(Buffer.from(vector.document), bare)).toEqual([]);
  });
});

/** Every element of an object changed in one way, the lengths around it made right again. */
const changes: Record<string, (list: Element[], index: number) => void> = {
  dropped: (list, index) => void list.splice(index, 1),
  doubled: (list, index) => void list.splice(index, 0, list[index]!),
  swapped: (list, index) => void list.splice(index, 2, ...list.slice(index, index + 2).reverse()),
  emptied: (list, index) => {
    list[index]!.contents = Buffer.isBuffer(list[index]!.contents) ? Buffer.alloc(0) : [];
  },
  wrapped: (list, index) => {
    list[index] = { tag: 0x30, open: false, contents: [list[index]!] };
  },
  unwrapped: (list, index) => {
    const { contents } = list[index]!;
    if (!Buffer.isBuffer(contents)) list.splice(index, 1, ...contents);
  },
  'of the other form of length': (list, index) => {
    list[index]!.open = !list[index]!.open;
  },
  'of a length in three bytes': (list, index) => {
    list[index]!.lengthBytes = 3;
  },
};

function* changedObjects(object: Buffer, change: (list: Element[], index: number) => void): Generator<Buffer> {
  const fresh = (): Element => ({ tag: 0x30, open: false, contents: [readElement(object)!] });
  const count = places(fresh()).length;
  for (let nth = 1; nth < count; nth++) {
    const holder = fresh();
    const { list, index } = places(holder)[nth]!;
    change(list, index);
    const changed = Buffer.concat((holder.contents as Element[]).map(writeElement));
    if (!changed.equals(object)) yield changed;
  }
}

/** How many of them are accepted, rightly: see docs/attacks.md, "What may differ". Of DSA's objects none is. */
const harmlessOnes: Record<string, number[]> = {
  // NULL beside SHA-256: in both places, in one, nowhere; the newer two objects protect the signer's.
  dropped: [2, 1, 0],
  // The content's one piece stands for the string.
  unwrapped: [1, 1, 1],
  // The eight containers outside the SignerInfo.
  'of the other form of length': [8, 8, 8],
};

describe.each(Object.entries(changes))('an object with one element %s', (name, change) => {
  it('is refused, or means the same', () => {
    const verdicts = ofKind('rsa2048').map(({ signature }) =>
      [...changedObjects(bytesOf(signature), change)].map((bytes) => judge(proofOf(bytes)).verdict),
    );
    expect(verdicts.flat().filter((verdict) => verdict !== 'refused' && verdict !== 'harmless')).toEqual([]);
    const accepted = verdicts.map((list) => list.filter((verdict) => verdict === 'harmless').length);
    expect(accepted).toEqual(harmlessOnes[name] ?? [0, 0, 0]);
  });

  it('is refused if it is DSA’s', () => {
    const all = ofKind('pkcs7').flatMap(({ signature }) => [...changedObjects(bytesOf(signature), change)]);
    expect(all.map((bytes) => judge(proofOf(bytes)).verdict).filter((verdict) => verdict !== 'refused')).toEqual([]);
  });
});
