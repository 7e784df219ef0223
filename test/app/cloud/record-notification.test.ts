import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { type NotificationPorts, recordNotification } from '#shared/app/cloud/record-notification.ts';
import type { Store, VerifyMessage } from '#shared/app/ports.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import { formatTime } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { keyNamed, second, start } from '#test/contracts/records.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';

const here = keyNamed('i-0123456789abcdef0');

/** EC2's notification of one state, as EventBridge hands it on. */
const notification = (state: string, at: number, fields: object = {}) => ({
  ...{ version: '0', id: `${state}-${at}`, 'detail-type': 'EC2 Instance State-change Notification' },
  ...{ source: 'aws.ec2', account: here.account, region: here.region, time: formatTime(at) },
  resources: [`arn:aws:ec2:${here.region}:${here.account}:instance/${here.instanceId}`],
  detail: { 'instance-id': here.instanceId, state },
  ...fields,
});

function stageOf() {
  const written: RecordChange[] = [];
  const store = createMemoryStore({ timing: defaultTiming, onChange: (change) => written.push(change) });
  const verify = new KeepingOutbox<VerifyMessage>();
  const ports: NotificationPorts = {
    ...{ store, verify, eventSource: 'aws.ec2', timing: defaultTiming },
    isRegistered: (account) => account === here.account,
  };
  const record = (json: unknown, now = start + second, other: Partial<NotificationPorts> = {}) =>
    recordNotification(json, now, { ...ports, ...other });
  return { store, written, verify, record };
}

describe('a notification', () => {
  it('of an unknown instance makes its record, lists its pair and asks EC2', async () => {
    const { store, verify, record } = stageOf();
    expect(await record(notification('pending', start))).toMatchObject({ what: 'merged' });
    expect(await store.getInstance(here)).toMatchObject({ cloud: { state: 'pending', at: start, epochNamed: false } });
    expect(await store.listPairs()).toMatchObject([{ account: here.account, region: here.region }]);
    expect(verify.messages).toEqual([{ ...here, attempt: 0 }]);
  });

  it('in order is one blind write that reads nothing and asks nothing', async () => {
    const { store, written, verify, record } = stageOf();
    await record(notification('pending', start));
    const blind = async () => expect.unreachable('a read on the first try');
    const unread: Store = { ...store, getInstance: blind, saveInstance: blind };
    const running = notification('running', start + 9 * second);
    expect(await record(running, start + 10 * second, { store: unread })).toMatchObject({ what: 'applied' });
    expect(written).toHaveLength(2);
    expect(verify.messages).toHaveLength(1);
  });

  it('that comes again changes nothing', async () => {
    const { written, record } = stageOf();
    await record(notification('pending', start));
    expect(await record(notification('pending', start))).toMatchObject({ what: 'unchanged' });
    expect(written).toHaveLength(1);
  });

  it('that contradicts the record raises doubt, and EC2 is asked', async () => {
    const { store, verify, record } = stageOf();
    await record(notification('terminated', start));
    await record(notification('running', start + 5 * second), start + 6 * second);
    expect(await store.getInstance(here)).toMatchObject({
      cloud: { state: 'terminated', verify: { reason: 'illegal_step' } },
    });
    expect(verify.messages).toHaveLength(2);
  });

  it('of a spot interruption is a prediction, and never a state', async () => {
    const { store, record } = stageOf();
    const warning = notification('', start, {
      'detail-type': 'EC2 Spot Instance Interruption Warning',
      detail: { 'instance-id': here.instanceId, 'instance-action': 'terminate' },
    });
    expect(await record(warning)).toMatchObject({ what: 'unchanged' });
    await record(notification('pending', start));
    expect(await record(warning)).toMatchObject({ what: 'merged' });
    expect(await store.getInstance(here)).toMatchObject({
      cloud: { state: 'pending', warning: { what: 'spot_interruption' } },
    });
  });
});

describe('a notification that does not count', () => {
  const otherInstance = 'arn:aws:ec2:us-east-1:111122223333:instance/i-0fedcba9876543210';
  const otherAccount = 'arn:aws:ec2:us-east-1:999988887777:instance/i-0123456789abcdef0';
  const day = 86_400 * second;
  it.each<[string, unknown, string]>([
    ['is of another source', notification('running', start, { source: 'muster.test' }), 'foreign_source'],
    ['is no object', 'running', 'foreign_source'],
    ['is null', null, 'foreign_source'],
    ['has no detail', notification('running', start, { detail: null }), 'not_an_event'],
    [
      'is of another type',
      notification('running', start, { 'detail-type': 'EBS Volume Notification' }),
      'unknown_detail_type',
    ],
    ['tells an unknown state', notification('rebooting', start), 'unknown_state'],
    ['names no region', notification('running', start, { region: '../x' }), 'malformed_field'],
    ['has no time', notification('running', start, { time: '2026-02-30T00:00:00Z' }), 'malformed_field'],
    [
      'names another instance than its resource',
      notification('running', start, { resources: [otherInstance] }),
      'resources_disagree',
    ],
    [
      'names another account than its resource',
      notification('running', start, { resources: [otherAccount] }),
      'resources_disagree',
    ],
    [
      'names two resources',
      notification('running', start, { resources: [otherInstance, otherInstance] }),
      'resources_disagree',
    ],
    [
      'is from an unregistered account',
      notification('running', start, { account: '999988887777', resources: [otherAccount] }),
      'not_registered',
    ],
    ['is stamped five minutes ahead', notification('running', start + 302 * second), 'from_the_future'],
    ['is stamped more than 25 days ago', notification('running', start - 25 * day), 'too_old'],
  ])('%s: it is acknowledged, and nothing is written', async (_case, json, why) => {
    const { written, verify, record } = stageOf();
    expect(await record(json)).toMatchObject({ what: 'ignored', why });
    expect([written, verify.sent]).toEqual([[], []]);
  });
});

describe('a notification whose process dies between two writes', () => {
  it('leaves no record without its pair', async () => {
    const { store, record } = stageOf();
    const dead = () => Promise.reject(new Error('process died'));
    await expect(
      record(notification('pending', start), start, { store: { ...store, saveInstance: dead } }),
    ).rejects.toThrow();
    expect(await store.listPairs()).toHaveLength(1);
    await record(notification('pending', start));
    expect((await store.listInstances({ size: 10, after: null })).items).toHaveLength(1);
  });
});

describe('an instance of the record that keeps changing', () => {
  it('is given up as a conflict, which the queue tries again', async () => {
    const { store, record } = stageOf();
    await record(notification('pending', start));
    const current = await store.getInstance(here);
    const contested: Store = { ...store, saveInstance: async () => ({ saved: false, current }) };
    const event = notification('pending', start + 20 * second);
    await expect(record(event, start + 21 * second, { store: contested })).rejects.toMatchObject({ code: 'conflict' });
  });
});
