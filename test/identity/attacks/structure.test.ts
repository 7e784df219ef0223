import { hash } from 'node:crypto';
import { expect } from 'vitest';
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
  document,
  octets,
  protection,
  signedObject,
  signerInfo,
  signerName,
  utcTime,
  version,
} from '../object-parts.ts';
import { aws, now, ofKind, rsa2048Proof } from '../vectors.ts';
import { allOf, attack, harmless } from './attack.ts';
import { verify } from './objects.ts';

const { contentType, signingTime, messageDigest } = attributes;
const genuine = ofKind('rsa2048')[0]!;
const genuineBytes = Buffer.from(genuine.signature, 'base64');
const malformed = { code: 'malformed_signature' } as const;
const misplaced = { ...malformed, facts: { offset: expect.any(Number) } };

type Parts = Parameters<typeof signedObject>[0];
const object = (changes: Parts) => () => verify(signedObject(changes));
const signer = (...changes: Parameters<typeof signerInfo>) => object({ signerInfos: [signerInfo(...changes)] });
const signing = (...others: Uint8Array[]) => signer({ attributes: others });
const pieces = (...parts: Uint8Array[]) => ({
  eContent: [ber(tag.context0, ber(tag.constructedOctetString, ...parts))],
});
const piece = (...range: [number, number?]) => octets(content.subarray(...range));

attack(21, 'data instead of SignedData', object({ contentType: oid.data }), { says: /no SignedData/ });
attack(21, 'signed content within signed content', object({ eContentType: oid.signedData }), {
  says: /not of type data/,
});
for (const number of [0, 2, 3, 4, 5, 0xff]) {
  attack(21, `version ${number}`, object({ version: version(number) }), { says: /SignedData has another version/ });
}
attack(21, 'version 1 in two bytes', object({ version: der(tag.integer, Buffer.from([0, 1])) }), { says: /version/ });
attack(21, 'a signer of version 3', signer({ version: version(3) }), { says: /SignerInfo has another version/ });

attack(22, 'no content, the document beside', () => verify(signedObject({ eContent: [] }), document), misplaced);
attack(22, 'empty content', object({ eContent: [ber(tag.context0)] }), misplaced);

const signedBytes = Buffer.byteLength(genuine.document);
const beside = (text: string) => () => verifyDocument(rsa2048Proof(genuine.signature, text), aws, now);
const reordered = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(genuine.document)).reverse()), null, 2);
for (const [form, text] of [
  ['one digit', genuine.document.replace(genuine.instanceId, `${genuine.instanceId.slice(0, -1)}0`)],
  ['a newline behind', `${genuine.document}\n`],
  ['CRLF for LF', genuine.document.replaceAll('\n', '\r\n')],
  ['the order of members', reordered],
  ['another account’s', genuine.document.replace(genuine.accountId, '111122223333')],
  ['nothing', ''],
] as const) {
  const says = form === 'a newline behind' ? /newline/ : /byte/;
  attack(23, form, beside(text), { facts: { sentBytes: Buffer.byteLength(text), signedBytes }, says });
}

const nested = (depth: number): Buffer =>
  depth === 0 ? octets(content) : ber(tag.constructedOctetString, nested(depth - 1));
attack(24, 'a time among the pieces', object(pieces(octets(content), utcTime('261102100009Z'))), misplaced);
attack(24, 'pieces within pieces', object({ eContent: [ber(tag.context0, nested(2))] }), misplaced);
attack(24, 'a piece with tag [0]', object(pieces(der(0x80, content))), misplaced);
attack(24, 'two strings', object({ eContent: [ber(tag.context0, piece(0, 9), piece(9))] }), misplaced);
attack(24, 'an empty piece', object(pieces(octets(content), octets(Buffer.alloc(0)))), { says: /piece .* is empty/ });
attack(24, 'seventeen pieces', object(pieces(...Array.from({ length: 17 }, (_, nth) => piece(nth, nth + 1)))), {
  says: /too many/,
});
harmless(24, 'two pieces are one content', () => {
  expect(object(pieces(piece(0, 9), piece(9)))().document.instanceId).toBe('i-0123456789abcdef0');
});

attack(25, 'no signer', object({ signerInfos: [] }), misplaced);
attack(25, 'two signers', object({ signerInfos: [signerInfo(), signerInfo()] }), misplaced);
const stranger = signerInfo({ name: der(tag.sequence, der(tag.sequence), version(7)) });
attack(25, 'a good one behind a bad one', object({ signerInfos: [stranger, signerInfo()] }), misplaced);
attack(25, 'a bad one behind a good one', object({ signerInfos: [signerInfo(), stranger] }), misplaced);

