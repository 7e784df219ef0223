import { CreateTagsCommand, DescribeInstancesCommand, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { oneInstance, startLab } from './lab.ts';

async function startWithInstance() {
  const lab = await startLab();
  const { Instances } = await lab.ec2.send(new RunInstancesCommand(oneInstance));
  const id = Instances![0]!.InstanceId!;
  const tag = (Tags: { Key: string; Value: string }[]) =>
    lab.ec2.send(new CreateTagsCommand({ Resources: [id], Tags }));
  const tags = async () => {
    const { Reservations } = await lab.ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    return Reservations![0]!.Instances![0]!.Tags;
  };
  return { ...lab, tag, tags };
}

const numbered = (count: number) => Array.from({ length: count }, (_, i) => ({ Key: `key-${i}`, Value: '' }));

describe('CreateTags', () => {
  it('adds and replaces, an empty value included', async () => {
    const { tag, tags } = await startWithInstance();
    await tag([{ Key: 'Name', Value: 'one' }]);
    await tag([
      { Key: 'Name', Value: '' },
      { Key: 'role', Value: 'wéb 1/2' },
    ]);
    expect(await tags()).toEqual([
      { Key: 'Name', Value: '' },
      { Key: 'role', Value: 'wéb 1/2' },
    ]);
  });

  it('takes fifty tags and not one more', async () => {
    const { tag, tags } = await startWithInstance();
    await tag(numbered(50));
    await expect(tag([{ Key: 'one more', Value: '' }])).rejects.toMatchObject({ name: 'TagLimitExceeded' });
    await tag(numbered(1));
    expect(await tags()).toHaveLength(50);
  });

  it.each(['', 'aws:name', 'x'.repeat(129)])('refuses the key %j', async (Key) => {
    const { tag, tags } = await startWithInstance();
    await expect(tag([{ Key, Value: 'x' }])).rejects.toMatchObject({ name: 'InvalidParameterValue' });
    expect(await tags()).toEqual([]);
  });
});
