import { generateKeyPairSync, privateEncrypt, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readAnchors } from '#shared/identity/anchor-file.ts';
import { anchorsFor, withTest } from '#shared/identity/anchors.ts';
import { type DocumentProof, verifyDocument } from '#shared/identity/verify-document.ts';
import { anchors, authority, document, signedObject } from './object-parts.ts';
import { aws, bitFlips, now, ofKind, refusal, rsa2048Proof, rsaProof, type Vector } from './vectors.ts';

const genuineObjects = ofKind('rsa2048');
const bareSignatures = ofKind('signature');
const dsaObjects = ofKind('pkcs7');

function codeOf(proof: DocumentProof): string {
  return refusal(() => verifyDocument(proof, aws, now)).code;
}

/** The places of the flips that were accepted. */
function accepted(bytes: Uint8Array, proofOf: (flipped: Buffer) => DocumentProof): string[] {
  const places: string[] = [];
  for (const { place, flipped } of bitFlips(bytes)) {
    try {
      verifyDocument(proofOf(flipped), aws, now);
      places.push(place);
    } catch (error) {
      expect(error).toHaveProperty('name', 'Problem');
    }
  }
  return places;
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

  it('warns of a certificate that has ended, and accepts', () => {
    const [vector] = bareSignatures as [Vector];
    const later = new Date('2030-01-01T00:00:00Z');
    const { warnings } = verifyDocument(rsaProof(vector.document, vector.signature), aws, later);
    expect(warnings).toEqual([expect.stringContaining('2029-04-28')]);
  });
});

describe('verifyDocument on genuine bytes with one bit flipped', () => {
  it.each(genuineObjects)('accepts none of the object of $instanceId', ({ signature }) => {
    expect(accepted(Buffer.from(signature, 'base64'), (bytes) => rsa2048Proof(bytes.toString('base64')))).toEqual([]);
  });

  // Of all substitutions of one byte, not only of one bit, this alone is accepted: outside the signed attributes, where
  // none protects it, RSA with SHA-256 may be called by its other name (RFC 5754 section 3.2).
  it('accepts the other name of the same signature algorithm, with the same result', () => {
    const [vector] = genuineObjects as [Vector];
    const renamed = Buffer.from(vector.signature, 'base64');
    renamed[renamed.lastIndexOf('2a864886f70d010101', undefined, 'hex') + 8] = 0x0b;
    const outcome = verifyDocument(rsa2048Proof(renamed.toString('base64')), aws, now);
    expect(outcome).toEqual(verifyDocument(rsa2048Proof(vector.signature), aws, now));
  });

  it.each(dsaObjects)('accepts none of the DSA object of $instanceId', ({ signature }) => {
    expect(accepted(Buffer.from(signature, 'base64'), (bytes) => rsa2048Proof(bytes.toString('base64')))).toEqual([]);
  });

  it.each(genuineObjects)('accepts no other document beside the object of $instanceId', (vector) => {
    const proofOf = (bytes: Buffer) => rsa2048Proof(vector.signature, bytes.toString('latin1'));
    expect(accepted(Buffer.from(vector.document), proofOf)).toEqual([]);
  });

  it.each(bareSignatures)('accepts none of the signature of $instanceId', ({ document, signature }) => {
    expect(accepted(Buffer.from(signature, 'base64'), (bytes) => rsaProof(document, bytes.toString('base64')))).toEqual(
      [],
    );
  });

  it.each(bareSignatures)('accepts no other document with the signature of $instanceId', ({ document, signature }) => {
    expect(accepted(Buffer.from(document), (bytes) => rsaProof(bytes.toString('latin1'), signature))).toEqual([]);
  });
});

