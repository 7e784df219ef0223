import { describe, expect, it } from 'vitest';
import { readNotification } from '#shared/domain/cloud/notification.ts';
import { isAccount, isInstanceId, isRegion } from '#shared/domain/ids.ts';
import { aNotification } from '#test/build/a-notification.ts';
import { aKey, clock } from '#test/build/an-instance.ts';

const receivedAt = clock('10:00:22');
const read = (overrides: Record<string, unknown>) => readNotification(aNotification(overrides), receivedAt);
const instanceArn = 'arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0';

describe('a notification of EC2’s', () => {
  it('says which instance is in which state since when', () => {
    expect(read({})).toEqual({
      kind: 'state',
      change: {
        ...aKey,
        id: '7bf73129-1428-4cd3-a780-95db273d1602',
        state: 'running',
        at: clock('10:00:21'),
        receivedAt,
      },
    });
  });

  it('may lack "version", as in EC2’s own example', () => {
    const { version: _, ...rest } = aNotification();
    expect(readNotification(rest, receivedAt).kind).toBe('state');
  });

  it.each([
    ['arn:aws-cn:ec2:cn-north-1:111122223333:instance/i-0123456789abcdef0', 'cn-north-1'],
    ['arn:aws-us-gov:ec2:us-gov-west-1:111122223333:instance/i-0123456789abcdef0', 'us-gov-west-1'],
  ])('counts in every partition: %s', (arn, region) => {
    expect(read({ resources: [arn], region }).kind).toBe('state');
  });

  it.each([
    ['EC2 Spot Instance Interruption Warning', 'spot_interruption', clock('10:02:21')],
    ['EC2 Capacity Reservation Instance Interruption Warning', 'capacity_block_interruption', clock('10:40:00')],
    ['EC2 Instance Rebalance Recommendation', 'rebalance_recommendation', null],
  ])('%s is a warning, whatever state it claims', (type, kind, deadline) => {
    const told = kind === 'capacity_block_interruption' && { 'instance-termination-time': '2026-11-02T10:40:00Z' };
    const detail = { 'instance-id': aKey.instanceId, 'instance-action': 'terminate', state: 'terminated', ...told };
    const warning = { kind, at: clock('10:00:21'), deadline };
    expect(read({ 'detail-type': type, detail })).toEqual({ kind: 'warning', keys: [aKey], warning });
  });

  it('of a spot interruption leaves no time where the instance hibernates', () => {
    const detail = { 'instance-id': aKey.instanceId, 'instance-action': 'hibernate' };
    const warning = { deadline: clock('10:00:21') };
    expect(read({ 'detail-type': 'EC2 Spot Instance Interruption Warning', detail })).toMatchObject({ warning });
  });

  it.each([
    ['us-east-1b', 'us-east-1', true],
    ['us-west-2-lax-1a', 'us-west-2', true],
    ['us-east-1-wl1-bos-wlz-1', 'us-east-1', true],
    ['us-east-1b', 'us-east-2', false],
    ['us-east-11a', 'us-east-1', false],
    ['us-east-1', 'us-east-1', false],
  ])('with a zone for its place, %s, counts in %s: %s', (zone, region, counts) => {
    const resources = [`arn:aws:ec2:${zone}:instance/${aKey.instanceId}`];
    const detail = { 'instance-id': aKey.instanceId, state: 'running' };
    const warning = read({ 'detail-type': 'EC2 Instance Rebalance Recommendation', resources, region, detail });
    expect(warning).toMatchObject(
      counts ? { kind: 'warning', keys: [{ ...aKey, region }] } : { why: 'resources_disagree' },
    );
    expect(read({ resources, region })).toMatchObject({ why: 'resources_disagree' });
  });
});

describe('a notification counts for nothing', () => {
  it.each([
    ['of another account', { resources: ['arn:aws:ec2:us-east-1:999999999999:instance/i-0123456789abcdef0'] }],
    ['of another region', { resources: ['arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0'] }],
    ['of another instance', { resources: ['arn:aws:ec2:us-east-1:111122223333:instance/i-0aaaaaaaaaaaaaaaa'] }],
    ['of another kind', { resources: ['arn:aws:ec2:us-east-1:111122223333:volume/i-0123456789abcdef0'] }],
    ['of another service', { resources: ['arn:aws:s3:us-east-1:111122223333:instance/i-0123456789abcdef0'] }],
    ['with more behind it', { resources: [`${instanceArn}:x`] }],
    ['twice', { resources: [instanceArn, instanceArn] }],
    ['missing', { resources: [] }],
    ['no list', { resources: instanceArn }],
    ['no text', { resources: [{ arn: instanceArn }] }],
    ['in no partition', { resources: [instanceArn.replace('aws', 'evil')] }],
  ])('where its resource is %s', (_, overrides) => {
    expect(read(overrides)).toEqual({ kind: 'ignored', why: 'resources_disagree' });
  });

  it.each([
    ['no time', { time: undefined }],
    ['a day that is none', { time: '2026-02-30T10:00:00Z' }],
    ['milliseconds since 1970', { time: 1793613621000 }],
    ['a short account', { account: '1111' }],
    ['a region that is a path', { region: '../us-east-1' }],
    ['an instance id in capitals', { detail: { 'instance-id': 'i-0123456789ABCDEF0', state: 'running' } }],
    ['no id', { id: '' }],
    ['an id without end', { id: 'x'.repeat(129) }],
  ])('where it has %s', (_, overrides) => {
    expect(read(overrides)).toEqual({ kind: 'ignored', why: 'malformed_field' });
  });

  it('where its state is a word that EC2 does not have', () => {
    const detail = { 'instance-id': aKey.instanceId, state: 'rebooting' };
    expect(read({ detail })).toEqual({ kind: 'ignored', why: 'unknown_state' });
  });

  it('where it is of a type that Muster does not read', () => {
    expect(read({ 'detail-type': 'EBS Volume Notification' })).toEqual({ kind: 'ignored', why: 'unknown_detail_type' });
    expect(read({ 'detail-type': 'toString' }).kind).toBe('ignored');
  });

  it.each([[null], ['text'], [[]], [42], [{}], [{ detail: [] }]])('where it is no event at all: %j', (json) => {
    expect(readNotification(json, receivedAt)).toEqual({ kind: 'ignored', why: 'not_an_event' });
  });
});

describe('names', () => {
  it('an instance id has 8 or 17 hexadecimal digits', () => {
    expect(['i-0123abcd', 'i-0123456789abcdef0'].every(isInstanceId)).toBe(true);
    expect(['i-0123abc', 'i-0123456789abcdef01', 'ami-0123abcd', 'i-0123abcd\n', 7].some(isInstanceId)).toBe(false);
  });

  it('an account has twelve digits, a region a shape', () => {
    expect(isAccount('000000000001')).toBe(true);
    expect(isAccount(111122223333)).toBe(false);
    expect(['us-east-1', 'ap-southeast-7', 'us-gov-west-1', 'il-central-1'].every(isRegion)).toBe(true);
    expect(['us-east', 'US-EAST-1', 'us-east-1a', ''].some(isRegion)).toBe(false);
  });
});