const certificate = der(tag.sequence, der(tag.sequence), algorithm.sha256WithRsa, der(0x03, Buffer.alloc(257)));
attack(26, 'a certificate', object({ certificates: [der(tag.context0, certificate)] }), {
  ...{ code: 'certificate_in_signature', says: /certificates/ },
});
attack(26, 'no certificate in a place for some', object({ certificates: [ber(tag.context0)] }), {
  ...{ code: 'certificate_in_signature', says: /certificates/ },
});
attack(26, 'a revocation list', object({ certificates: [der(tag.context1, certificate)] }), {
  ...{ code: 'malformed_signature', says: /something else/ },
});

const untrusted = { code: 'untrusted_signer', facts: { region: 'us-east-1' } } as const;
const otherSerial = Buffer.from(signerName);
otherSerial[otherSerial.length - 1]! ^= 1;
const awsElsewhere = Buffer.from(anchorsFor(anchors, 'eu-west-1', 'rsa2048')[0]!.signers[0]!, 'base64');
attack(27, 'another serial number', signer({ name: otherSerial }), untrusted);
attack(27, 'AWS’s name in another Region', signer({ name: awsElsewhere }), untrusted);
attack(27, 'no name', signer({ name: der(tag.sequence) }), untrusted);
attack(27, 'a subject key identifier', signer({ name: der(0x80, Buffer.alloc(20, 7)) }), misplaced);

const counterSignature = Buffer.from('06092a864886f70d010906', 'hex'); // 1.2.840.113549.1.9.6, RFC 5652 section 11.4
for (const type of [oid.contentType, counterSignature]) {
  const unsigned = [der(tag.context1, attribute(type, signerInfo()))];
  attack(
    28,
    type === counterSignature ? 'a countersignature' : 'a second content type',
    signer({ unsigned }),
    misplaced,
  );
}
attack(28, 'an empty list of them', signer({ unsigned: [der(tag.context1)] }), misplaced);

const bare = [version(1), signerName, algorithm.sha256, algorithm.sha256WithRsa, octets(Buffer.alloc(256))];
const likeAttributes = octets(der(tag.set, ...Object.values(attributes)));
attack(
  29,
  'content that looks like them',
  object({ ...pieces(likeAttributes), signerInfos: [der(tag.sequence, ...bare)] }),
  misplaced,
);
attack(29, 'an empty list of them', signing(), { says: /contentType is missing/ });

const digestOf = (value: Uint8Array, ...more: Uint8Array[]) => attribute(oid.messageDigest, octets(value), ...more);
const digest = hash('sha256', content, 'buffer');
attack(30, 'no digest', signing(contentType, signingTime), { ...malformed, says: /messageDigest is missing/ });
attack(30, 'two digests', signing(contentType, signingTime, messageDigest, messageDigest), {
  ...malformed,
  says: /twice/,
});
attack(30, 'two values', signing(contentType, signingTime, digestOf(digest, octets(digest))), misplaced);
attack(30, 'no value', signing(contentType, signingTime, attribute(oid.messageDigest)), misplaced);
for (const length of [0, 20, 31, 33, 64]) {
  attack(30, `${length} bytes`, signing(contentType, signingTime, digestOf(Buffer.alloc(length, 7))), {
    ...malformed,
    says: /length/,
  });
}
attack(
  30,
  'the digest of other content',
  signing(contentType, signingTime, digestOf(hash('sha256', 'other', 'buffer'))),
  {
    ...{ code: 'invalid_signature', facts: { check: 'messageDigest' } },
  },
);
attack(
  30,
  'other content under a true signature',
  object(pieces(octets(Buffer.from(document.replace('111122223333', '999988887777'))))),
  {
    ...{ code: 'invalid_signature', facts: { check: 'messageDigest' } },
  },
);

const types = (...values: Uint8Array[]) => signing(attribute(oid.contentType, ...values), signingTime, messageDigest);
attack(31, 'none', signing(signingTime, messageDigest), { says: /contentType is missing/ });
attack(31, 'two', signing(contentType, contentType, signingTime, messageDigest), { says: /twice/ });
attack(31, 'no value', types(), { says: /content type is another/ });
attack(31, 'two values', types(oid.data, oid.data), { says: /content type is another/ });
attack(31, 'another', types(oid.signedData), { says: /content type is another/ });

