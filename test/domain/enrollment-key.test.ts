import { describe, expect, it } from 'vitest';
import { outOfScope } from '#shared/domain/enrollment-key.ts';
import { anyScope } from '../build/a-launch.ts';
import { aKey } from '../build/an-instance.ts';

const facts = { ...aKey, imageId: 'ami-0abc', vpcId: 'vpc-1' };

describe('the scope of an enrollment key', () => {
  it('that lists nothing excludes nothing', () => {
    expect(outOfScope(anyScope, facts)).toBeNull();
    expect(outOfScope(anyScope, { ...facts, vpcId: null })).toBeNull();
  });

  it('that lists everything about an instance includes it', () => {
    const scope = {
      accounts: ['999999999999', aKey.account],
      regions: [aKey.region],
      images: ['ami-0abc'],
      vpcs: ['vpc-1'],
      instanceIds: [aKey.instanceId],
    };
    expect(outOfScope(scope, facts)).toBeNull();
  });

  it.each([
    ['accounts', '999999999999'],
    ['regions', 'eu-west-1'],
    ['images', 'ami-0bad'],
    ['vpcs', 'vpc-2'],
    ['instanceIds', 'i-0aaaaaaaaaaaaaaaa'],
  ] as const)('whose %s name another excludes it, and says by what', (member, other) => {
    expect(outOfScope({ ...anyScope, [member]: [other] }, facts)).toBe(member);
  });

  it('that names networks excludes an instance whose network is not known', () => {
    expect(outOfScope({ ...anyScope, vpcs: ['vpc-1'] }, { ...facts, vpcId: null })).toBe('vpcs');
  });
});
