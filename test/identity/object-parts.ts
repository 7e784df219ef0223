import { createPrivateKey, hash, sign } from 'node:crypto';
import { createAuthority, newAuthorityKeys } from '#local/aws/identity/authority.ts';
import { algorithm, oid } from '#shared/identity/algorithms.ts';
import { readAnchors } from '#shared/identity/anchor-file.ts';
import { withTest } from '#shared/identity/anchors.ts';
import { tag } from '#shared/identity/ber.ts';
import { der } from '#shared/identity/der.ts';
import { aws } from './vectors.ts';

/** A test authority, and AWS's anchors with its own beside them. */
const keys = newAuthorityKeys();
export const authority = createAuthority(['us-east-1', 'eu-west-1'], keys);
export const anchors = withTest(aws, readAnchors(authority.anchors));
export const signerName = Buffer.from(authority.anchors[0]!.signers[0]!, 'base64');

const privateKey = createPrivateKey(keys.rsa2048);

export const document = JSON.stringify({
  accountId: '111122223333',
  architecture: 'arm64',
  availabilityZone: 'us-east-1a',
  imageId: 'ami-0123456789abcdef0',
  instanceId: 'i-0123456789abcdef0',
  instanceType: 't4g.small',
  pendingTime: '2026-11-02T10:00:05Z',
  privateIp: '10.0.0.7',
  region: 'us-east-1',
});
export const content = Buffer.from(document);

/** An element of indefinite length. */
export function ber(tagByte: number, ...contents: Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from([tagByte, 0x80]), ...contents, Buffer.from([0, 0])]);
}

export function attribute(type: Uint8Array, ...values: Uint8Array[]): Buffer {
  return der(tag.sequence, type, der(tag.set, ...values));
}

export const octets = (bytes: Uint8Array) => der(tag.octetString, bytes);
export const utcTime = (text: string) => der(tag.utcTime, Buffer.from(text));
export const version = (number: number) => der(tag.integer, Buffer.from([number]));

export const attributes = {
  contentType: attribute(oid.contentType, oid.data),
  signingTime: attribute(oid.signingTime, utcTime('261102100009Z')),
  messageDigest: attribute(oid.messageDigest, octets(hash('sha256', content, 'buffer'))),
};

export const protection = (digest: Uint8Array, signature: Uint8Array) => {
  const implicit = Buffer.from(signature);
  implicit[0] = tag.context1;
  return attribute(oid.algorithmProtection, der(tag.sequence, digest, implicit));
};

/** A SignerInfo whose signature is right, whatever else a test makes of it. */
export function signerInfo(changes: Partial<SignerParts> = {}): Buffer {
  const parts: SignerParts = {
    version: version(1),
    name: signerName,
    digestAlgorithm: algorithm.sha256,
    attributes: Object.values(attributes),
    signatureAlgorithm: algorithm.sha256WithRsa,
    unsigned: [],
    signedTag: tag.set,
    ...changes,
  };
  const signed = Buffer.concat(parts.attributes);
  return der(
    tag.sequence,
    parts.version,
    parts.name,
    parts.digestAlgorithm,
    der(tag.context0, signed),
    parts.signatureAlgorithm,
    octets(sign('sha256', der(parts.signedTag, signed), privateKey)),
    ...parts.unsigned,
  );
}

interface SignerParts {
  version: Uint8Array;
  name: Uint8Array;
  digestAlgorithm: Uint8Array;
  attributes: Uint8Array[];
  signatureAlgorithm: Uint8Array;
  unsigned: Uint8Array[];
  /** The tag of the attributes when they are signed. */
  signedTag: number;
}

/** A SignedData in AWS's form, changed in the places that a test names. Text as IMDS would serve it. */
export function signedObject(changes: Partial<ObjectParts> = {}): string {
  return signedObjectBytes(changes).toString('base64');
}

function signedObjectBytes(changes: Partial<ObjectParts> = {}): Buffer {
  const parts: ObjectParts = {
    contentType: oid.signedData,
    version: version(1),
    digestAlgorithms: [algorithm.sha256],
    eContentType: oid.data,
    eContent: [ber(tag.context0, ber(tag.constructedOctetString, octets(content)))],
    certificates: [],
    signerInfos: [signerInfo()],
    ...changes,
  };
  const body = ber(
    tag.sequence,
    parts.version,
    der(tag.set, ...parts.digestAlgorithms),
    ber(tag.sequence, parts.eContentType, ...parts.eContent),
    ...parts.certificates,
    der(tag.set, ...parts.signerInfos),
  );
  return ber(tag.sequence, parts.contentType, ber(tag.context0, body));
}

interface ObjectParts {
  contentType: Uint8Array;
  version: Uint8Array;
  digestAlgorithms: Uint8Array[];
  eContentType: Uint8Array;
  eContent: Uint8Array[];
  certificates: Uint8Array[];
  signerInfos: Uint8Array[];
}
