import { afterEach, describe, expect, it, vi } from 'vitest';
import { readConfig } from '#shared/config.ts';
import { partitionOf } from '#shared/domain/account/accounts.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A deployment in a Region, and what it answers for. */
function deployed(region: string, accounts: Record<string, string[]>) {
  vi.stubEnv('AWS_REGION', region);
  const entries = Object.entries(accounts).map(([account, regions]) => [account, { regions }]);
  vi.stubEnv('ACCOUNTS', JSON.stringify(Object.fromEntries(entries)));
  return () => readConfig('ACCOUNTS');
}

describe('one deployment serves one partition', () => {
  it.each([
    ['us-east-1', ['eu-central-1', 'ap-southeast-5', 'mx-central-1', 'il-central-1']],
    ['us-gov-west-1', ['us-gov-east-1']],
    ['cn-north-1', ['cn-northwest-1']],
  ])('in %s: all of its Regions', (home, regions) => {
    expect(deployed(home, { '444455556666': [home, ...regions] })().region).toBe(home);
  });

  it.each([
    ['us-east-1', 'cn-north-1', 'aws-cn', 'aws'],
    ['us-east-1', 'us-gov-west-1', 'aws-us-gov', 'aws'],
    ['us-gov-west-1', 'us-east-1', 'aws', 'aws-us-gov'],
    ['cn-north-1', 'eu-central-1', 'aws', 'aws-cn'],
  ])('in %s: %s is refused before anything is done', (home, region, foreign, own) => {
    expect(deployed(home, { '111122223333': [home], '444455556666': [home, region] })).toThrow(
      `the environment is not usable: ACCOUNTS: ${region} of account 444455556666 is in partition ${foreign}, this deployment in ${own}`,
    );
  });

  it('and a function that does not know its own Region does nothing', () => {
    expect(deployed('', { '444455556666': ['cn-north-1'] })).toThrow(/^the environment is not usable: AWS_REGION: /);
  });
});

describe('the partition of a Region', () => {
  it.each([
    [
      'aws',
      ['us-east-1', 'us-west-2', 'eu-south-2', 'ca-west-1', 'ap-east-2', 'me-central-1', 'af-south-1', 'sa-east-1'],
    ],
    ['aws-cn', ['cn-north-1', 'cn-northwest-1']],
    ['aws-us-gov', ['us-gov-east-1', 'us-gov-west-1']],
    ['aws-iso', ['us-iso-east-1', 'us-iso-west-1']],
    ['aws-iso-b', ['us-isob-east-1', 'us-isob-west-1']],
    ['aws-iso-e', ['eu-isoe-west-1']],
    ['aws-iso-f', ['us-isof-east-1', 'us-isof-south-1']],
    ['aws-eusc', ['eusc-de-east-1']],
  ])('%s', (partition, regions) => {
    expect(regions.map(partitionOf)).toEqual(regions.map(() => partition));
  });
});
