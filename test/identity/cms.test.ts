import { hash } from 'node:crypto';
import { ContentInfo, SignedData } from '@peculiar/asn1-cms';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from '#shared/domain/problems.ts';
import { algorithm, oid } from '#shared/identity/algorithms.ts';
import { anchorsFor } from '#shared/identity/anchors.ts';
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
  signerName,
  utcTime,
  version,
} from './object-parts.ts';
import { now, ofKind, refusal, rsa2048Proof } from './vectors.ts';

function codeOf(rsa2048: string): string {
  return refusal(() => verifyDocument(rsa2048Proof(rsa2048), anchors, now)).code;
}

/** The hand-built object with other signed attributes than the usual three. */
function withAttributes(...others: Uint8Array[]): string {
  return signedObject({ signerInfos: [signerInfo({ attributes: others })] });
}

const { contentType, signingTime, messageDigest } = attributes;
const nested = (depth: number): Buffer =>
  depth === 0 ? octets(content) : ber(tag.constructedOctetString, nested(depth - 1));

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

  it.each([
    ['is of another type than SignedData', { contentType: oid.data }],
    ['has version 3', { version: version(3) }],
    ['has a version of no bytes', { version: der(tag.integer) }],
    ['has a negative version', { version: version(0xff) }],
    ['has two digest algorithms', { digestAlgorithms: [algorithm.sha256, algorithm.sha256] }],
    ['has no digest algorithm', { digestAlgorithms: [] }],
    ['has content of another type', { eContentType: oid.signedData }],
    ['has no content', { eContent: [] }],
    [
      'has content in an empty piece',
      { eContent: [ber(tag.context0, ber(tag.constructedOctetString, octets(content), octets(Buffer.alloc(0))))] },
    ],
    [
      'has content in a hundred pieces',
      { eContent: [ber(tag.context0, ber(tag.constructedOctetString, ...Array<Buffer>(100).fill(octets(content))))] },
    ],
    [
      'has content in pieces of different types',
      { eContent: [ber(tag.context0, ber(tag.constructedOctetString, octets(content), utcTime('261102100009Z')))] },
    ],
    ['has pieces within pieces', { eContent: [ber(tag.context0, nested(2))] }],
    ['has content twice', { eContent: [ber(tag.context0, octets(content), octets(content))] }],
    ['holds a certificate', { certificates: [der(tag.context0, der(tag.sequence))] }],
    ['holds a revocation list', { certificates: [der(tag.context1, der(tag.sequence))] }],
    ['has no signer', { signerInfos: [] }],
    ['has two signers', { signerInfos: [signerInfo(), signerInfo()] }],
    ['has a signer of version 3', { signerInfos: [signerInfo({ version: version(3) })] }],
    [
      'names its signer by subject key identifier',
      { signerInfos: [signerInfo({ name: der(0x80, Buffer.alloc(20, 7)) })] },
    ],
    [
      'has unsigned attributes',
      { signerInfos: [signerInfo({ unsigned: [der(tag.context1, attribute(oid.contentType, oid.data))] })] },
    ],
    ['has no signed attributes', { signerInfos: [signerInfo({ attributes: [] })] }],
  ])('is malformed when it %s', (_, changes) => {
    expect(codeOf(signedObject(changes))).toBe('malformed_signature');
  });

  it.each([
    ['the digest algorithm is SHA-1', { digestAlgorithms: [algorithm.sha1] }],
    ['the signer’s digest algorithm is SHA-1', { signerInfos: [signerInfo({ digestAlgorithm: algorithm.sha1 })] }],
    ['the signature algorithm is DSA', { signerInfos: [signerInfo({ signatureAlgorithm: algorithm.dsaWithSha1 })] }],
    [
      'the signature algorithm is RSASSA-PSS',
      {
        signerInfos: [
          signerInfo({
            signatureAlgorithm: der(tag.sequence, Buffer.from('06092a864886f70d01010a', 'hex'), der(tag.null)),
          }),
        ],
      },
    ],
    // 2^32 + 1 as the last arc: a reader with 32 bits takes it for SHA-256's 1
    [
      'an arc overflows',
      {
        digestAlgorithms: [
          der(tag.sequence, der(tag.objectIdentifier, Buffer.from('60864801650304029080808001', 'hex'))),
        ],
      },
    ],
  ])('is unsupported when %s', (_, changes) => {
    expect(codeOf(signedObject(changes))).toBe('unsupported_signature');
  });

  it.each([
    ['the content type is missing', [signingTime, messageDigest]],
    ['the signing time is missing', [contentType, messageDigest]],
    ['the digest is missing', [contentType, signingTime]],
    ['the content type is there twice', [contentType, contentType, signingTime, messageDigest]],
    ['the digest is there twice', [contentType, signingTime, messageDigest, messageDigest]],
    ['the signing time is there twice', [contentType, signingTime, signingTime, messageDigest]],
    ['the content type has no value', [attribute(oid.contentType), signingTime, messageDigest]],
    ['the content type is another', [attribute(oid.contentType, oid.signedData), signingTime, messageDigest]],
    [
      'the digest has two values',
      [
        contentType,
        signingTime,
        attribute(oid.messageDigest, octets(hash('sha256', content, 'buffer')), octets(Buffer.alloc(32))),
      ],
    ],
    [
      'the digest has 20 bytes',
      [contentType, signingTime, attribute(oid.messageDigest, octets(hash('sha1', content, 'buffer')))],
    ],
    [
      'the signing time is on 30 February',
      [contentType, attribute(oid.signingTime, utcTime('260230100009Z')), messageDigest],
    ],
    [
      'the signing time has an offset',
      [contentType, attribute(oid.signingTime, utcTime('261102100009+0100')), messageDigest],
    ],
    [
      'the signing time is long before the start',
      [contentType, attribute(oid.signingTime, utcTime('261102095904Z')), messageDigest],
    ],
    ['there is one of another type', [contentType, signingTime, messageDigest, attribute(oid.data, octets(content))]],
    [
      'the protected digest algorithm is another',
      [contentType, signingTime, messageDigest, protection(algorithm.sha1, algorithm.sha256WithRsa)],
    ],
    [
      'the protected signature algorithm is another',
      [contentType, signingTime, messageDigest, protection(algorithm.sha256, algorithm.dsaWithSha1)],
    ],
  ])('is malformed when, among the signed attributes, %s', (_, others) => {
    expect(codeOf(withAttributes(...others))).toBe('malformed_signature');
  });

  it('is invalid when the digest is of other content, though the attributes are signed well', () => {
    const digest = attribute(oid.messageDigest, octets(hash('sha256', 'other content', 'buffer')));
    expect(codeOf(withAttributes(contentType, signingTime, digest))).toBe('invalid_signature');
  });

  it('is invalid when the attributes were signed under their implicit tag', () => {
    expect(codeOf(signedObject({ signerInfos: [signerInfo({ signedTag: tag.context0 })] }))).toBe('invalid_signature');
  });

  it('is from the future when it was signed a minute and a second from now', () => {
    const early = new Date('2026-11-02T09:59:08Z');
    const { code, facts } = refusal(() => verifyDocument(rsa2048Proof(signedObject()), anchors, early));
    expect([code, facts]).toEqual([
      'document_from_future',
      { documentTime: '2026-11-02T10:00:09.000Z', now: early.toISOString() },
    ]);
  });

  it('is of an untrusted signer when it names another serial number or AWS’s certificate of another Region', () => {
    const otherSerial = Buffer.from(signerName);
    otherSerial[otherSerial.length - 1]! ^= 1;
    const awsName = Buffer.from(anchorsFor(anchors, 'eu-west-1', 'rsa2048')[0]!.signers[0]!, 'base64');
    const codes = [otherSerial, awsName].map((name) => codeOf(signedObject({ signerInfos: [signerInfo({ name })] })));
    expect(codes).toEqual(['untrusted_signer', 'untrusted_signer']);
  });

  it('is invalid when it names AWS’s certificate but is signed by another key', () => {
    const awsName = Buffer.from(anchorsFor(anchors, 'us-east-1', 'rsa2048')[0]!.signers[0]!, 'base64');
    expect(codeOf(signedObject({ signerInfos: [signerInfo({ name: awsName })] }))).toBe('invalid_signature');
  });

  it('is refused when content that looks like signed attributes is signed without any', () => {
    const set = der(tag.set, ...Object.values(attributes));
    const bare = der(
      tag.sequence,
      version(1),
      signerName,
      algorithm.sha256,
      algorithm.sha256WithRsa,
      octets(Buffer.alloc(256)),
    );
    const eContent = [ber(tag.context0, octets(set))];
    expect(codeOf(signedObject({ eContent, signerInfos: [bare] }))).toBe('malformed_signature');
  });
});

