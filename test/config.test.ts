import { afterEach, describe, expect, it, vi } from 'vitest';
import { readCallLimits, readConfig } from '#shared/config.ts';
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

describe('the period of the sweeps', () => {
  const periodOf = (text: string | undefined) => {
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('SWEEP_PERIOD_SECONDS', text);
    return readConfig('SWEEP_PERIOD_SECONDS').SWEEP_PERIOD_SECONDS;
  };

  it('is as many seconds as the stack says, five minutes where it says nothing', () => {
    expect([periodOf('60'), periodOf(undefined)]).toEqual([60, 300]);
  });

  it.each(['0', '-300', '', 'soon'])('is never %j: a share of no time is none', (text) => {
    expect(() => periodOf(text)).toThrow(/^the environment is not usable: SWEEP_PERIOD_SECONDS: /);
  });
});

describe('the time limits of a call', () => {
  const noEndpoints = () => {
    for (const name of Object.keys(process.env).filter((one) => one.startsWith('AWS_ENDPOINT_URL')))
      vi.stubEnv(name, undefined);
  };

  it.each([
    ['AWS', undefined, 1],
    ['an endpoint of a VPC', 'https://vpce-1.dynamodb.us-east-1.vpce.amazonaws.com', 1],
    ['a host that only begins as this machine', 'http://localhost.example.com', 1],
    ['what stands in its place on this machine', 'http://127.0.0.1:4566', 10],
    ['the same by name', 'http://localhost:8000/', 10],
  ])('are for %s: connect 1 s, request 5 s, a page 20 s, times what the machine needs', (_where, url, times) => {
    noEndpoints();
    vi.stubEnv('AWS_ENDPOINT_URL_DYNAMODB', url);
    const common = { connectionTimeout: 1000 * times, throwOnRequestTimeout: true };
    expect(readCallLimits()).toEqual({ ...common, requestTimeout: 5000 * times });
    expect(readCallLimits('page')).toEqual({ ...common, requestTimeout: 20_000 * times });
  });
});
