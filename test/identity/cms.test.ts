import { hash } from 'node:crypto';
import { ContentInfo, SignedData } from '@peculiar/asn1-cms';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { describe, expect, it } from 'vitest';
import { algorithm, oid } from '#shared/identity/algorithms.ts';
import { tag } from '#shared/identity/ber.ts';
import { readSignedData } from '#shared/identity/cms.ts';
import { der } from '#shared/identity/der.ts';
import { verifyDocument } from '#shared/identity/verify-document.ts';
import {
  anchors,
  attribute,
  attributes,
  ber,
  content,
  octets,
  protection,
  signedObject,
  signerInfo,
} from './object-parts.ts';
import { now, ofKind, refusal, rsa2048Proof } from './vectors.ts';

describe('readSignedData', () => {
  it.each(ofKind('rsa2048'))('reads the genuine object of $instanceId as an independent parser does', (vector) => {
    const bytes = Buffer.from(vector.signature, 'base64');
    const signed = readSignedData(bytes);
    const reference = AsnConvert.parse(AsnConvert.parse(bytes, ContentInfo).content, SignedData);
    const [signer] = reference.signerInfos;
    const digest = signer!.signedAttrs!.find(({ attrType }) => attrType === '1.2.840.113549.1.9.4')!.attrValues[0]!;
    expect(Buffer.from(signed.content).toString()).toBe(vector.document);
    expect(hash('sha256', signed.content, 'hex')).toBe(
      Buffer.from(AsnConvert.parse(digest, OctetString).buffer).toString('hex'),
    );
    expect(Buffer.from(signed.signature)).toEqual(Buffer.from(signer!.signature.buffer));
    expect(signed.signer).toEqual(Buffer.from(AsnConvert.serialize(signer!.sid.issuerAndSerialNumber!)));
  });

  it('reads the signing time of each genuine object', () => {
    const times = ofKind('rsa2048').map(
      ({ signature }) => readSignedData(Buffer.from(signature, 'base64')).signingTime,
    );
    expect(times.map((time) => time.toISOString())).toEqual([
      '2017-12-29T05:34:12.000Z',
      '2021-09-03T21:25:47.000Z',
      '2026-02-16T00:38:28.000Z',
    ]);
  });
});

/** What is refused of it: test/identity/attacks/structure.test.ts. */
describe('an object built by hand', () => {
  it('is accepted in AWS’s form, so that each refusal below has the one cause it names', () => {
    expect(verifyDocument(rsa2048Proof(signedObject()), anchors, now).document.instanceId).toBe('i-0123456789abcdef0');
  });

  it.each([
    [
      'its content is in two pieces',
      {
        eContent: [
          ber(
            tag.context0,
            ber(tag.constructedOctetString, octets(content.subarray(0, 9)), octets(content.subarray(9))),
          ),
        ],
      },
    ],
    ['its content is one primitive string', { eContent: [der(tag.context0, octets(content))] }],
    ['SHA-256 is named with NULL', { digestAlgorithms: [algorithm.sha256WithNull] }],
    [
      'its signature algorithm is called rsaEncryption',
      { signerInfos: [signerInfo({ signatureAlgorithm: algorithm.rsaEncryption })] },
    ],
    [
      'it protects its algorithms',
      {
        signerInfos: [
          signerInfo({
            attributes: [...Object.values(attributes), protection(algorithm.sha256, algorithm.sha256WithRsa)],
          }),
        ],
      },
    ],
  ])('is accepted when %s', (_, changes) => {
    expect(verifyDocument(rsa2048Proof(signedObject(changes)), anchors, now).anchor.test).toBe(true);
  });

  it('is malformed when it has a signed attribute that AWS does not write', () => {
    const others = [...Object.values(attributes), attribute(oid.data, octets(content))];
    const object = signedObject({ signerInfos: [signerInfo({ attributes: others })] });
    expect(refusal(() => verifyDocument(rsa2048Proof(object), anchors, now)).code).toBe('malformed_signature');
  });
});
