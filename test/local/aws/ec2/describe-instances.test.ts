import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  paginateDescribeInstances,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { oneInstance, startLab } from './lab.ts';

type Lab = Awaited<ReturnType<typeof startLab>>;

async function launch(lab: Lab, count: number, extra = {}): Promise<string[]> {
  const { Instances } = await lab.ec2.send(new RunInstancesCommand({ ...oneInstance, MaxCount: count, ...extra }));
  return Instances!.map((instance) => instance.InstanceId!);
}

async function ids(lab: Lab, input: DescribeInstancesCommandInput): Promise<string[]> {
  const { Reservations } = await lab.ec2.send(new DescribeInstancesCommand(input));
  return Reservations!.flatMap((r) => r.Instances!.map((i) => i.InstanceId!)).sort();
}

const filter = (Name: string, ...Values: string[]): DescribeInstancesCommandInput => ({ Filters: [{ Name, Values }] });

describe('DescribeInstances by id', () => {
  it('groups the instances of one launch into their reservation', async () => {
    const lab = await startLab();
    await launch(lab, 2);
    await launch(lab, 3);
    const { Reservations } = await lab.ec2.send(new DescribeInstancesCommand({}));
    expect(Reservations?.map((r) => r.Instances?.length).sort()).toEqual([2, 3]);
  });

  it('fails as a whole for one id that is unknown or malformed', async () => {
    const lab = await startLab();
    const [known] = await launch(lab, 1);
    await expect(ids(lab, { InstanceIds: [known!, 'i-0123456789abcdef0'] })).rejects.toMatchObject({
      name: 'InvalidInstanceID.NotFound',
      message: "The instance ID 'i-0123456789abcdef0' does not exist",
      $metadata: { httpStatusCode: 400 },
    });
    await expect(ids(lab, { InstanceIds: [known!, 'i-0123'] })).rejects.toMatchObject({
      name: 'InvalidInstanceID.Malformed',
    });
  });

  it('leaves an unknown id out when it is asked by filter', async () => {
    const lab = await startLab();
    const [known] = await launch(lab, 1);
    expect(await ids(lab, filter('instance-id', known!, 'i-0123456789abcdef0'))).toEqual([known]);
  });

  it('does not combine ids with a page size', async () => {
    const lab = await startLab();
    const InstanceIds = await launch(lab, 1);
    await expect(ids(lab, { InstanceIds, MaxResults: 10 })).rejects.toMatchObject({
      name: 'InvalidParameterCombination',
    });
  });
});

describe('DescribeInstances by filter', () => {
  it('finds what a client token launched', async () => {
    const lab = await startLab();
    await launch(lab, 1);
    const mine = await launch(lab, 2, { ClientToken: 'mst-7' });
    expect(await ids(lab, filter('client-token', 'mst-7'))).toEqual(mine.sort());
  });

  it('needs every filter and any of its values', async () => {
    const lab = await startLab();
    const first = await launch(lab, 1, { ImageId: 'ami-00000001' });
    const second = await launch(lab, 1, { ImageId: 'ami-00000002' });
    await launch(lab, 1, { ImageId: 'ami-00000003' });
    const images = { Name: 'image-id', Values: ['ami-00000001', 'ami-00000002'] };
    expect(await ids(lab, { Filters: [images] })).toEqual([...first, ...second].sort());
    await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: first }));
    const pending = { Name: 'instance-state-name', Values: ['pending'] };
    expect(await ids(lab, { Filters: [images, pending] })).toEqual(second);
  });

  it('knows tags by key and by value, with wildcards', async () => {
    const lab = await startLab();
    const [web, db] = await launch(lab, 2);
    const tag = (id: string, Value: string) =>
      lab.ec2.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key: 'role', Value }] }));
    await tag(web!, 'web*1');
    await tag(db!, 'database');
    expect(await ids(lab, filter('tag-key', 'role'))).toEqual([web!, db!].sort());
    expect(await ids(lab, filter('tag:role', 'data?ase'))).toEqual([db]);
    expect(await ids(lab, filter('tag:role', 'w*'))).toEqual([web]);
    expect(await ids(lab, filter('tag:role', 'web\\*1'))).toEqual([web]);
    expect(await ids(lab, filter('tag:role', 'd.*'))).toEqual([]);
    expect(await ids(lab, filter('tag:other', '*'))).toEqual([]);
  });

  it.each([
    ['subnet-id', 'subnet-00000001'],
    ['vpc-id', 'vpc-22223333'],
    ['availability-zone', 'us-east-1b'],
  ])('knows %s', async (name, value) => {
    const lab = await startLab();
    const mine = await launch(lab, 1, { SubnetId: 'subnet-00000001' });
    expect(await ids(lab, filter(name, value))).toEqual(mine);
    expect(await ids(lab, filter(name, `${value}x`))).toEqual([]);
  });

  it.each(['constructor', 'no-such-filter'])('refuses the filter %s', async (name) => {
    const lab = await startLab();
    await expect(ids(lab, filter(name, 'x'))).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });

  it('takes up to 200 values', async () => {
    const lab = await startLab();
    const values = Array.from({ length: 201 }, (_, i) => `i-${String(i).padStart(17, '0')}`);
    expect(await ids(lab, filter('instance-id', ...values.slice(1)))).toEqual([]);
    await expect(ids(lab, filter('instance-id', ...values))).rejects.toMatchObject({ name: 'FilterLimitExceeded' });
  });
});

describe('DescribeInstances by page', () => {
  it('hands out every instance once', async () => {
    const lab = await startLab();
    const launched = await launch(lab, 23);
    const pages: string[][] = [];
    for await (const page of paginateDescribeInstances({ client: lab.ec2, pageSize: 5 }, {})) {
      pages.push(page.Reservations!.flatMap((r) => r.Instances!.map((i) => i.InstanceId!)));
    }
    expect(pages.map((page) => page.length)).toEqual([5, 5, 5, 5, 3]);
    expect(pages.flat().sort()).toEqual(launched.sort());
  });

  it('loses and repeats nothing when instances appear between two pages', async () => {
    const lab = await startLab();
    const early = await launch(lab, 20);
    const first = await lab.ec2.send(new DescribeInstancesCommand({ MaxResults: 5 }));
    await launch(lab, 20);
    const rest = await ids(lab, { NextToken: first.NextToken });
    const seen = [...first.Reservations!.flatMap((r) => r.Instances!.map((i) => i.InstanceId!)), ...rest];
    expect(new Set(seen).size).toBe(seen.length);
    expect(early.filter((id) => !seen.includes(id))).toEqual([]);
  });

  it.each([4, 1001])('refuses pages of %i', async (MaxResults) => {
    const lab = await startLab();
    await expect(ids(lab, { MaxResults })).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });

  it('refuses a token that it did not give out', async () => {
    const lab = await startLab();
    await expect(ids(lab, { NextToken: 'x' })).rejects.toMatchObject({ name: 'InvalidPaginationToken' });
  });
});
