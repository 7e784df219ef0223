import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { anchorsFor } from '#shared/identity/anchors.ts';
import { type DocumentProof, verifyDocument } from '#shared/identity/verify-document.ts';
import { anchors, authority, document, signedObject } from './object-parts.ts';
import { aws, now, ofKind, refusal, rsa2048Proof, rsaProof, type Vector } from './vectors.ts';

const genuineObjects = ofKind('rsa2048');
const bareSignatures = ofKind('signature');
const dsaObjects = ofKind('pkcs7');

function codeOf(proof: DocumentProof): string {
  return refusal(() => verifyDocument(proof, aws, now)).code;
}

describe('verifyDocument on what AWS has signed', () => {
  it.each(genuineObjects)('accepts the rsa2048 object of $instanceId', (vector) => {
    const verified = verifyDocument(rsa2048Proof(vector.signature), aws, now);
    const { accountId, region, instanceId, pendingTime } = vector;
    expect(verified.document).toMatchObject({ accountId, region, instanceId, pendingTime });
    expect(verified).toMatchObject({ kind: 'iid-rsa2048', anchor: { region, test: false }, warnings: [] });
  });

  it.each(genuineObjects)(
    'accepts the rsa2048 object of $instanceId with its own document beside it, in lines of 64',
    (vector) => {
      const wrapped = `${vector.signature.match(/.{1,64}/g)!.join('\n')}\n`;
      expect(verifyDocument(rsa2048Proof(wrapped, vector.document), aws, now).document.instanceId).toBe(
        vector.instanceId,
      );
    },
  );

  it.each(bareSignatures)('accepts the bare signature of $instanceId', (vector) => {
    const verified = verifyDocument(rsaProof(vector.document, vector.signature), aws, now);
    const { accountId, region, instanceId, pendingTime } = vector;
    expect(verified.document).toMatchObject({ accountId, region, instanceId, pendingTime });
    expect(verified).toMatchObject({ kind: 'iid-rsa', anchor: { region, test: false }, warnings: [] });
  });

  it.each(dsaObjects)('refuses the DSA object of $instanceId by name, in either field', (vector) => {
    const codes = [
      codeOf(rsa2048Proof(vector.signature)),
      codeOf(rsa2048Proof(vector.signature, vector.document)),
      codeOf(rsaProof(vector.document, vector.signature)),
    ];
    expect(codes).toEqual(Array(3).fill('unsupported_signature'));
  });

  it('refuses an object with a certificate inside by a code of its own: the agent sent what IMDS returned', () => {
    const object = readFileSync(
      new URL('../fixtures/identity-cases/certificate-inside-the-object.txt', import.meta.url),
    );
    expect(codeOf(rsa2048Proof(object.toString()))).toBe('certificate_in_signature');
  });

  it('warns of a certificate that has ended, and accepts', () => {
    const [vector] = bareSignatures as [Vector];
    const later = new Date('2030-01-01T00:00:00Z');
    const { warnings } = verifyDocument(rsaProof(vector.document, vector.signature), aws, later);
    expect(warnings).toEqual([expect.stringContaining('2029-04-28')]);
  });
});

/** What is refused: test/identity/attacks and test/identity/fuzz. */
describe('verifyDocument', () => {
  it('judges the times of a bare document too', () => {
    const proof = rsaProof(document, authority.sign(document, now).signature);
    const at = (time: string) => () => verifyDocument(proof, anchors, new Date(time));
    expect(at('2026-11-02T09:59:05Z')().document.pendingTime).toBe('2026-11-02T10:00:05Z');
    expect(refusal(at('2026-11-02T09:59:04Z')).code).toBe('document_from_future');
  });

  it('says when a test authority has signed', () => {
    const { anchor, warnings } = verifyDocument(rsa2048Proof(signedObject()), anchors, now);
    expect([anchor.test, warnings]).toEqual([true, ['Signed by a test authority, not by AWS.']]);
    expect(anchorsFor(anchors, 'us-east-1', 'rsa2048').map(({ test }) => test)).toEqual([false, true]);
  });
});
