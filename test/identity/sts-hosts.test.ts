import { EC2Client } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { stsHosts } from '#protocol/sts.ts';
import generated from '#shared/identity/aws-anchors.generated.json' with { type: 'json' };
import { stsHostOf } from '#shared/identity/sts-hosts.ts';
import { refusal } from './vectors.ts';

const anchored = [...new Set(generated.flatMap(({ regions }) => regions))].sort();

describe('the table of STS hosts', () => {
  it('has exactly the Regions that have a pinned key', () => {
    expect([...stsHosts.keys()].sort()).toEqual(anchored);
  });

  it('names the hosts as AWS’s SDK does', () => {
    const ec2 = new EC2Client({ region: 'us-east-1' });
    for (const [region, { host }] of stsHosts) {
      const { url } = ec2.config.endpointProvider({ Region: region });
      expect(host, region).toBe(url.hostname.replace('ec2.', 'sts.'));
    }
    ec2.destroy();
  });

  it.each([
    ['us-east-1', 'sts.us-east-1.amazonaws.com', 'aws'],
    ['cn-northwest-1', 'sts.cn-northwest-1.amazonaws.com.cn', 'aws-cn'],
    ['us-gov-west-1', 'sts.us-gov-west-1.amazonaws.com', 'aws-us-gov'],
    ['eusc-de-east-1', 'sts.eusc-de-east-1.amazonaws.eu', 'aws-eusc'],
  ])('has %s in its partition', (region, host, partition) => {
    expect(stsHostOf(region)).toEqual({ host, partition });
  });

  it.each([
    ...['', 'sts', 'US-EAST-1', 'us-east-1 ', 'us-east-1.', 'us-east-1/', 'us-east-9', 'aws-global', '*'],
    ...[
      'evil.example',
      'us-east-1.evil.example',
      'us-east-1.amazonaws.com.evil',
      'us-east-1@evil.example',
      'x?us-east-1',
    ],
    ...['us-iso-east-1', '__proto__', 'constructor', 'get'],
  ])('has none for %j, and none by default (attack 78)', (region) => {
    const { code, facts } = refusal(() => stsHostOf(region));
    expect([code, facts]).toEqual(['sts_unknown_region', { region }]);
  });
});