describe('verifyDocument on two things that do not belong together', () => {
  const [first, second] = genuineObjects as [Vector, Vector];

  it('names a newline that an editor added, and refuses it', () => {
    const problem = refusal(() => verifyDocument(rsa2048Proof(first.signature, `${first.document}\n`), aws, now));
    expect(problem.code).toBe('document_mismatch');
    expect(problem.facts).toEqual({ sentBytes: 469, signedBytes: 468 });
    expect(problem.message).toContain('newline');
  });

  it('refuses the same members in another order', () => {
    const members = Object.entries(JSON.parse(first.document)).reverse();
    const reordered = JSON.stringify(Object.fromEntries(members), null, 2).replaceAll('": ', '" : ');
    expect(codeOf(rsa2048Proof(first.signature, reordered))).toBe('document_mismatch');
  });

  it('refuses another instance’s genuine document', () => {
    expect(codeOf(rsa2048Proof(first.signature, second.document))).toBe('document_mismatch');
    const [one, other] = bareSignatures as [Vector, Vector];
    expect(codeOf(rsaProof(other.document, one.signature))).toBe('invalid_signature');
  });

  it('refuses a genuine document whose Region was edited, though both Regions share the key', () => {
    const [vector] = bareSignatures as [Vector];
    const edited = vector.document.replaceAll('us-east-1', 'us-west-1');
    expect(codeOf(rsaProof(edited, vector.signature))).toBe('invalid_signature');
  });

  it('refuses each kind of signature in the other’s place', () => {
    const [bare] = bareSignatures as [Vector];
    expect(codeOf(rsa2048Proof(bare.signature, bare.document))).toBe('malformed_signature');
    expect(codeOf(rsaProof(first.document, first.signature))).toBe('unsupported_signature');
  });

  it('knows no key for a Region that AWS has not published', () => {
    const elsewhere = document.replaceAll('us-east-1', 'xx-north-9');
    const { code, facts } = refusal(() =>
      verifyDocument(rsaProof(elsewhere, bareSignatures[0]!.signature), anchors, now),
    );
    expect([code, facts]).toEqual(['unknown_region', { region: 'xx-north-9', kind: 'rsa' }]);
  });
});

describe('verifyDocument on bare signatures made to deceive', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const spki = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  const entry = { regions: ['us-east-1'], kind: 'rsa', spki, notAfter: '2195-01-01T00:00:00Z', test: true };
  const ours = withTest(aws, readAnchors([entry]));
  const modulus = Buffer.from(publicKey.export({ format: 'jwk' }).n!, 'base64url');
  const number = (value: bigint) => Buffer.from(value.toString(16).padStart(256, '0'), 'hex');
  const n = BigInt(`0x${modulus.toString('hex')}`);
  const good = sign('sha256', Buffer.from(document), privateKey);
  const bare = (signature: Uint8Array) => rsaProof(document, Buffer.from(signature).toString('base64'));

  it('accepts the true one, so that each refusal below has the one cause it names', () => {
    expect(verifyDocument(bare(good), ours, now).document.accountId).toBe('111122223333');
  });

  it.each([
    ['127 bytes', good.subarray(1)],
    ['129 bytes', Buffer.concat([Buffer.from([0]), good])],
    ['256 bytes', Buffer.concat([good, good])],
  ])('takes %s for malformed', (_, signature) => {
    expect(refusal(() => verifyDocument(bare(signature), ours, now)).code).toBe('malformed_signature');
  });

  it.each([
    ['zero', number(0n)],
    ['one', number(1n)],
    ['the modulus less one', number(n - 1n)],
    ['the true signature plus the modulus', number((BigInt(`0x${good.toString('hex')}`) + n) % 2n ** 1024n)],
    ['SHA-1', sign('sha1', Buffer.from(document), privateKey)],
    ['a digest without its DigestInfo', privateEncrypt(privateKey, Buffer.alloc(32, 7))],
    [
      'another key',
      sign('sha256', Buffer.from(document), generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey),
    ],
  ])('takes %s for invalid', (_, signature) => {
    expect(refusal(() => verifyDocument(bare(signature), ours, now)).code).toBe('invalid_signature');
  });
});

describe('verifyDocument on text', () => {
  const [{ signature }] = genuineObjects as [Vector];

  it.each([
    ['empty', ''],
    ['armoured', `-----BEGIN PKCS7-----\n${signature}\n-----END PKCS7-----\n`],
    ['of the url alphabet', signature.replaceAll('+', '-').replaceAll('/', '_')],
    ['with a blank in it', `${signature.slice(0, 64)} ${signature.slice(64)}`],
    ['with a lone carriage return', `${signature.slice(0, 64)}\r${signature.slice(64)}`],
    ['with padding too many', `${signature}=`],
    ['over eight thousand characters', signature.repeat(8)],
  ])('takes a signature %s for malformed', (_, text) => {
    expect(codeOf(rsa2048Proof(text))).toBe('malformed_signature');
  });

  it('takes a signature with stray bits under its padding for malformed', () => {
    const { document: signed, signature: padded } = bareSignatures[0]!;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    const last = alphabet.indexOf(padded.at(-2)!);
    const stray = `${padded.slice(0, -2)}${alphabet[last + 1]}=`;
    expect(Buffer.from(stray, 'base64')).toEqual(Buffer.from(padded, 'base64'));
    expect(codeOf(rsaProof(signed, stray))).toBe('malformed_signature');
  });

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
