import { constants, generateKeyPairSync, hash, type KeyObject, privateEncrypt, sign } from 'node:crypto';
import { expect } from 'vitest';
import { algorithm } from '#shared/identity/algorithms.ts';
import { readAnchors } from '#shared/identity/anchor-file.ts';
import { type Anchors, anchorsFor, loadAnchors, withExtra, withTest } from '#shared/identity/anchors.ts';
import { tag } from '#shared/identity/ber.ts';
import { der } from '#shared/identity/der.ts';
import { verifyDocument } from '#shared/identity/verify-document.ts';
import { byKey, instanceChange, keyChange, precisely, running } from '#test/app/enrollment/enrollment-setup.ts';
import { anchors, attributes, authority, document, signedObject, signerInfo, signerName } from '../object-parts.ts';
import { aws, now, ofKind, rsa2048Proof, rsaProof, type Vector } from '../vectors.ts';
import { allOf, attack, harmless } from './attack.ts';
import { enrollmentAttack } from './enrollments.ts';
import { objectHolding, verify } from './objects.ts';
import { read, withPayload } from './requests.ts';

const [genuine, secondGenuine] = ofKind('rsa2048') as [Vector, Vector];
const [bare, secondBare] = ofKind('signature') as [Vector, Vector];

const judge = (rsa2048: string, text?: string) => () => verifyDocument(rsa2048Proof(rsa2048, text), aws, now);
const judgeBare = (text: string, signature: string) => () => verifyDocument(rsaProof(text, signature), aws, now);
const invalid = (region = 'us-east-1') => ({ code: 'invalid_signature', facts: { region } }) as const;
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

const awsName = Buffer.from(anchorsFor(aws, 'us-east-1', 'rsa2048')[0]!.signers[0]!, 'base64');
const signerInfos = [signerInfo({ name: awsName })];
attack(39, 'as the signer', judge(signedObject({ signerInfos })), invalid());
const selfMade = der(tag.sequence, der(tag.sequence, awsName), algorithm.sha256WithRsa, der(0x03, Buffer.alloc(257)));
const certificates = [der(tag.context0, selfMade)];
attack(39, 'as the signer, and in a certificate', judge(signedObject({ signerInfos, certificates })), {
  ...{ code: 'certificate_in_signature', says: /certificates/ },
});
const own = generateKeyPairSync('rsa', { modulusLength: 1024 });
attack(
  39,
  'a bare signature',
  judgeBare(document, base64(sign('sha256', Buffer.from(document), own.privateKey))),
  invalid(),
);

attack(40, 'rsa2048 as a bare one', judgeBare(genuine.document, genuine.signature), { code: 'unsupported_signature' });
attack(40, 'a bare one as rsa2048', judge(bare.signature, bare.document), {
  ...{ code: 'malformed_signature', facts: { offset: expect.any(Number) } },
});
for (const [form, only] of [
  ['the bare one of its Region', withExtra(new Map(), anchorsFor(aws, genuine.region, 'rsa'))],
  ['that of another Region', withExtra(new Map(), anchorsFor(aws, 'eu-west-1', 'rsa2048'))],
] as const) {
  attack(
    40,
    `rsa2048, where the only key is ${form}`,
    () => verifyDocument(rsa2048Proof(genuine.signature), only, now),
    {
      ...{ code: 'unknown_region', facts: { region: genuine.region, kind: 'rsa2048' } },
    },
  );
}

const edited = Buffer.from(genuine.signature, 'base64').toString('latin1').replaceAll('us-east-1', 'eu-west-1');
attack(41, 'in the object', judge(base64(Buffer.from(edited, 'latin1'))), {
  facts: { check: 'messageDigest' },
});
for (const region of ['us-west-1', 'eu-west-1', 'us-gov-west-1', 'cn-north-1']) {
  const text = bare.document.replaceAll(bare.region, region);
  attack(41, `in the document, ${region}`, judgeBare(text, bare.signature), { facts: { region } });
}

attack(42, 'beside the object', judge(genuine.signature, secondGenuine.document), {
  code: 'document_mismatch',
  facts: { sentBytes: secondGenuine.document.length, signedBytes: genuine.document.length },
});
attack(42, 'with a bare one', judgeBare(bare.document, secondBare.signature), invalid(bare.region));

