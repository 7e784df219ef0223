import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContentInfo, type EncapsulatedContent, IssuerAndSerialNumber, SignedData } from '@peculiar/asn1-cms';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { afterAll, describe, expect, it } from 'vitest';
import { random } from '#local/random.ts';
import { Problem } from '#shared/domain/problems.ts';
import { algorithm } from '#shared/identity/algorithms.ts';
import type { Anchor } from '#shared/identity/anchor-file.ts';
import { tag } from '#shared/identity/ber.ts';
import { type SignedData as Read, readSignedData } from '#shared/identity/cms.ts';
import { der } from '#shared/identity/der.ts';
import { type Element, readElement, writeElement } from './fuzz/elements.ts';
import { judge, proofs } from './fuzz/judge.ts';
import { mutateObject } from './fuzz/mutations.ts';
import { runs, seed } from './fuzz/settings.ts';
import { anchors, attributes, ber, content, octets, signedObject, signerInfo, signerName } from './object-parts.ts';
import { ofKind, rsa2048Proof } from './vectors.ts';

/** What two other programs make of the objects that Muster reads: `@peculiar/asn1-cms`, and OpenSSL's command. */
const folder = mkdtempSync(join(tmpdir(), 'muster-openssl-'));
afterAll(() => rmSync(folder, { recursive: true }));

console.log(`second readers: FUZZ_SEED=${seed} FUZZ_RUNS=${runs}`);

const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64');
const accepts = (object: Buffer): boolean => judge(rsa2048Proof(object.toString('base64'))).verdict === 'harmless';

/** Objects that are accepted as they are. */
const sound: readonly Buffer[] = [
  ...new Set(proofs.flatMap((proof) => (proof.kind === 'iid-rsa2048' ? [proof.rsa2048] : []))),
]
  .map(bytesOf)
  .filter(accepts);

/** The same in every form that is accepted, and signed well in forms that are not. */
const inPieces = [
  ber(tag.context0, ber(tag.constructedOctetString, octets(content.subarray(0, 9)), octets(content.subarray(9)))),
];
const { contentType, signingTime, messageDigest } = attributes;
const testMade: readonly Buffer[] = [
  ...[{ eContent: inPieces }, { eContent: [der(tag.context0, octets(content))] }],
  { digestAlgorithms: [algorithm.sha256WithNull] },
  { signerInfos: [signerInfo({ digestAlgorithm: algorithm.sha256WithNull })] },
  { signerInfos: [signerInfo({ signatureAlgorithm: algorithm.rsaEncryption })] },
  { signerInfos: [signerInfo({ attributes: [messageDigest, signingTime, contentType] })] },
  { signerInfos: [signerInfo({ attributes: [signingTime, contentType, messageDigest] })] },
  { signerInfos: [signerInfo({ attributes: [contentType, messageDigest] })] },
  { signerInfos: [signerInfo(), signerInfo()] },
  { signerInfos: [] },
  { certificates: [ber(tag.context0)] },
].map((changes) => bytesOf(signedObject(changes)));

/** Changes of sound objects that are read in full, whether or not their signature verifies. */
const numbers = random(seed);
const mutants: readonly Buffer[] = Array.from({ length: 10 * runs }, (_, nth) =>
  mutateObject(sound[nth % sound.length]!, numbers),
);

