import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { consistent } from '#local/aws/ec2/sighting.ts';
import { oneInstance, startLab } from './lab.ts';

type Lab = Awaited<ReturnType<typeof startLab>>;

const tagged = {
  ...oneInstance,
  TagSpecifications: [{ ResourceType: 'instance' as const, Tags: [{ Key: 'Name', Value: 'one' }] }],
};

async function launch(lab: Lab): Promise<string> {
  const { Instances } = await lab.ec2.send(new RunInstancesCommand(tagged));
  return Instances![0]!.InstanceId!;
}

async function shown(lab: Lab) {
  const { Reservations } = await lab.ec2.send(new DescribeInstancesCommand({}));
  return Reservations!.flatMap((reservation) => reservation.Instances!);
}

describe('eventual consistency', () => {
  it('hides a new instance from every call, also from those that would change it', async () => {
    const lab = await startLab({ visibility: { ...consistent, newInstanceMs: 30_000 } });
    const id = await launch(lab);
    lab.clock.advance(29_999);
    const unknown = { name: 'InvalidInstanceID.NotFound' };
    expect(await shown(lab)).toEqual([]);
    await expect(lab.ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }))).rejects.toMatchObject(unknown);
    await expect(lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }))).rejects.toMatchObject(unknown);
    await expect(
      lab.ec2.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key: 'a', Value: 'b' }] })),
    ).rejects.toMatchObject(unknown);
    lab.clock.advance(1);
    expect(await shown(lab)).toMatchObject([{ InstanceId: id, State: { Name: 'running' } }]);
  });

  it('shows the state before with everything that belonged to it, LaunchTime included', async () => {
    const lab = await startLab({ visibility: { ...consistent, stateMs: 5_000 } });
    const id = await launch(lab);
    expect(await shown(lab)).toMatchObject([{ State: { Name: 'pending' } }]);
    lab.clock.advance(10_000);
    expect(await shown(lab)).toMatchObject([{ State: { Name: 'pending' } }]);
    lab.clock.advance(5_000);
    expect(await shown(lab)).toMatchObject([{ State: { Name: 'running' } }]);
    await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    lab.clock.advance(60_000);
    await lab.ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
    expect(await shown(lab)).toMatchObject([
      {
        State: { Name: 'stopped' },
        LaunchTime: new Date('2026-11-02T10:00:00Z'),
        StateReason: { Code: 'Client.UserInitiatedShutdown' },
      },
    ]);
    lab.clock.advance(5_000);
    expect(await shown(lab)).toMatchObject([
      { State: { Name: 'pending' }, LaunchTime: new Date('2026-11-02T10:01:15Z') },
    ]);
  });

  it('brings tags late, those of the launch and later ones, and drops them before the instance', async () => {
    const lab = await startLab({ visibility: { ...consistent, tagsMs: 90_000 } });
    const id = await launch(lab);
    lab.clock.advance(60_000);
    const Tags = [
      { Key: 'Name', Value: 'two' },
      { Key: 'role', Value: 'web' },
    ];
    await lab.ec2.send(new CreateTagsCommand({ Resources: [id], Tags }));
    expect((await shown(lab))[0]?.Tags).toEqual([]);
    lab.clock.advance(30_000);
    expect((await shown(lab))[0]?.Tags).toEqual([{ Key: 'Name', Value: 'one' }]);
    lab.clock.advance(60_000);
    expect((await shown(lab))[0]?.Tags).toEqual(Tags);
    await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    lab.clock.advance(10_000 + 1_800_001);
    expect(await shown(lab)).toMatchObject([{ State: { Name: 'terminated' }, Tags: [] }]);
    lab.clock.advance(1_800_000);
    expect(await shown(lab)).toEqual([]);
  });

  it('does not lag in the answer to the launch itself', async () => {
    const hidden = { newInstanceMs: 30_000, stateMs: 30_000, volumesMs: 30_000, tagsMs: 30_000, terminatedMs: 0 };
    const lab = await startLab({ visibility: hidden });
    const { Instances } = await lab.ec2.send(new RunInstancesCommand(tagged));
    expect(Instances).toMatchObject([{ State: { Name: 'pending' }, Tags: [{ Key: 'Name', Value: 'one' }] }]);
  });
});