for (const { region, instanceId, signature, document: text } of ofKind('pkcs7')) {
  const facts = { algorithm: base64AlgorithmOfDsa() };
  attack(43, `${instanceId}, ${region}`, judge(signature, text), { facts });
}
attack(43, 'as a bare one', judgeBare(ofKind('pkcs7')[0]!.document, ofKind('pkcs7')[0]!.signature));
attack(43, 'by the test authority', () => verify(authority.sign(document, now).pkcs7), {
  facts: { algorithm: base64AlgorithmOfDsa() },
});

/** Which identifier is met first: SHA-1's, among the digest algorithms. */
function base64AlgorithmOfDsa(): string {
  return Buffer.from(algorithm.sha1).toString('hex');
}

const records = [instanceChange(running()), keyChange()];
enrollmentAttack(
  44,
  'with a valid grant',
  { records, asking: { kind: 'iid-rsa', ...byKey } },
  {
    facts: precisely({ proof: 'iid-rsa', management: 'pending' }),
  },
);
enrollmentAttack(
  44,
  'where the policy names nothing',
  { records, asking: byKey, ports: { allowedProofs: [] } },
  {
    facts: precisely({ proof: 'iid-rsa2048', management: 'pending' }),
  },
);

const { signature: weaker } = authority.sign(document, now);
const both = { kind: 'iid-rsa2048', rsa2048: 'AAAA', document, signature: weaker };
attack(45, 'in one proof', () => read(withPayload({ proof: both })), {
  ...{ code: 'malformed_request', facts: { member: 'proof' } },
});
attack(
  45,
  'in two proofs',
  () => read(withPayload({ proof: [both, { kind: 'iid-rsa', document, signature: weaker }] })),
  {
    ...{ code: 'malformed_request', facts: { member: 'proof' } },
  },
);
attack(45, 'the document of a good one beside the bad one', () => verify('AAAA', document), {
  ...{ code: 'malformed_signature', facts: { offset: 0 } },
});

const elsewhere = document.replaceAll('us-east-1', 'xx-north-9');
attack(46, 'rsa2048', () => verify(objectHolding(Buffer.from(elsewhere))), {
  facts: { region: 'xx-north-9', kind: 'rsa2048' },
});
attack(46, 'a bare one', () => verifyDocument(rsaProof(elsewhere, bare.signature), anchors, now), {
  facts: { region: 'xx-north-9', kind: 'rsa' },
});

const after = (proof: Parameters<typeof verifyDocument>[0], year: number) =>
  verifyDocument(proof, aws, new Date(`${year}-01-01T00:00:00Z`)).warnings;
harmless(47, 'the pinned key’s certificates have ended', () => {
  expect(after(rsa2048Proof(genuine.signature), 2200)).toEqual([expect.stringContaining('ended at 2195-')]);
  expect(after(rsaProof(bare.document, bare.signature), 2030)).toEqual([expect.stringContaining('ended at 2029-')]);
});
const fresh = Buffer.from(signerName);
fresh[fresh.length - 1]! ^= 1;
attack(47, 'a fresh certificate’s name', () => verify(signedObject({ signerInfos: [signerInfo({ name: fresh })] })), {
  ...{ code: 'untrusted_signer', facts: { region: 'us-east-1' } },
});
attack(47, 'a fresh key under the old name', judge(signedObject({ signerInfos })), invalid());