/** Muster's reading; null where it is refused. */
function readingOf(object: Buffer): Read | null {
  try {
    return readSignedData(object);
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
}

/** What `@peculiar/asn1-cms` reads; null where it cannot. */
function secondReading(object: Buffer) {
  try {
    const { signerInfos, encapContentInfo } = AsnConvert.parse(
      AsnConvert.parse(object, ContentInfo).content,
      SignedData,
    );
    const [signer, ...others] = signerInfos;
    const attribute = (type: string) => signer!.signedAttrs!.find(({ attrType }) => attrType === type)!.attrValues[0]!;
    return {
      signers: 1 + others.length,
      content: wholeOf(encapContentInfo.eContent!).toString('latin1'),
      digest: bufferOf(AsnConvert.parse(attribute('1.2.840.113549.1.9.4'), OctetString).buffer).toString('hex'),
      signingTime: bufferOf(attribute('1.2.840.113549.1.9.5')).subarray(2).toString('latin1'),
      name: plainName(signer!.sid.issuerAndSerialNumber!),
      signature: bufferOf(signer!.signature.buffer).toString('hex'),
      algorithms: [signer!.digestAlgorithm.algorithm, signer!.signatureAlgorithm.algorithm],
    };
  } catch {
    return null;
  }
}

const bufferOf = (bytes: ArrayBuffer): Buffer => Buffer.from(bytes);

/** In DER: it forgives lengths within names, which Muster compares byte by byte. */
const plainName = (name: IssuerAndSerialNumber): string => bufferOf(AsnConvert.serialize(name)).toString('hex');

/** The content as one string; one in pieces is handed over as it was written. */
function wholeOf({ single, any }: EncapsulatedContent): Buffer {
  if (single) return bufferOf(single.buffer);
  const pieces = readElement(bufferOf(any!))!.contents as Element[];
  return Buffer.concat(pieces.map(({ contents }) => contents as Buffer));
}

describe('@peculiar/asn1-cms', () => {
  const read = [...sound, ...testMade, ...mutants].flatMap((object) => {
    const reading = readingOf(object);
    const second = reading && secondReading(object);
    return reading && second ? [{ reading, second }] : [];
  });

  it('reads what Muster reads', () => {
    expect(sound.map((object) => secondReading(object) !== null)).toEqual(sound.map(() => true));
    expect(read.length).toBeGreaterThan(sound.length + runs / 10);
  });

  it('reads the same content, digest, signer, signing time and signature', () => {
    const asSecond = read.map(({ reading }) => ({
      signers: 1,
      content: Buffer.from(reading.content).toString('latin1'),
      digest: hash('sha256', reading.content, 'hex'),
      signingTime: `${reading.signingTime.toISOString().slice(2, 19).replaceAll(/[-:T]/g, '')}Z`,
      name: plainName(AsnConvert.parse(reading.signer, IssuerAndSerialNumber)),
      signature: Buffer.from(reading.signature).toString('hex'),
      algorithms: ['2.16.840.1.101.3.4.2.1', expect.stringMatching(/^1\.2\.840\.113549\.1\.1\.(1|11)$/)],
    }));
    expect(read.map(({ second }) => second)).toEqual(asSecond);
  });
});

/** A certificate over an anchor's key under one of its names. Nobody signed it: `-noverify` looks at the key alone. */
function certificateOf({ spki }: Anchor, name: string): string {
  const [issuer, serialNumber] = readElement(bytesOf(name))!.contents as [Element, Element];
  const time = (text: string) => der(tag.utcTime, Buffer.from(text));
  const validity = der(tag.sequence, time('150101000000Z'), time('491231235959Z'));
  const names = writeElement(issuer);
  const statement = der(
    tag.sequence,
    writeElement(serialNumber),
    algorithm.sha256WithRsa,
    names,
    validity,
    names,
    bytesOf(spki),
  );
  const certificate = der(tag.sequence, statement, algorithm.sha256WithRsa, der(0x03, Buffer.alloc(257)));
  return `-----BEGIN CERTIFICATE-----\n${certificate
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n')}\n-----END CERTIFICATE-----\n`;
}

const regions = new Set(['us-east-1', ...ofKind('rsa2048').map(({ region }) => region)]);
const pinned = [...anchors.values()].flat().filter(({ kind, region }) => kind === 'rsa2048' && regions.has(region));
const certificates = join(folder, 'certificates.pem');
writeFileSync(
  certificates,
  pinned.flatMap((anchor) => anchor.signers.map((name) => certificateOf(anchor, name))).join(''),
);

/** The content that OpenSSL has verified with one of the pinned keys; null if it refuses. */
function openssl(object: Buffer): Buffer | null {
  const options = ['-verify', '-noverify', '-nointern', '-binary', '-inform', 'DER', '-certfile', certificates];
  const { status, stdout, error } = spawnSync('openssl', ['cms', ...options], { input: object });
  if (error) throw new Error(`These tests compare Muster with OpenSSL: install the command openssl. ${error.message}`);
  return status === 0 ? stdout : null;
}

const verified = (object: Buffer) => openssl(object)?.toString('latin1') ?? null;
const contentOf = (object: Buffer) => Buffer.from(readSignedData(object).content).toString('latin1');

describe('OpenSSL', () => {
  it.each([
    ['a genuine object', sound[0]!],
    ['the test authority’s', bytesOf(signedObject())],
  ])(
    'verifies %s with the pinned key, and not with a bit flipped in content, attributes or signature',
    (_name, object) => {
      expect(verified(object)).toBe(contentOf(object));
      const flipped = [
        object.indexOf('instanceId'),
        object.indexOf(signerName) + signerName.length + 60,
        object.length - 20,
      ];
      for (const at of flipped) {
        const bytes = Buffer.from(object);
        bytes[at]! ^= 1;
        expect([accepts(bytes), verified(bytes)]).toEqual([false, null]);
      }
    },
  );

  it('verifies all that Muster accepts, with the same content', () => {
    const unlike = new Map(
      [...sound, ...testMade, ...mutants].filter(accepts).map((object) => [object.toString('hex'), object]),
    );
    const accepted = [...unlike.values()].slice(0, 50);
    expect(accepted.length).toBeGreaterThan(sound.length);
    expect(accepted.map(verified)).toEqual(accepted.map(contentOf));
  });

  it('refuses nothing that Muster accepts, among objects that are signed well and made oddly', () => {
    const refused = testMade.filter((object) => verified(object) === null);
    expect(refused.filter(accepts)).toEqual([]);
    expect(refused.length).toBeGreaterThan(0);
  });
});
