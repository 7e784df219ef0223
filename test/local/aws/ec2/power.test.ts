import {
  DescribeInstancesCommand,
  RebootInstancesCommand,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { presentOf } from '#local/aws/ec2/simulated-instance.ts';
import { account, oneInstance, regionName, startLab } from './lab.ts';

type Lab = Awaited<ReturnType<typeof startLab>>;

async function launched(lab: Lab, input: Partial<RunInstancesCommandInput> = {}): Promise<string> {
  const { Instances } = await lab.ec2.send(new RunInstancesCommand({ ...oneInstance, ...input }));
  return Instances![0]!.InstanceId!;
}

async function running(lab: Lab, input: Partial<RunInstancesCommandInput> = {}): Promise<string> {
  const id = await launched(lab, input);
  lab.clock.advance(10_000);
  return id;
}

async function shown(lab: Lab, id: string) {
  const { Reservations } = await lab.ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations![0]!.Instances![0]!;
}

const stateOf = (lab: Lab, instanceId: string) =>
  presentOf(lab.region.instance({ account, region: regionName, instanceId })!).state;
const states = (lab: Lab) => lab.events.map((event) => event.detail.state);

describe('a life', () => {
  it('goes from pending to running and gets a public address', async () => {
    const lab = await startLab();
    const id = await launched(lab);
    lab.clock.advance(9_999);
    expect(await shown(lab, id)).toMatchObject({ State: { Name: 'pending' } });
    expect((await shown(lab, id)).PublicIpAddress).toBeUndefined();
    lab.clock.advance(1);
    const instance = await shown(lab, id);
    expect(instance).toMatchObject({ State: { Name: 'running', Code: 16 }, StateTransitionReason: '' });
    expect(instance.StateReason).toBeUndefined();
    expect(instance.PublicIpAddress).toMatch(/^54\./);
  });

  it('stops for a user, with the whole second of the request as the reason, and loses its public address', async () => {
    const lab = await startLab();
    const id = await running(lab);
    const answer = await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    expect(answer.StoppingInstances).toEqual([
      { InstanceId: id, PreviousState: { Code: 16, Name: 'running' }, CurrentState: { Code: 64, Name: 'stopping' } },
    ]);
    lab.clock.advance(10_000);
    const instance = await shown(lab, id);
    expect(instance).toMatchObject({
      State: { Name: 'stopped', Code: 80 },
      StateTransitionReason: 'User initiated (2026-11-02 10:00:10 GMT)',
      StateReason: {
        Code: 'Client.UserInitiatedShutdown',
        Message: 'Client.UserInitiatedShutdown: User initiated shutdown',
      },
      LaunchTime: new Date('2026-11-02T10:00:00Z'),
    });
    expect(instance.PublicIpAddress).toBeUndefined();
  });

  it('starts again with a new LaunchTime, the same private address and the first attachment time', async () => {
    const lab = await startLab();
    const id = await running(lab);
    const before = await shown(lab, id);
    await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    lab.clock.advance(60_000);
    const answer = await lab.ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
    expect(answer.StartingInstances?.[0]).toMatchObject({
      PreviousState: { Name: 'stopped' },
      CurrentState: { Name: 'pending' },
    });
    lab.clock.advance(10_000);
    const after = await shown(lab, id);
    expect(after).toMatchObject({
      State: { Name: 'running' },
      StateTransitionReason: '',
      LaunchTime: new Date('2026-11-02T10:01:10Z'),
      PrivateIpAddress: before.PrivateIpAddress,
      NetworkInterfaces: [{ Attachment: { AttachTime: new Date('2026-11-02T10:00:00Z') } }],
    });
    expect(after.PublicIpAddress).not.toBe(before.PublicIpAddress);
  });

  it('ends for a user: shutting-down, terminated without a network, forgotten after an hour, never in truth', async () => {
    const lab = await startLab();
    const id = await running(lab);
    const answer = await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    expect(answer.TerminatingInstances?.[0]).toMatchObject({ CurrentState: { Code: 32, Name: 'shutting-down' } });
    lab.clock.advance(10_000);
    const instance = await shown(lab, id);
    expect(instance).toMatchObject({ State: { Code: 48, Name: 'terminated' } });
    expect(instance.PrivateIpAddress).toBeUndefined();
    expect(instance.SubnetId).toBeUndefined();
    lab.clock.advance(3_600_001);
    await expect(shown(lab, id)).rejects.toMatchObject({ name: 'InvalidInstanceID.NotFound' });
    expect(stateOf(lab, id)).toBe('terminated');
  });

  it('ends from stopped in one step or in two, and from stopping at once', async () => {
    const lab = await startLab();
    const { Instances } = await lab.ec2.send(new RunInstancesCommand({ ...oneInstance, MaxCount: 20 }));
    const ids = Instances!.map((instance) => instance.InstanceId!);
    lab.clock.advance(10_000);
    await lab.ec2.send(new StopInstancesCommand({ InstanceIds: ids }));
    const [early, ...rest] = ids;
    const cut = await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [early!] }));
    expect(cut.TerminatingInstances?.[0]?.CurrentState?.Name).toBe('shutting-down');
    lab.clock.advance(10_000);
    expect(stateOf(lab, early!)).toBe('terminated');
    const answer = await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: rest }));
    const first = new Set(answer.TerminatingInstances?.map((change) => change.CurrentState?.Name));
    expect(first).toEqual(new Set(['shutting-down', 'terminated']));
    lab.clock.advance(10_000);
    expect(new Set(ids.map((id) => stateOf(lab, id)))).toEqual(new Set(['terminated']));
  });

  it('is stopped faster by force, also when the stop hangs already', async () => {
    const stopMs = [5_000, 3_600_000] as const;
    const lab = await startLab({ timings: { startMs: [0, 0], stopMs, terminateMs: [0, 0] }, random: () => 0.99 });
    const id = await launched(lab);
    lab.clock.advance(1);
    await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    lab.clock.advance(60_000);
    expect(stateOf(lab, id)).toBe('stopping');
    await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id], Force: true }));
    lab.clock.advance(5_000);
    expect(stateOf(lab, id)).toBe('stopped');
    lab.clock.advance(3_600_000);
    expect(states(lab).filter((state) => state === 'stopped')).toHaveLength(1);
  });

  it('hibernates only if it was launched so', async () => {
    const lab = await startLab();
    const plain = await running(lab);
    await expect(
      lab.ec2.send(new StopInstancesCommand({ InstanceIds: [plain], Hibernate: true })),
    ).rejects.toMatchObject({ name: 'UnsupportedHibernationConfiguration' });
    const id = await running(lab, { HibernationOptions: { Configured: true } });
    await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id], Hibernate: true }));
    lab.clock.advance(10_000);
    expect(await shown(lab, id)).toMatchObject({
      State: { Name: 'stopped' },
      StateReason: { Code: 'Client.UserInitiatedHibernate' },
    });
  });

  it('reboots without a change of state or an event, and ignores it when ended', async () => {
    const reboots: string[] = [];
    const lab = await startLab({ onReboot: (key) => reboots.push(key.instanceId) });
    const id = await running(lab);
    const before = lab.events.length;
    await lab.ec2.send(new RebootInstancesCommand({ InstanceIds: [id] }));
    expect(reboots).toEqual([id]);
    expect(lab.region.truth()[0]?.reboots).toEqual([lab.clock.now().getTime()]);
    expect(lab.events).toHaveLength(before);
    expect(await shown(lab, id)).toMatchObject({ State: { Name: 'running' } });
    await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    await lab.ec2.send(new RebootInstancesCommand({ InstanceIds: [id] }));
    expect(reboots).toEqual([id]);
  });

  it.each([
    ['stop', 'stopped'],
    ['terminate', 'terminated'],
  ] as const)('that shuts down from inside with %s as its behavior is %s', async (behavior, end) => {
    const lab = await startLab();
    const id = await running(lab, { InstanceInitiatedShutdownBehavior: behavior });
    lab.region.shutDownFromInside({ account, region: regionName, instanceId: id });
    lab.clock.advance(10_000);
    expect(await shown(lab, id)).toMatchObject({
      State: { Name: end },
      StateTransitionReason: '',
      StateReason: { Code: 'Client.InstanceInitiatedShutdown' },
    });
  });
});