/** Numbers as RSA signatures, by a key of this test's: for the bare form, and for an object that is signed with it. */
const digestInfo = Buffer.from('3031300d060960864801650304020105000420', 'hex'); // RFC 8017 section 9.2, note 1
const number = (value: bigint, length: number) => Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');
function forgeries(key: { publicKey: KeyObject; privateKey: KeyObject }, signed: Uint8Array, bytes: number) {
  const n = BigInt(`0x${Buffer.from(key.publicKey.export({ format: 'jwk' }).n!, 'base64url').toString('hex')}`);
  const good = sign('sha256', signed, key.privateKey);
  const s = BigInt(`0x${good.toString('hex')}`);
  const digest = hash('sha256', signed, 'buffer');
  const raw = (block: Buffer) => privateEncrypt({ key: key.privateKey, padding: constants.RSA_NO_PADDING }, block);
  const padded = (type: number, fill: number, count: number, ...rest: Buffer[]) => {
    const block = Buffer.concat([Buffer.from([0, type]), Buffer.alloc(count, fill), Buffer.from([0]), ...rest]);
    return raw(Buffer.concat([block, Buffer.alloc(bytes - block.length, 0x5a)]));
  };
  const full = bytes - 3 - digestInfo.length - digest.length;
  expect(padded(1, 0xff, full, digestInfo, digest).equals(good)).toBe(true);
  const noNull = Buffer.from('302f300b06096086480165030402010420', 'hex');
  const sha1Info = Buffer.from('3021300906052b0e03021a05000414', 'hex');
  const sha1 = hash('sha1', signed, 'buffer');
  return [
    ['zero', number(0n, bytes)],
    ['one', number(1n, bytes)],
    ['n−1', number(n - 1n, bytes)],
    ['n', number(n, bytes)],
    ['n−s', number(n - s, bytes)],
    ['garbage behind the digest', padded(1, 0xff, 8, digestInfo, digest)],
    ['padding of other bytes', padded(1, 0xfe, full, digestInfo, digest)],
    ['padding of the other type', padded(2, 0xff, full, digestInfo, digest)],
    ['no DigestInfo', padded(1, 0xff, bytes - 3 - digest.length, digest)],
    ['a DigestInfo without NULL', padded(1, 0xff, full + 2, noNull, digest)],
    ['SHA-1', padded(1, 0xff, bytes - 3 - sha1Info.length - sha1.length, sha1Info, sha1)],
    ['bytes reversed', Buffer.from(good).reverse()],
  ] as const;
}

function pinned(kind: 'rsa' | 'rsa2048', key: KeyObject): Anchors {
  const spki = base64(key.export({ format: 'der', type: 'spki' }));
  const signers = kind === 'rsa' ? [] : [base64(signerName)];
  const entry = { regions: ['us-east-1'], kind, spki, signers, notAfter: '2195-01-01T00:00:00Z', test: true };
  return withTest(aws, readAnchors([entry]));
}

const ownAnchors = pinned('rsa', own.publicKey);
const ownBare = (signature: Uint8Array) => () => verifyDocument(rsaProof(document, base64(signature)), ownAnchors, now);
for (const [form, signature] of forgeries(own, Buffer.from(document), 128)) {
  attack(48, `a bare one: ${form}`, ownBare(signature), invalid());
}
for (const length of [1, 127, 129, 256]) {
  attack(48, `a bare one of ${length} bytes`, ownBare(Buffer.alloc(length, 1)), {
    ...{ code: 'malformed_signature', facts: { bytes: length } },
  });
}

const own2048 = generateKeyPairSync('rsa', { modulusLength: 2048 });
const own2048Anchors = pinned('rsa2048', own2048.publicKey);
const signedSet = der(tag.set, ...Object.values(attributes));
const withSignature = (signature: Uint8Array) => () => {
  const whole = signerInfo();
  const info = der(tag.sequence, whole.subarray(4, -(256 + 4)), der(tag.octetString, signature));
  return verifyDocument(rsa2048Proof(signedObject({ signerInfos: [info] })), own2048Anchors, now);
};
for (const [form, signature] of forgeries(own2048, signedSet, 256)) {
  attack(48, `in an object: ${form}`, withSignature(signature), invalid());
}
const trueOne = sign('sha256', signedSet, own2048.privateKey);
attack(48, 'in an object: a zero in front', withSignature(Buffer.concat([Buffer.alloc(1), trueOne])), invalid());
attack(48, 'in an object: cut short', withSignature(trueOne.subarray(0, -1)), invalid());
attack(48, 'in an object: nothing', withSignature(Buffer.alloc(0)), invalid());

for (const ec2Endpoint of [undefined, 'https://ec2.us-east-1.amazonaws.com', 'http://127.0.0.1.evil.example']) {
  attack(49, `EC2 at ${ec2Endpoint}`, () => loadAnchors({ test: authority.anchors, ec2Endpoint }));
}
attack(49, 'as an additional Region’s', () => loadAnchors({ extra: authority.anchors }), {
  facts: { region: 'us-east-1', kind: 'rsa2048' },
});

allOf('The signature and the pinned key');
