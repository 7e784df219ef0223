import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signGrant } from '#agent/key/sign.ts';
import { grantMessage } from '#protocol/grant.ts';
import { thumbprint } from '#shared/identity/ed25519.ts';
import { newGrantKey, verifyGrant } from '#shared/identity/grant.ts';

const message = grantMessage('https://muster.example', 'thumb', 'one');
const seedOf = (byte: number) => (length: number) => new Uint8Array(length).fill(byte);

describe('a grant', () => {
  it('signs four lines, the last without a line break', () => {
    expect(message).toBe('muster-grant-v1\nhttps://muster.example\nthumb\none');
  });

  it('is made from the seed alone, so that its holder can make it anywhere', () => {
    // RFC 8032 section 7.1, test 1
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    const { publicKeyX } = newGrantKey(() => seed);
    expect(Buffer.from(publicKeyX, 'base64url').toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    );
    expect(verifyGrant(publicKeyX, signGrant(seed, message), message)).toBe(true);
  });

  it.each([
    ['for another deployment', grantMessage('https://other.example', 'thumb', 'one')],
    ['for another agent’s key', grantMessage('https://muster.example', 'other', 'one')],
    ['for another request', grantMessage('https://muster.example', 'thumb', 'two')],
    ['with a line break at its end', `${message}\n`],
  ])('fits nothing %s', (_, other) => {
    const { seed, publicKeyX } = newGrantKey(seedOf(7));
    expect(verifyGrant(publicKeyX, signGrant(seed, message), other)).toBe(false);
  });

  it('fits no other key', () => {
    expect(
      verifyGrant(newGrantKey(seedOf(8)).publicKeyX, signGrant(newGrantKey(seedOf(7)).seed, message), message),
    ).toBe(false);
  });

  it('is refused, not thrown at, whatever the signature', () => {
    const { publicKeyX } = newGrantKey(seedOf(7));
    fc.assert(
      fc.property(fc.string(), (signature) => {
        expect(verifyGrant(publicKeyX, signature, message)).toBe(false);
      }),
    );
  });
});

describe('thumbprint', () => {
  it('is that of RFC 8037 appendix A.3', () => {
    expect(thumbprint('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo')).toBe(
      'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    );
  });
});
