import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import { algorithm } from '#shared/identity/algorithms.ts';
import type { Anchor } from '#shared/identity/anchor-file.ts';
import { tag } from '#shared/identity/ber.ts';
import { der } from '#shared/identity/der.ts';
import { type Signer, signedData } from './signed-data.ts';

/** A test authority's private keys, PKCS#8 in PEM: plain JSON, so that a restarted local region signs as before. */
export interface AuthorityKeys {
  rsa2048: string;
  rsa: string;
  dsa: string;
}

/** A test authority's anchor as a file holds it; shared/identity/anchor-file.ts reads it. */
type TestAnchor = Omit<Anchor, 'region'> & { regions: readonly string[] };

/** What instance metadata serves about one identity document: its text and three signatures, base64 in lines of 64. */
interface SignedDocument {
  document: string;
  signature: string;
  rsa2048: string;
  pkcs7: string;
}

/** Signs in AWS's place, in AWS's forms. */
export interface Authority {
  anchors: TestAnchor[];
  /** Signs a document as of `signedAt`, which the two PKCS#7 forms state. */
  sign(document: string, signedAt: Date): SignedDocument;
}

/** New keys of the sizes that AWS uses (AWSEC2/latest/UserGuide/regions-certs.html). Takes some tens of milliseconds. */
export function newAuthorityKeys(): AuthorityKeys {
  const pem = (key: KeyObject) => key.export({ format: 'pem', type: 'pkcs8' }).toString();
  return {
    rsa2048: pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
    rsa: pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey),
    dsa: pem(generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey),
  };
}

/** A test authority for these Regions. Its anchors are marked `test`, so that no deployment on AWS loads them. */
export function createAuthority(regions: readonly string[], keys: AuthorityKeys): Authority {
  const [rsa2048, rsa, dsa] = [keys.rsa2048, keys.rsa, keys.dsa].map((pem) => createPrivateKey(pem)) as Keys;
  const signers = [signerName(rsa2048).toString('base64')];
  const common = { regions, notAfter: '2195-01-17T08:59:12Z', test: true };
  return {
    anchors: [
      { kind: 'rsa2048', spki: spki(rsa2048).toString('base64'), signers, ...common },
      { kind: 'rsa', spki: spki(rsa).toString('base64'), signers: [], ...common },
    ],
    sign(document, signedAt) {
      const content = Buffer.from(document);
      return {
        document,
        signature: lines(sign('sha256', content, rsa)),
        rsa2048: lines(signedData(content, signedAt, rsa2048Signer(rsa2048))),
        pkcs7: lines(signedData(content, signedAt, dsaSigner(dsa))),
      };
    },
  };
}

type Keys = [KeyObject, KeyObject, KeyObject];

/** As AWS has written `rsa2048` since 2026: no NULL beside SHA-256, the algorithms protected. */
function rsa2048Signer(key: KeyObject): Signer {
  return {
    name: signerName(key),
    digest: 'sha256',
    digestAlgorithm: algorithm.sha256,
    signatureAlgorithm: algorithm.sha256WithRsa,
    protectsAlgorithms: true,
    sign: (attributes) => sign('sha256', attributes, key),
  };
}

/** As AWS writes `pkcs7`. */
function dsaSigner(key: KeyObject): Signer {
  return {
    name: signerName(key),
    digest: 'sha1',
    digestAlgorithm: algorithm.sha1,
    signatureAlgorithm: algorithm.dsaWithSha1,
    protectsAlgorithms: false,
    sign: (attributes) => sign('sha1', attributes, key),
  };
}

/** IssuerAndSerialNumber: an organization of our own, and a serial number that follows from the key. */
function signerName(key: KeyObject): Buffer {
  const organizationName = der(tag.objectIdentifier, Buffer.from('55040a', 'hex')); // 2.5.4.10, X.520
  const organization = der(tag.printableString, Buffer.from('Muster Test Authority'));
  const issuer = der(tag.sequence, der(tag.set, der(tag.sequence, organizationName, organization)));
  const serialNumber = Buffer.concat([Buffer.from([1]), hash('sha256', spki(key), 'buffer').subarray(0, 7)]);
  return der(tag.sequence, issuer, der(tag.integer, serialNumber));
}

function spki(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' });
}

function lines(bytes: Uint8Array): string {
  return (
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g)
      ?.join('\n') ?? ''
  );
}