describe('a request in the wrong state', () => {
  it('changes nothing where the state is reached already', async () => {
    const lab = await startLab();
    const id = await running(lab);
    const start = await lab.ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
    expect(start.StartingInstances?.[0]).toMatchObject({
      PreviousState: { Name: 'running' },
      CurrentState: { Name: 'running' },
    });
    await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    lab.clock.advance(10_000);
    const before = lab.events.length;
    const again = await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    expect(again.TerminatingInstances?.[0]).toMatchObject({
      PreviousState: { Name: 'terminated' },
      CurrentState: { Name: 'terminated' },
    });
    lab.clock.advance(60_000);
    expect(lab.events).toHaveLength(before);
  });

  it('is refused for a pending stop, a stopping start, a stopped reboot and anything that begins again after the end', async () => {
    const lab = await startLab();
    const id = await launched(lab);
    const wrong = { name: 'IncorrectInstanceState', $metadata: { httpStatusCode: 400 } };
    const InstanceIds = [id];
    await expect(lab.ec2.send(new StopInstancesCommand({ InstanceIds }))).rejects.toMatchObject(wrong);
    lab.clock.advance(10_000);
    await lab.ec2.send(new StopInstancesCommand({ InstanceIds }));
    await expect(lab.ec2.send(new StartInstancesCommand({ InstanceIds }))).rejects.toMatchObject(wrong);
    lab.clock.advance(10_000);
    await expect(lab.ec2.send(new RebootInstancesCommand({ InstanceIds }))).rejects.toMatchObject(wrong);
    await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds }));
    lab.clock.advance(10_000);
    await expect(lab.ec2.send(new StartInstancesCommand({ InstanceIds }))).rejects.toMatchObject(wrong);
    lab.clock.advance(60_000);
    expect(stateOf(lab, id)).toBe('terminated');
  });

  it('takes all instances or none', async () => {
    const lab = await startLab();
    const id = await running(lab);
    const pending = await launched(lab);
    await expect(lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id, pending] }))).rejects.toMatchObject({
      name: 'IncorrectInstanceState',
    });
    await expect(
      lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id, 'i-0123456789abcdef0'] })),
    ).rejects.toMatchObject({ name: 'InvalidInstanceID.NotFound' });
    expect(stateOf(lab, id)).toBe('running');
  });

  it('names at least one instance', async () => {
    const lab = await startLab();
    await expect(lab.ec2.send(new StopInstancesCommand({ InstanceIds: [] }))).rejects.toMatchObject({
      name: 'MissingParameter',
    });
  });
});