const times = (...values: Uint8Array[]) => signing(contentType, attribute(oid.signingTime, ...values), messageDigest);
attack(32, 'none', signing(contentType, messageDigest), { ...malformed, says: /signingTime is missing/ });
attack(32, 'two', signing(contentType, signingTime, signingTime, messageDigest), { ...malformed, says: /twice/ });
for (const text of ['260230100009Z', '261102100009+0100', '2611021000Z', '261102240009Z', '261102100060Z', '']) {
  attack(32, JSON.stringify(text), times(utcTime(text)), { ...malformed, says: /no time/ });
}
attack(32, 'another type of time', times(der(0x18, Buffer.from('20261102100009Z'))), misplaced);
attack(32, 'a minute and a second before the start', times(utcTime('261102095904Z')), {
  ...{ code: 'malformed_signature', says: /before the start/ },
  facts: { signingTime: '2026-11-02T09:59:04.000Z', pendingTime: '2026-11-02T10:00:05.000Z' },
});
attack(
  32,
  'a minute and a second from now',
  () => verifyDocument(rsa2048Proof(signedObject()), anchors, new Date('2026-11-02T09:59:08Z')),
  {
    code: 'document_from_future',
    facts: { documentTime: '2026-11-02T10:00:09.000Z', now: '2026-11-02T09:59:08.000Z' },
  },
);

const usual = [contentType, signingTime, messageDigest];
attack(33, 'another digest', signing(...usual, protection(algorithm.sha1, algorithm.sha256WithRsa)), {
  says: /not those that are used/,
});
attack(33, 'another signature', signing(...usual, protection(algorithm.sha256, algorithm.dsaWithSha1)), {
  says: /not those that are used/,
});
attack(33, 'the other name of the same', signing(...usual, protection(algorithm.sha256, algorithm.rsaEncryption)), {
  says: /not those that are used/,
});
attack(
  33,
  'one of a MAC',
  signing(...usual, attribute(oid.algorithmProtection, der(tag.sequence, algorithm.sha256, der(0xa2)))),
  misplaced,
);

const md5 = Buffer.from('300c06082a864886f70d02050500', 'hex'); // RFC 1321, 1.2.840.113549.2.5
const pss = der(tag.sequence, Buffer.from('06092a864886f70d01010a', 'hex'), der(tag.sequence)); // RFC 4055 section 3.1
const ecdsa = Buffer.from('300a06082a8648ce3d040302', 'hex'); // RFC 5758 section 3.2
const otherAlgorithms: readonly [form: string, changes: Parts, identifier: Uint8Array][] = [
  ['SHA-1', { digestAlgorithms: [algorithm.sha1] }, algorithm.sha1],
  ['MD5', { digestAlgorithms: [md5] }, md5],
  ['SHA-1 by the signer alone', { signerInfos: [signerInfo({ digestAlgorithm: algorithm.sha1 })] }, algorithm.sha1],
  ['MD5 by the signer alone', { signerInfos: [signerInfo({ digestAlgorithm: md5 })] }, md5],
  ['DSA', { signerInfos: [signerInfo({ signatureAlgorithm: algorithm.dsaWithSha1 })] }, algorithm.dsaWithSha1],
  ['RSASSA-PSS', { signerInfos: [signerInfo({ signatureAlgorithm: pss })] }, pss],
  ['ECDSA', { signerInfos: [signerInfo({ signatureAlgorithm: ecdsa })] }, ecdsa],
];
for (const [form, changes, identifier] of otherAlgorithms) {
  const facts = { algorithm: Buffer.from(identifier).toString('hex') };
  attack(34, form, object(changes), { code: 'unsupported_signature', facts });
}
for (const digestAlgorithms of [[], [algorithm.sha256, algorithm.sha256]]) {
  attack(34, `${digestAlgorithms.length} digest algorithms`, object({ digestAlgorithms }), {
    ...{ code: 'malformed_signature', facts: { offset: expect.any(Number) } },
  });
}

const invalid = { facts: { region: 'us-east-1' } };
attack(35, 'the implicit tag', signer({ signedTag: tag.context0 }), invalid);
attack(35, 'the tag of a sequence', signer({ signedTag: tag.sequence }), invalid);
attack(
  35,
  'another order than the one that was signed',
  () => {
    const [good, sorted] = [signerInfo({ attributes: usual }), Buffer.concat([...usual].reverse())];
    const sent = Buffer.from(good);
    sorted.copy(sent, sent.indexOf(Buffer.concat(usual)));
    return verify(signedObject({ signerInfos: [sent] }));
  },
  invalid,
);

