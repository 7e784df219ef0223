import {
  DescribeInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { consistent } from '#local/aws/ec2/sighting.ts';
import { attachmentsOf } from '#shared/adapters/aws/ec2-attachments.ts';
import { attachmentOf } from '#shared/domain/enrollment/attachment.ts';
import { here, oneInstance, startedAt, startLab } from './lab.ts';

type Lab = Awaited<ReturnType<typeof startLab>>;
const launchTime = Math.floor(startedAt / 1000) * 1000;

async function shown(lab: Lab) {
  const { Reservations } = await lab.ec2.send(new DescribeInstancesCommand({}));
  const [instance] = Reservations!.flatMap(({ Instances = [] }) => Instances);
  const attachments = attachmentsOf(instance!);
  return { attachments, outcome: attachmentOf(attachments) };
}

async function launched(options: Parameters<typeof startLab>[0] = {}) {
  const lab = await startLab(options);
  const { Instances } = await lab.ec2.send(new RunInstancesCommand(oneInstance));
  const id = Instances![0]!.InstanceId!;
  return { lab, id, key: { ...here, instanceId: id }, answered: Instances![0]! };
}

describe('the root volume and the first interface of an instance', () => {
  it('come with it, and are told when they came', async () => {
    const { lab, id } = await launched();
    expect((await shown(lab)).attachments).toEqual({
      ...{ rootDeviceType: 'ebs', rootDeviceName: '/dev/xvda', rootVolumeId: id.replace('i-', 'vol-') },
      ...{ rootAttachedAt: launchTime + 1000, interfaceAttachedAt: launchTime },
    });
  });

  it('stay attached when it stops and starts, though LaunchTime moves', async () => {
    const { lab, id } = await launched();
    const before = await shown(lab);
    lab.clock.advance(600_000);
    await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    lab.clock.advance(600_000);
    await lab.ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
    expect(await shown(lab)).toEqual({ ...before, outcome: 'consistent' });
  });

  it('are not both in the answer to the launch, nor in a describe that comes too soon', async () => {
    const { lab, answered } = await launched({ visibility: { ...consistent, volumesMs: 2000 } });
    expect(attachmentsOf(answered)).toMatchObject({ rootDeviceName: '/dev/xvda', rootAttachedAt: null });
    expect((await shown(lab)).outcome).toBe('root_unknown');
    lab.clock.advance(2000);
    expect((await shown(lab)).outcome).toBe('consistent');
  });

  it('can be replaced, moved, and not there at all', async () => {
    const { lab, key } = await launched();
    lab.clock.advance(600_000);
    const now = lab.clock.now().getTime();
    lab.region.rewire(key, { rootVolume: { volumeId: 'vol-0fedcba9876543210', attachedAt: now } });
    expect(await shown(lab)).toMatchObject({
      attachments: { rootVolumeId: 'vol-0fedcba9876543210' },
      outcome: 'root_moved',
    });
    lab.region.rewire(key, { interfaceAttachedAt: now });
    expect((await shown(lab)).outcome).toBe('consistent');
    lab.region.rewire(key, { rootVolume: null });
    expect(await shown(lab)).toMatchObject({ outcome: 'instance_store_root', attachments: { rootVolumeId: null } });
  });

  it('are given up when it ends', async () => {
    const { lab, id } = await launched();
    await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    lab.clock.advance(60_000);
    expect((await shown(lab)).attachments).toMatchObject({ rootAttachedAt: null, interfaceAttachedAt: null });
  });
});

describe('what a description says of them', () => {
  const at = new Date(launchTime);
  const disk = (DeviceName: string, VolumeId: string) => ({ DeviceName, Ebs: { VolumeId, AttachTime: at } });
  const port = (DeviceIndex: number, AttachTime: Date, NetworkCardIndex?: number) => ({
    Attachment: { DeviceIndex, AttachTime, ...(NetworkCardIndex !== undefined && { NetworkCardIndex }) },
  });

  it('is the root device’s among several disks', () => {
    const BlockDeviceMappings = [disk('/dev/sdf', 'vol-1'), disk('/dev/xvda', 'vol-2')];
    const read = attachmentsOf({ RootDeviceName: '/dev/xvda', BlockDeviceMappings });
    expect(read).toMatchObject({ rootVolumeId: 'vol-2', rootAttachedAt: launchTime });
    expect(attachmentsOf({ BlockDeviceMappings }).rootVolumeId).toBeNull();
  });

  it('is the first interface’s among several, on the first network card', () => {
    const later = new Date(launchTime + 3_600_000);
    const NetworkInterfaces = [port(1, later), port(0, later, 1), port(0, at, 0)];
    expect(attachmentsOf({ NetworkInterfaces }).interfaceAttachedAt).toBe(launchTime);
    expect(attachmentsOf({ NetworkInterfaces: [port(1, at)] }).interfaceAttachedAt).toBeNull();
  });

  it('is nothing where it says nothing', () => {
    expect(Object.values(attachmentsOf({}))).toEqual(Array(5).fill(null));
    expect(attachmentsOf({ NetworkInterfaces: [{}] }).interfaceAttachedAt).toBeNull();
  });
});
