import { RunInstancesCommand, type RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { defaultSubnetId, readLaunchRequest } from '#local/aws/ec2/launch-request.ts';
import { here, oneInstance, startLab } from './lab.ts';

const refused: [string, Partial<RunInstancesCommandInput>, string][] = [
  ['no image', { ImageId: undefined }, 'MissingParameter'],
  ['an image id that is none', { ImageId: 'ami-latest' }, 'InvalidAMIID.Malformed'],
  ['no instances', { MinCount: 0, MaxCount: 0 }, 'InvalidParameterValue'],
  ['fewer at most than at least', { MinCount: 2, MaxCount: 1 }, 'InvalidParameterValue'],
  ['a client token of 65 characters', { ClientToken: 'x'.repeat(65) }, 'InvalidParameterValue'],
  ['a client token beyond ASCII', { ClientToken: 'ä' }, 'InvalidParameterValue'],
  ['user data that is not base64', { UserData: '#!/bin/sh' }, 'InvalidUserData.Malformed'],
  ['more than 16 KiB of user data', { UserData: Buffer.alloc(16_385).toString('base64') }, 'InvalidParameterValue'],
  ['a zone of another region', { Placement: { AvailabilityZone: 'eu-west-1a' } }, 'InvalidParameterValue'],
  ['a subnet that is none', { SubnetId: 'subnet-x' }, 'InvalidSubnetID.NotFound'],
  [
    'a subnet of another zone',
    { SubnetId: 'subnet-00000000', Placement: { AvailabilityZone: 'us-east-1b' } },
    'InvalidParameterValue',
  ],
  [
    'a profile by name and by ARN',
    { IamInstanceProfile: { Name: 'web', Arn: 'arn:x' } },
    'InvalidParameterCombination',
  ],
  ['a hop limit of 65', { MetadataOptions: { HttpPutResponseHopLimit: 65 } }, 'InvalidParameterValue'],
  [
    'a tag of the aws: kind',
    { TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'aws:x', Value: '1' }] }] },
    'InvalidParameterValue',
  ],
  ['something that is not simulated', { EbsOptimized: true }, 'UnknownParameter'],
  ['a dry run', { DryRun: true }, 'DryRunOperation'],
];

describe('a launch request', () => {
  it.each(refused)('with %s is refused and launches nothing', async (_, input, name) => {
    const { ec2, region } = await startLab();
    await expect(ec2.send(new RunInstancesCommand({ ...oneInstance, ...input }))).rejects.toMatchObject({ name });
    expect(region.truth()).toEqual([]);
  });

  it('takes exactly 16 KiB of user data', () => {
    const UserData = Buffer.alloc(16_384, 'x').toString('base64');
    expect(readLaunchRequest(here, { ...oneInstance, UserData }).configuration.userData).toBe(UserData);
  });

  it('has the same fingerprint whatever the order of its fields, and another for another value', () => {
    const one = readLaunchRequest(here, { ...oneInstance, ClientToken: 'a' });
    const { MinCount, ...rest } = oneInstance;
    const other = readLaunchRequest(here, { ...rest, MinCount, ClientToken: 'b' });
    expect(other.fingerprint).toBe(one.fingerprint);
    const third = readLaunchRequest(here, { ...oneInstance, MaxCount: 2 });
    expect(third.fingerprint).not.toBe(one.fingerprint);
  });

  it('finds the zone of a default subnet again', () => {
    for (const zone of ['us-east-1a', 'us-east-1b', 'us-east-1c']) {
      const request = readLaunchRequest(here, { ...oneInstance, SubnetId: defaultSubnetId(zone) });
      expect(request.availabilityZone).toBe(zone);
    }
  });

  it('reads subnet and groups from the first network interface when the request has one', () => {
    const NetworkInterfaces = [{ DeviceIndex: 0, SubnetId: 'subnet-0000000c', Groups: ['sg-1'] }];
    const request = readLaunchRequest(here, { ...oneInstance, NetworkInterfaces });
    expect(request.subnetId).toBe('subnet-0000000c');
    expect(request.configuration.securityGroupIds).toEqual(['sg-1']);
  });
});