for (const [form, bytes] of [
  ['a byte behind', Buffer.concat([genuineBytes, Buffer.from([0])])],
  ['an end-of-contents behind', Buffer.concat([genuineBytes, Buffer.from([0, 0])])],
  ['itself behind', Buffer.concat([genuineBytes, genuineBytes])],
  ['no last end-of-contents', genuineBytes.subarray(0, -2)],
  ['half of the last end-of-contents', genuineBytes.subarray(0, -1)],
  ['a length in four bytes', Buffer.concat([Buffer.from([0x30, 0x84, 0, 0, 0, 0x20]), genuineBytes])],
  ['a length in 127 bytes', Buffer.concat([Buffer.from([0x30, 0xff]), Buffer.alloc(127, 0xff), genuineBytes])],
  ['a length that is not minimal', Buffer.concat([Buffer.from([0x30, 0x81, 0x20]), genuineBytes])],
  ['a length beyond the end', Buffer.from([0x30, 0x82, 0x40, 0x00, 0x06, 0x01, 0x2a])],
  [
    'a definite length that ends early',
    Buffer.concat([Buffer.from([0x30, 0x82, 0x02, 0x00]), genuineBytes.subarray(2)]),
  ],
  ['seventeen levels', Buffer.alloc(34, Buffer.from([0x30, 0x80]))],
  ['two thousand levels', Buffer.alloc(4096, Buffer.from([0x30, 0x80]))],
  ['two thousand empty elements', Buffer.alloc(4096, Buffer.from([0x04, 0x00]))],
  ['nothing but zeros', Buffer.alloc(4096)],
] as const) {
  attack(36, form, () => verify(Buffer.from(bytes).toString('base64')), misplaced);
}
attack(
  36,
  '100 000 empty elements',
  () => verify(Buffer.alloc(200_000, Buffer.from([0x04, 0x00])).toString('base64')),
  {
    ...{ code: 'malformed_signature', facts: { characters: 266_668 } },
  },
);
attack(
  36,
  '100 000 empty elements, past the limit of characters',
  () => readSignedData(Buffer.alloc(200_000, Buffer.from([0x30, 0x80]))),
  misplaced,
);
attack(36, 'a version of no bytes', object({ version: der(tag.integer) }), { ...malformed, says: /version/ });
for (const serial of [[], [0xff], [0]]) {
  const name = Buffer.concat([
    signerName.subarray(2, signerName.indexOf(0x02, 2)),
    der(tag.integer, Buffer.from(serial)),
  ]);
  attack(36, `a serial number of bytes [${serial}]`, signer({ name: der(tag.sequence, name) }), untrusted);
}
attack(
  36,
  'bytes behind the last part of a signer',
  object({ signerInfos: [der(tag.sequence, signerInfo().subarray(4), der(tag.null))] }),
  misplaced,
);

// 2^32 + 1 as the last arc: a reader with 32 bits takes it for SHA-256's 1, and for data's.
const overflowing = der(tag.sequence, der(tag.objectIdentifier, Buffer.from('60864801650304029080808001', 'hex')));
attack(37, 'SHA-256 as a digest', object({ digestAlgorithms: [overflowing] }), {
  ...{ code: 'unsupported_signature', facts: { algorithm: overflowing.toString('hex') } },
});
const overflowingData = der(tag.objectIdentifier, Buffer.from('2a864886f70d01079080808001', 'hex'));
attack(37, 'data as a content type', object({ eContentType: overflowingData }), {
  ...malformed,
  says: /not of type data/,
});
const padded = der(tag.objectIdentifier, Buffer.from('2a864886f70d0107808001', 'hex'));
attack(37, 'an arc with zeros in front', object({ eContentType: padded }), { ...malformed, says: /not of type data/ });

const text = genuine.signature;
for (const [form, armoured] of [
  ['PEM', `-----BEGIN PKCS7-----\n${text}\n-----END PKCS7-----\n`],
  ['PEM for CMS', `-----BEGIN CMS-----\n${text}\n-----END CMS-----`],
  ['the url alphabet', text.replaceAll('+', '-').replaceAll('/', '_')],
  ['a blank', `${text.slice(0, 64)} ${text.slice(64)}`],
  ['a tab', `${text}\t`],
  ['a lone carriage return', `${text.slice(0, 64)}\r${text.slice(64)}`],
  ['padding too many', `${text}=`],
  ['over eight thousand characters', text.repeat(8)],
  ['nothing', ''],
] as const) {
  attack(38, form, () => verifyDocument(rsa2048Proof(armoured), aws, now), { facts: { characters: armoured.length } });
}
const padded64 = signedObject({ eContent: [ber(tag.context0, octets(content))] });
const stray = `${padded64.slice(0, -2)}${String.fromCharCode(padded64.charCodeAt(padded64.length - 2) + 1)}=`;
attack(
  38,
  'a bit that no byte has, under the padding',
  () => {
    expect(Buffer.from(stray, 'base64')).toEqual(Buffer.from(padded64, 'base64'));
    return verify(stray);
  },
  { facts: { characters: stray.length } },
);
for (const [columns, newline] of [
  [64, '\n'],
  [76, '\r\n'],
  [1, '\n'],
] as const) {
  harmless(38, `${columns} columns, ${JSON.stringify(newline)}`, () => {
    const lines = text.match(new RegExp(`.{1,${columns}}`, 'g'))!.join(newline);
    const read = verifyDocument(rsa2048Proof(lines), aws, now);
    expect(read).toEqual(verifyDocument(rsa2048Proof(text), aws, now));
  });
}

allOf('The structure of the `rsa2048` object');
