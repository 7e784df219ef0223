import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import { readJson } from '#shared/http/request.ts';
import { KeyBody } from '#shared/http/routes/enrollment-keys.ts';

const publicKey = 'IDNQX7eFceLoDEmNAfAozoKO_sYBjKqjwMrzTS15QiU';
const read = (scope: unknown) => z.safeParse(KeyBody, { publicKey, scope });
/** The first member that is not of its form. */
const fault = (scope: unknown) => read(scope).error?.issues[0]?.path.join('.');
const profile = 'arn:aws:iam::111122223333:instance-profile/fleet/web';

describe('the body of POST /v1/enrollment-keys', () => {
  it('without a scope, or with an empty one, narrows nothing', () => {
    expect(z.parse(KeyBody, { publicKey })).toEqual({ publicKey, scope: everyInstance, expiresAt: null, uses: null });
    expect(read({}).data?.scope).toEqual(everyInstance);
  });

  it('takes every member of a scope as it is', () => {
    const scope = {
      ...{ accounts: ['111122223333'], regions: ['us-east-1'], images: ['ami-0123456789abcdef0'] },
      ...{ vpcs: ['vpc-0a1b2c3d'], instanceIds: ['i-0123456789abcdef0'], roles: ['web', profile] },
      tags: { role: 'web', 'aws:autoscaling:groupName': 'web', empty: '', constructor: 'x' },
      ...{ proofKinds: ['sts', 'iid-rsa2048', 'iid-rsa'], windowSeconds: 3600 },
      attachments: ['instance_store_root', 'root_moved', 'root_unknown', 'consistent'],
    };
    expect(read(scope).data?.scope).toEqual(scope);
    expect(read({ windowSeconds: null }).data?.scope.windowSeconds).toBeNull();
  });

  it('never loses a tag on the way: the name that no object carries is refused', () => {
    const body = `{"publicKey":"${publicKey}","scope":{"tags":{"__proto__":"x"}}}`;
    const refused = { code: 'malformed_request', facts: { member: '__proto__' } };
    expect(() => readJson(Buffer.from(body), KeyBody)).toThrow(expect.objectContaining(refused));
  });

  it.each<[string, unknown, string]>([
    ['a member that is none', { role: ['web'] }, ''],
    ['an empty role', { roles: [''] }, 'roles.0'],
    ['a role with a path', { roles: ['fleet/web'] }, 'roles.0'],
    ['a role’s own ARN', { roles: ['arn:aws:iam::111122223333:role/web'] }, 'roles.0'],
    ['a pattern for a role', { roles: ['web*'] }, 'roles.0'],
    ['fifty-one roles', { roles: Array(51).fill('web') }, 'roles'],
    ['a list of tags', { tags: ['role'] }, 'tags'],
    ['a tag without a name', { tags: { '': 'web' } }, 'tags.'],
    ['a tag that is a number', { tags: { role: 1 } }, 'tags.role'],
    ['a tag’s value that is too long', { tags: { role: 'x'.repeat(257) } }, 'tags.role'],
    ['fifty-one tags', { tags: Object.fromEntries([...Array(51).keys()].map((n) => [`t${n}`, ''])) }, 'tags'],
    ['a kind of proof that is none', { proofKinds: ['pkcs7'] }, 'proofKinds.0'],
    ['a window of less than a minute', { windowSeconds: 59 }, 'windowSeconds'],
    ['a window of more than a day', { windowSeconds: 86_401 }, 'windowSeconds'],
    ['a window of half seconds', { windowSeconds: 90.5 }, 'windowSeconds'],
    ['an outcome that is none', { attachments: ['anything'] }, 'attachments.0'],
    ['an empty region', { regions: [''] }, 'regions.0'],
  ])('refuses %s', (_case, scope, member) => {
    expect(fault(scope)).toBe(member === '' ? 'scope' : `scope.${member}`);
  });
});
