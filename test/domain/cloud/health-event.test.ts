import { describe, expect, it } from 'vitest';
import { readNotification } from '#shared/domain/cloud/notification.ts';
import { aHealthEvent, aNotification } from '#test/build/a-notification.ts';
import { aKey, clock } from '#test/build/an-instance.ts';

const receivedAt = clock('10:00:22');
const read = (detail: object = {}, overrides: object = {}) =>
  readNotification(aHealthEvent(detail, overrides), receivedAt);
const another = 'i-0aaaaaaaaaaaaaaaa';
const entities = (...ids: string[]) => ({ affectedEntities: ids.map((entityValue) => ({ entityValue })) });

describe('an event of AWS Health’s', () => {
  it('warns of an instance, with the time at which it happens', () => {
    expect(read()).toEqual({
      kind: 'warning',
      keys: [aKey],
      warning: {
        kind: 'scheduled_retirement',
        at: clock('10:00:21'),
        deadline: Date.parse('2026-11-12T22:00:00Z'),
      },
    });
  });

  it.each([
    ['AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED', 'scheduled_retirement'],
    ['AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_EXPEDITED', 'scheduled_retirement'],
    ['AWS_EC2_INSTANCE_TERMINATION_SCHEDULED', 'scheduled_retirement'],
    ['AWS_EC2_INSTANCE_STOP_SCHEDULED', 'scheduled_stop'],
    ['AWS_EC2_INSTANCE_REBOOT_MAINTENANCE_SCHEDULED', 'scheduled_reboot'],
    ['AWS_EC2_SYSTEM_REBOOT_MAINTENANCE_SCHEDULED', 'scheduled_reboot'],
    ['AWS_EC2_INSTANCE_NETWORK_MAINTENANCE_SCHEDULED', 'scheduled_maintenance'],
    ['AWS_EC2_SYSTEM_MAINTENANCE_EVENT', 'scheduled_maintenance'],
  ])('%s is a %s', (eventTypeCode, kind) => {
    expect(read({ eventTypeCode })).toMatchObject({ warning: { kind } });
  });

  it('may warn of several instances, by their ids or their ARNs, and names other things besides', () => {
    const resources = [
      `arn:aws:ec2:us-east-1:111122223333:instance/${aKey.instanceId}`,
      another,
      'h-0123456789abcdef0',
    ];
    const detail = entities(aKey.instanceId, another, aKey.instanceId, 'h-0123456789abcdef0');
    expect(read(detail, { resources })).toMatchObject({ keys: [aKey, { ...aKey, instanceId: another }] });
  });

  it('is about the Region of `eventRegion`, wherever it was delivered', () => {
    expect(read({ eventRegion: 'us-east-1' }, { region: 'us-west-2' })).toMatchObject({ keys: [aKey] });
  });

  it.each([
    ['2026-11-12T22:00:00Z', '2026-11-12T22:00:00Z'],
    ['soon', null],
    [undefined, null],
  ])('may tell its time as %s', (startTime, deadline) => {
    expect(read({ startTime })).toMatchObject({ warning: { deadline: deadline && Date.parse(deadline) } });
  });

  it.each<[string, object, object, string]>([
    ['of another service', { service: 'RDS' }, {}, 'no_scheduled_change'],
    ['of an issue', { eventTypeCategory: 'issue' }, {}, 'no_scheduled_change'],
    ['of a change that no instance undergoes', { eventTypeCode: 'AWS_EC2_VPN_CHANGE' }, {}, 'no_scheduled_change'],
    ['of a change that is over', { statusCode: 'closed' }, {}, 'no_scheduled_change'],
    ['of no instance', entities('h-0123456789abcdef0'), {}, 'no_instance'],
    ['without a list', { affectedEntities: 'i-0123456789abcdef0' }, {}, 'no_instance'],
    ['of an entity that is null', { affectedEntities: [null] }, {}, 'no_instance'],
    ['of an instance that is no resource', entities(aKey.instanceId, another), {}, 'resources_disagree'],
    ['of another account', { affectedAccount: '444455556666' }, {}, 'resources_disagree'],
    ['of a Region that is none', { eventRegion: '../x' }, {}, 'malformed_field'],
    ['without a time', {}, { time: 'now' }, 'malformed_field'],
  ])('%s counts for nothing', (_, detail, overrides, why) => {
    expect(read(detail, overrides)).toEqual({ kind: 'ignored', why });
  });

  it('is not read as one of EC2’s', () => {
    const { detail } = aHealthEvent();
    expect(readNotification(aNotification({ detail }), receivedAt).kind).toBe('ignored');
  });
});