describe('the encoding of an object', () => {
  const genuine = Buffer.from(ofKind('rsa2048')[0]!.signature, 'base64');

  it.each([
    ['a byte follows it', Buffer.concat([genuine, Buffer.from([0])])],
    ['an end-of-contents follows it', Buffer.concat([genuine, Buffer.from([0, 0])])],
    ['its last end-of-contents is missing', genuine.subarray(0, -2)],
    ['half of its last end-of-contents is missing', genuine.subarray(0, -1)],
    ['a length is written in four bytes', Buffer.concat([Buffer.from([0x30, 0x84, 0, 0, 0, 0x20]), genuine])],
    ['a length is not minimal', Buffer.concat([Buffer.from([0x30, 0x81, 0x20]), genuine])],
    ['a length reaches beyond the end', Buffer.from([0x30, 0x82, 0x40, 0x00, 0x06, 0x01, 0x2a])],
    ['it is nothing but openings', Buffer.alloc(4096, Buffer.from([0x30, 0x80]))],
    ['it is nothing but empty elements', Buffer.alloc(4096, Buffer.from([0x04, 0x00]))],
    [
      'it is wrapped in a definite length that ends early',
      Buffer.concat([Buffer.from([0x30, 0x82, 0x02, 0x00]), genuine.subarray(2)]),
    ],
  ])('is malformed when %s', (_, bytes) => {
    expect(codeOf(bytes.toString('base64'))).toBe('malformed_signature');
  });

  it('is malformed wherever it is cut off', () => {
    const kept = Array.from({ length: genuine.length }, (_, length) => genuine.subarray(0, length));
    const refusals = kept.map((bytes) => refusal(() => readSignedData(bytes)).code);
    expect(new Set(refusals)).toEqual(new Set(['malformed_signature']));
  });

  const elements = fc.letrec<{ element: Buffer; tree: Buffer }>((tie) => ({
    element: fc
      .tuple(fc.constantFrom(...Object.values(tag)), fc.uint8Array({ maxLength: 12 }))
      .map(([t, bytes]) => der(t, bytes)),
    tree: fc.oneof(
      { depthSize: 'small' },
      tie('element'),
      fc
        .tuple(
          fc.constantFrom(der, ber),
          fc.constantFrom(0x24, 0x30, 0x31, 0xa0),
          fc.array(tie('tree'), { maxLength: 4 }),
        )
        .map(([write, t, children]) => write(t, ...children)),
    ),
  })).tree;

  it('ends in a Problem and nothing else for bytes of any kind', () => {
    const anything = fc.oneof(fc.uint8Array({ maxLength: 2048 }), elements);
    fc.assert(
      fc.property(anything, (bytes) => {
        expect(refusal(() => readSignedData(bytes))).toBeInstanceOf(Problem);
      }),
      { numRuns: 2000 },
    );
  });

  it('ends in a Problem and nothing else when a part of a genuine object is overwritten, left out or repeated', () => {
    const place = fc.nat({ max: genuine.length - 1 });
    const change = fc.tuple(place, fc.nat({ max: 40 }), fc.uint8Array({ maxLength: 40 }));
    const changed = change.map(([at, gone, put]) =>
      Buffer.concat([genuine.subarray(0, at), put, genuine.subarray(at + gone)]),
    );
    fc.assert(
      fc.property(
        changed.filter((bytes) => !bytes.equals(genuine)),
        (bytes) => {
          expect(refusal(() => verifyDocument(rsa2048Proof(bytes.toString('base64')), anchors, now))).toBeInstanceOf(
            Problem,
          );
        },
      ),
      { numRuns: 2000 },
    );
  });
});
