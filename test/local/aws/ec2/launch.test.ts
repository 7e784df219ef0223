import { DescribeInstancesCommand, RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { account, oneInstance, regionName, startLab } from './lab.ts';

describe('RunInstances', () => {
  it('answers with the whole instance, pending, as the SDK reads it', async () => {
    const { ec2 } = await startLab();
    const answer = await ec2.send(
      new RunInstancesCommand({
        ...oneInstance,
        InstanceType: 't4g.small',
        ClientToken: 'mst-1',
        SubnetId: 'subnet-0000000000000000a',
        SecurityGroupIds: ['sg-0123456789abcdef0'],
        IamInstanceProfile: { Name: 'web' },
        KeyName: 'ops',
        UserData: Buffer.from('#!/bin/sh\necho <&>').toString('base64'),
        MetadataOptions: { HttpTokens: 'required', InstanceMetadataTags: 'enabled' },
        TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'Name', Value: '<web & "co">' }] }],
      }),
    );
    expect(answer.OwnerId).toBe(account);
    expect(answer.ReservationId).toMatch(/^r-0[0-9a-f]{16}$/);
    expect(answer.Instances).toHaveLength(1);
    expect(answer.Instances?.[0]).toMatchObject({
      InstanceId: expect.stringMatching(/^i-0[0-9a-f]{16}$/),
      State: { Code: 0, Name: 'pending' },
      StateReason: { Code: 'pending' },
      StateTransitionReason: '',
      AmiLaunchIndex: 0,
      ClientToken: 'mst-1',
      ImageId: 'ami-0abcdef1234567890',
      InstanceType: 't4g.small',
      Architecture: 'arm64',
      LaunchTime: new Date('2026-11-02T10:00:00Z'),
      Placement: { AvailabilityZone: 'us-east-1b', Tenancy: 'default' },
      SubnetId: 'subnet-0000000000000000a',
      VpcId: 'vpc-22223333',
      PrivateIpAddress: '10.0.0.4',
      PrivateDnsName: 'ip-10-0-0-4.ec2.internal',
      KeyName: 'ops',
      SecurityGroups: [{ GroupId: 'sg-0123456789abcdef0' }],
      IamInstanceProfile: { Arn: `arn:aws:iam::${account}:instance-profile/web` },
      MetadataOptions: {
        State: 'applied',
        HttpTokens: 'required',
        HttpPutResponseHopLimit: 1,
        HttpEndpoint: 'enabled',
        InstanceMetadataTags: 'enabled',
      },
      NetworkInterfaces: [{ Attachment: { AttachTime: new Date('2026-11-02T10:00:00Z'), DeviceIndex: 0 } }],
      Tags: [{ Key: 'Name', Value: '<web & "co">' }],
    });
  });

  it('gives every instance of a batch its index, its own address and one reservation', async () => {
    const { ec2, region } = await startLab();
    const answer = await ec2.send(new RunInstancesCommand({ ...oneInstance, MinCount: 3, MaxCount: 3 }));
    expect(answer.Instances?.map((instance) => instance.AmiLaunchIndex)).toEqual([0, 1, 2]);
    expect(new Set(answer.Instances?.map((instance) => instance.PrivateIpAddress)).size).toBe(3);
    expect(new Set(region.truth().map((instance) => instance.reservationId)).size).toBe(1);
  });

  it('launches once for one client token and answers again with what became of it', async () => {
    const { ec2, clock, region } = await startLab();
    const command = new RunInstancesCommand({ ...oneInstance, MaxCount: 2, ClientToken: 'mst-1' });
    const first = await ec2.send(command);
    clock.advance(10_000);
    const second = await ec2.send(command);
    expect(region.truth()).toHaveLength(2);
    expect(second.ReservationId).toBe(first.ReservationId);
    expect(second.Instances?.map((i) => i.InstanceId)).toEqual(first.Instances?.map((i) => i.InstanceId));
    expect(second.Instances?.map((i) => i.State?.Name)).toEqual(['running', 'running']);
  });

  it('refuses a client token that comes with other parameters', async () => {
    const { ec2, region } = await startLab();
    await ec2.send(new RunInstancesCommand({ ...oneInstance, ClientToken: 'mst-1' }));
    await expect(
      ec2.send(new RunInstancesCommand({ ...oneInstance, ClientToken: 'mst-1', InstanceType: 't3.large' })),
    ).rejects.toMatchObject({ name: 'IdempotentParameterMismatch', $metadata: { httpStatusCode: 400 } });
    expect(region.truth()).toHaveLength(1);
  });

  it('refuses a client token whose instance was terminated, also when nobody can see that one any more', async () => {
    const { ec2, clock, region } = await startLab();
    const command = new RunInstancesCommand({ ...oneInstance, ClientToken: 'mst-1' });
    const { Instances } = await ec2.send(command);
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [Instances![0]!.InstanceId!] }));
    clock.advance(10_000);
    await expect(ec2.send(command)).rejects.toMatchObject({ name: 'IdempotentInstanceTerminated' });
    clock.advance(7_200_000);
    await expect(ec2.send(command)).rejects.toMatchObject({ name: 'IdempotentInstanceTerminated' });
    expect(region.truth()).toHaveLength(1);
  });

  it('counts a client token per zone when the request names one, else per region, account by account', async () => {
    const { ec2, clientOf, region } = await startLab();
    const inZone = (letter: string) =>
      new RunInstancesCommand({
        ...oneInstance,
        ClientToken: 'mst-1',
        Placement: { AvailabilityZone: `${regionName}${letter}` },
      });
    await ec2.send(inZone('a'));
    await ec2.send(inZone('b'));
    await ec2.send(inZone('b'));
    await ec2.send(new RunInstancesCommand({ ...oneInstance, ClientToken: 'mst-1' }));
    expect(region.truth()).toHaveLength(3);
    const same = new RunInstancesCommand({ ...oneInstance, ClientToken: 'mst-1' });
    await clientOf('444455556666', regionName).send(same);
    await clientOf(account, 'eu-west-1').send(same);
    expect(region.truth().map((i) => `${i.account} ${i.region}`)).toEqual([
      ...Array<string>(3).fill(`${account} us-east-1`),
      '444455556666 us-east-1',
      `${account} eu-west-1`,
    ]);
  });

  it('launches anew each time without a client token of the caller, as the SDK makes one up', async () => {
    const { ec2, region } = await startLab();
    await ec2.send(new RunInstancesCommand(oneInstance));
    await ec2.send(new RunInstancesCommand(oneInstance));
    expect(region.truth()).toHaveLength(2);
  });

  it('shows a batch to no other account and no other region', async () => {
    const { ec2, clientOf } = await startLab();
    await ec2.send(new RunInstancesCommand(oneInstance));
    for (const other of [clientOf('444455556666', regionName), clientOf(account, 'eu-west-1')]) {
      expect((await other.send(new DescribeInstancesCommand({}))).Reservations).toEqual([]);
    }
  });
});
