import { afterEach, describe, expect, it, vi } from 'vitest';
import { readConfig } from '#shared/config.ts';
import { usualLaunchPolicy } from '#shared/domain/enrollment/enrollment-case.ts';

afterEach(() => vi.unstubAllEnvs());

function policyOf(text: string | undefined) {
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('POLICY', text);
  return readConfig('POLICY').POLICY;
}

describe('the policy', () => {
  it.each([
    ['missing', undefined],
    ['empty', ''],
    ['blank', ' '],
    ['no JSON', 'iid-rsa2048'],
    ['null', 'null'],
    ['an empty object', '{}'],
    ['a list', '["iid-rsa2048"]'],
    ['of an unknown kind of proof', '{"proofKinds":["pkcs7"]}'],
    ['of a member that is none', '{"proofKinds":["sts"],"launches":{}}'],
    ['of an outcome that is none', '{"proofKinds":["sts"],"launch":{"attachments":["any"]}}'],
  ])('that is %s lets nobody enroll: no function starts with it', (_case, text) => {
    expect(() => policyOf(text)).toThrow(/^the environment is not usable: POLICY: /);
  });

  it('takes what it names, and of launches what is usual', () => {
    expect(policyOf('{"proofKinds":["iid-rsa2048"]}')).toMatchObject({
      proofKinds: ['iid-rsa2048'],
      launch: usualLaunchPolicy,
    });
    expect(policyOf('{"proofKinds":[]}').proofKinds).toEqual([]);
  });

  it('may ask more of launches, or bear more', () => {
    const launch = { proofKinds: ['sts'], attachments: ['root_moved'] };
    expect(policyOf(JSON.stringify({ proofKinds: ['sts', 'iid-rsa2048'], launch })).launch).toEqual(launch);
    expect(policyOf('{"proofKinds":["sts"],"launch":{"proofKinds":["sts"]}}').launch).toEqual({
      ...usualLaunchPolicy,
      proofKinds: ['sts'],
    });
  });
});
