import { RunInstancesCommand, StartInstancesCommand, StopInstancesCommand } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { here, makeRegion, oneInstance, startLab } from './lab.ts';

const limited = { name: 'RequestLimitExceeded', $metadata: { httpStatusCode: 503 } };

/** How many calls get through before the first that is refused. */
function passed(call: () => unknown, most = 2000): number {
  for (let count = 0; count < most; count++) {
    try {
      call();
    } catch (error) {
      expect(error).toMatchObject({ name: 'RequestLimitExceeded' });
      return count;
    }
  }
  return most;
}

describe('throttling', () => {
  it('lets five launches through at once, then two a second, as the SDK sees it', async () => {
    const { ec2, clock } = await startLab();
    const launch = () => ec2.send(new RunInstancesCommand(oneInstance));
    for (let i = 0; i < 5; i++) await launch();
    await expect(launch()).rejects.toMatchObject(limited);
    clock.advance(1_000);
    await launch();
    await launch();
    await expect(launch()).rejects.toMatchObject(limited);
  });

  it('has a bucket of its own for describes that neither filter nor page', () => {
    const { region, clock } = makeRegion();
    const bare = () => region.describeInstances(here, {});
    const filtered = () => region.describeInstances(here, { Filters: [{ Name: 'image-id', Values: ['x'] }] });
    expect(passed(bare)).toBe(50);
    expect(passed(filtered)).toBe(100);
    clock.advance(1_000);
    expect(passed(bare)).toBe(10);
    expect(passed(() => region.describeInstances(here, { MaxResults: 5 }))).toBe(20);
    clock.advance(3_600_000);
    expect(passed(bare)).toBe(50);
  });

  it('counts accounts and regions apart', () => {
    const { region } = makeRegion();
    const launchIn = (place: typeof here) => () => region.runInstances(place, oneInstance);
    expect(passed(launchIn(here))).toBe(5);
    expect(passed(launchIn({ ...here, region: 'eu-west-1' }))).toBe(5);
    expect(passed(launchIn({ ...here, account: '444455556666' }))).toBe(5);
  });

  it('takes a token per instance too: a thousand, then two a second', () => {
    const { region, clock } = makeRegion();
    const many = (MaxCount: number) => () => region.runInstances(here, { ...oneInstance, MaxCount });
    many(998)();
    expect(passed(many(3))).toBe(0);
    expect(passed(many(2))).toBe(1);
    clock.advance(1_000);
    expect(passed(many(2))).toBe(1);
  });

  it('takes no instance tokens for a launch that is only repeated', () => {
    const { region, clock } = makeRegion();
    const again = () => region.runInstances(here, { ...oneInstance, MaxCount: 1000, ClientToken: 'mst-1' });
    expect(passed(again)).toBe(5);
    clock.advance(1_000);
    expect(passed(again)).toBe(2);
    expect(region.truth()).toHaveLength(1000);
  });

  it('limits starts harder than stops, by request and by instance', () => {
    const { region, clock } = makeRegion();
    const { Instances } = region.runInstances(here, { ...oneInstance, MaxCount: 600 });
    const InstanceIds = Instances!.map((instance) => instance.InstanceId!);
    clock.advance(10_000);
    expect(passed(() => region.stopInstances(here, { InstanceIds: InstanceIds.slice(0, 1) }), 60)).toBe(50);
    clock.advance(60_000);
    expect(passed(() => region.stopInstances(here, { InstanceIds }))).toBe(1);
    clock.advance(60_000);
    expect(passed(() => region.startInstances(here, { InstanceIds }))).toBe(1);
  });

  it('spends a request even where the request is refused for another reason', async () => {
    const { ec2 } = await startLab();
    const dryRun = () => ec2.send(new RunInstancesCommand({ ...oneInstance, DryRun: true }));
    for (let i = 0; i < 5; i++) await expect(dryRun()).rejects.toMatchObject({ name: 'DryRunOperation' });
    await expect(dryRun()).rejects.toMatchObject(limited);
    await expect(ec2.send(new StartInstancesCommand({ InstanceIds: ['i-00000000'] }))).rejects.toMatchObject({
      name: 'InvalidInstanceID.NotFound',
    });
    await expect(ec2.send(new StopInstancesCommand({ InstanceIds: ['i-00000000'] }))).rejects.toMatchObject({
      name: 'InvalidInstanceID.NotFound',
    });
  });
});
