import { createPrivateKey, createPublicKey, verify } from 'node:crypto';
import { ContentInfo, SignedData } from '@peculiar/asn1-cms';
import { AsnConvert } from '@peculiar/asn1-schema';
import { describe, expect, it } from 'vitest';
import { createAuthority, newAuthorityKeys } from '#local/aws/identity/authority.ts';
import { readAnchors } from '#shared/identity/anchor-file.ts';
import { withTest } from '#shared/identity/anchors.ts';
import { verifyDocument } from '#shared/identity/verify-document.ts';
import { anchors, authority, document } from './object-parts.ts';
import { aws, now, refusal, rsa2048Proof, rsaProof, vectors } from './vectors.ts';

const signedAt = new Date('2026-11-02T10:00:09Z');
const { signature, rsa2048, pkcs7 } = authority.sign(document, signedAt);

const parse = (base64: string) =>
  AsnConvert.parse(AsnConvert.parse(Buffer.from(base64, 'base64'), ContentInfo).content, SignedData);

describe('a test authority', () => {
  it('signs what is accepted with its anchors', () => {
    expect(verifyDocument(rsa2048Proof(rsa2048, document), anchors, now).document.region).toBe('us-east-1');
    expect(verifyDocument(rsaProof(document, signature), anchors, now).anchor.test).toBe(true);
  });

  it('signs what is refused without them', () => {
    expect(refusal(() => verifyDocument(rsa2048Proof(rsa2048), aws, now)).code).toBe('untrusted_signer');
    expect(refusal(() => verifyDocument(rsaProof(document, signature), aws, now)).code).toBe('invalid_signature');
  });

  it('does not vouch for a Region that it was not made for', () => {
    const elsewhere = authority.sign(document.replaceAll('us-east-1', 'eu-west-3'), signedAt);
    expect(refusal(() => verifyDocument(rsa2048Proof(elsewhere.rsa2048), anchors, now)).code).toBe('untrusted_signer');
  });

  it('leaves AWS’s own documents as acceptable as before', () => {
    expect(verifyDocument(rsa2048Proof(vectors[0]!.signature), anchors, now).anchor.test).toBe(false);
  });

  it('signs in the forms of AWS: rsa2048 byte for byte but for what differs by nature', () => {
    const genuine = vectors.findLast(({ kind }) => kind === 'rsa2048')!;
    const ours = Buffer.from(authority.sign(genuine.document, new Date('2026-02-16T00:38:28Z')).rsa2048, 'base64');
    const theirs = Buffer.from(genuine.signature, 'base64');
    const beforeSigner = theirs.indexOf(genuine.document) + genuine.document.length + '000000000000'.length / 2;
    expect(ours.subarray(0, beforeSigner)).toEqual(theirs.subarray(0, beforeSigner));
    const attributesToSignature = (bytes: Buffer) => bytes.subarray(bytes.indexOf('a08196', 0, 'hex'), -(256 + 6));
    expect(attributesToSignature(ours)).toEqual(attributesToSignature(theirs));
  });

  it('signs a pkcs7 form that is refused by name', () => {
    expect(refusal(() => verifyDocument(rsa2048Proof(pkcs7), anchors, now)).code).toBe('unsupported_signature');
    const [signer] = parse(pkcs7).signerInfos;
    expect([signer!.digestAlgorithm.algorithm, signer!.signatureAlgorithm.algorithm]).toEqual([
      '1.3.14.3.2.26',
      '1.2.840.10040.4.3',
    ]);
  });

  it('writes base64 in lines of 64, as instance metadata does', () => {
    expect(
      rsa2048
        .split('\n')
        .slice(0, -1)
        .map(({ length }) => length),
    ).toEqual(Array(rsa2048.split('\n').length - 1).fill(64));
  });

  it('signs as before when it is made again from its kept keys', () => {
    const keys = newAuthorityKeys();
    const kept = JSON.parse(JSON.stringify(keys));
    const [before, after] = [createAuthority(['us-east-1'], keys), createAuthority(['us-east-1'], kept)];
    expect(after.anchors).toEqual(before.anchors);
    expect(after.sign(document, signedAt).rsa2048).toBe(before.sign(document, signedAt).rsa2048);
    const own = withTest(aws, readAnchors(JSON.parse(JSON.stringify(before.anchors))));
    expect(verifyDocument(rsa2048Proof(after.sign(document, signedAt).rsa2048), own, now).anchor.test).toBe(true);
  });

  it('signs the pkcs7 form with its DSA key', () => {
    const keys = newAuthorityKeys();
    const { pkcs7: base64 } = createAuthority(['us-east-1'], keys).sign(document, signedAt);
    const [signer] = parse(base64).signerInfos;
    const bytes = Buffer.from(base64, 'base64');
    const start = bytes.indexOf('a05d', 0, 'hex');
    const signed = bytes.subarray(start, start + 2 + 0x5d);
    signed[0] = 0x31;
    expect(
      verify('sha1', signed, createPublicKey(createPrivateKey(keys.dsa)), Buffer.from(signer!.signature.buffer)),
    ).toBe(true);
  });
});
