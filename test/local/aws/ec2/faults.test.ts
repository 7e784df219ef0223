import {
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import type { Fault } from '#local/faults.ts';
import { oneInstance, startLab } from './lab.ts';

type Lab = Awaited<ReturnType<typeof startLab>>;

async function launchIn(lab: Lab, letter: string, count = 1): Promise<string[]> {
  const Placement = { AvailabilityZone: `us-east-1${letter}` };
  const { Instances } = await lab.ec2.send(new RunInstancesCommand({ ...oneInstance, MaxCount: count, Placement }));
  return Instances!.map((instance) => instance.InstanceId!);
}

async function ids(lab: Lab, input: DescribeInstancesCommandInput = {}): Promise<string[]> {
  const { Reservations } = await lab.ec2.send(new DescribeInstancesCommand(input));
  return Reservations!.flatMap((r) => r.Instances!.map((i) => i.InstanceId!));
}

const states = (lab: Lab) => lab.events.map((event) => event.detail.state);

describe('a launch or start told to fail', () => {
  it('ends terminated without having run, with the reason to read', async () => {
    const lab = await startLab();
    lab.region.faults.add({
      what: 'fail-start',
      where: { service: 'ec2', operation: 'RunInstances' },
      code: 'Server.InsufficientInstanceCapacity',
      times: 1,
    });
    await lab.ec2.send(new RunInstancesCommand(oneInstance));
    lab.clock.advance(10_000);
    expect(states(lab)).toEqual(['pending', 'terminated']);
    const { Reservations } = await lab.ec2.send(new DescribeInstancesCommand({}));
    expect(Reservations![0]!.Instances![0]).toMatchObject({
      State: { Name: 'terminated' },
      StateTransitionReason: 'Server.InsufficientInstanceCapacity',
      StateReason: { Code: 'Server.InsufficientInstanceCapacity' },
    });
  });

  it('goes back to stopped, and succeeds the next time', async () => {
    const lab = await startLab();
    const InstanceIds = await launchIn(lab, 'a');
    lab.clock.advance(10_000);
    await lab.ec2.send(new StopInstancesCommand({ InstanceIds }));
    lab.clock.advance(10_000);
    lab.region.faults.add({
      what: 'fail-start',
      where: { service: 'ec2', operation: 'StartInstances' },
      code: 'Client.InternalError',
      times: 1,
    });
    await lab.ec2.send(new StartInstancesCommand({ InstanceIds }));
    lab.clock.advance(10_000);
    expect(states(lab).slice(-2)).toEqual(['pending', 'stopped']);
    await lab.ec2.send(new StartInstancesCommand({ InstanceIds }));
    lab.clock.advance(10_000);
    expect(states(lab).slice(-2)).toEqual(['pending', 'running']);
  });

  it('fails one instance of a batch for each time', async () => {
    const lab = await startLab();
    lab.region.faults.add({
      what: 'fail-start',
      where: { service: 'ec2', operation: 'RunInstances' },
      code: 'Server.InternalError',
      times: 2,
    });
    await launchIn(lab, 'a', 3);
    lab.clock.advance(10_000);
    expect(states(lab).slice(3).sort()).toEqual(['running', 'terminated', 'terminated']);
  });
});

const zoneDown = (zone: string): Fault => ({ what: 'zone-down', where: { service: 'ec2', zone } });

describe('a zone that does not answer', () => {
  it('fails describes without ids and with ids in it, and only those; a filter does not count as ids', async () => {
    const lab = await startLab();
    const lost = await launchIn(lab, 'a');
    const healthy = await launchIn(lab, 'b');
    const revive = lab.region.faults.add(zoneDown('us-east-1a'));
    const unavailable = { name: 'Unavailable', $metadata: { httpStatusCode: 503 } };
    await expect(ids(lab)).rejects.toMatchObject(unavailable);
    await expect(ids(lab, { InstanceIds: [...lost, ...healthy] })).rejects.toMatchObject(unavailable);
    await expect(ids(lab, { Filters: [{ Name: 'instance-id', Values: healthy }] })).rejects.toMatchObject(unavailable);
    expect(await ids(lab, { InstanceIds: healthy })).toEqual(healthy);
    revive();
    expect((await ids(lab)).sort()).toEqual([...lost, ...healthy].sort());
  });

  it('gets no launches, and launches without a zone go elsewhere', async () => {
    const lab = await startLab();
    lab.region.faults.add(zoneDown('us-east-1a'), zoneDown('us-east-1b'));
    await expect(launchIn(lab, 'a')).rejects.toMatchObject({ name: 'InsufficientInstanceCapacity' });
    await lab.ec2.send(new RunInstancesCommand(oneInstance));
    expect(lab.region.truth().map((instance) => instance.configuration.availabilityZone)).toEqual(['us-east-1c']);
  });

  it('harms no other region', async () => {
    const lab = await startLab();
    lab.region.faults.add(zoneDown('us-east-1a'));
    const answer = await lab.clientOf('111122223333', 'eu-west-1').send(new DescribeInstancesCommand({}));
    expect(answer.Reservations).toEqual([]);
  });
});

describe('a call that goes wrong', () => {
  it.each([
    ['UnauthorizedOperation', 403],
    ['InternalError', 500],
  ] as const)('answers %s and has no effect', async (code, httpStatusCode) => {
    const lab = await startLab();
    lab.region.faults.add({ what: 'refuse', where: { service: 'ec2', operation: 'RunInstances' }, code, times: 1 });
    expect(await ids(lab)).toEqual([]);
    await expect(launchIn(lab, 'a')).rejects.toMatchObject({ name: code, $metadata: { httpStatusCode } });
    expect(lab.region.truth()).toEqual([]);
    await launchIn(lab, 'a');
    expect(lab.region.truth()).toHaveLength(1);
  });

  it('is throttled although its bucket is full', async () => {
    const lab = await startLab();
    lab.region.faults.add({ what: 'throttle', where: { service: 'ec2' }, times: 1 });
    await expect(ids(lab)).rejects.toMatchObject({ name: 'RequestLimitExceeded', $metadata: { httpStatusCode: 503 } });
    expect(await ids(lab)).toEqual([]);
  });

  it('launches and cuts the connection; the same token finds what it made', async () => {
    const lab = await startLab();
    const command = new RunInstancesCommand({ ...oneInstance, ClientToken: 'mst-1' });
    lab.region.faults.add({ what: 'lose-answer', where: { service: 'ec2', operation: 'RunInstances' }, times: 1 });
    await expect(lab.ec2.send(command)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(lab.region.truth()).toHaveLength(1);
    const { Instances } = await lab.ec2.send(command);
    expect(Instances?.[0]?.InstanceId).toBe(lab.region.truth()[0]?.instanceId);
    expect(lab.region.truth()).toHaveLength(1);
  });

  it('shows nothing where there is something', async () => {
    const lab = await startLab();
    const [id] = await launchIn(lab, 'a');
    lab.region.faults.add({ what: 'empty', where: { service: 'ec2' }, times: 1 });
    expect(await ids(lab, { InstanceIds: [id!] })).toEqual([]);
    expect(await ids(lab, { InstanceIds: [id!] })).toEqual([id]);
  });

  it('gives the same page again for the token that it came with', async () => {
    const lab = await startLab();
    await launchIn(lab, 'a', 12);
    const page = async (NextToken?: string) => lab.ec2.send(new DescribeInstancesCommand({ MaxResults: 5, NextToken }));
    const first = await page();
    lab.region.faults.add({ what: 'repeat-page', where: { service: 'ec2' }, times: 1 });
    const second = await page(first.NextToken);
    expect(second.NextToken).toBe(first.NextToken);
    expect((await page(second.NextToken)).Reservations).toEqual(second.Reservations);
  });

  it('goes wrong for one account and one region only, until it is taken out again', async () => {
    const lab = await startLab();
    lab.region.faults.add({
      what: 'refuse',
      where: { service: 'ec2', account: '111122223333', region: 'us-east-1' },
      code: 'UnauthorizedOperation',
    });
    for (let i = 0; i < 3; i++) await expect(ids(lab)).rejects.toMatchObject({ name: 'UnauthorizedOperation' });
    const others = [lab.clientOf('444455556666', 'us-east-1'), lab.clientOf('111122223333', 'eu-west-1')];
    for (const other of others) {
      expect((await other.send(new DescribeInstancesCommand({}))).Reservations).toEqual([]);
    }
    lab.region.faults.clear();
    expect(await ids(lab)).toEqual([]);
  });
});
