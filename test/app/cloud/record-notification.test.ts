import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { type NotificationPorts, recordNotifications } from '#shared/app/cloud/record-notification.ts';
import type { Store, VerifyMessage } from '#shared/app/ports.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import { eventsOf } from '#shared/domain/events/events.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { formatTime } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { aHealthEvent } from '#test/build/a-notification.ts';
import { keyNamed, second, start } from '#test/build/records.ts';
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
    ...{ store, verify, eventSource: 'aws.ec2', homeRegion: here.region, timing: defaultTiming },
    isRegistered: (account) => account === here.account,
  };
  const recordAll = (batch: readonly unknown[], now = start + second, other: Partial<NotificationPorts> = {}) =>
    recordNotifications(batch, now, { ...ports, ...other });
  const record = async (json: unknown, now?: number, other?: Partial<NotificationPorts>) =>
    (await recordAll([json], now, other))[0];
  return { store, written, verify, record, recordAll };
}

/** The record after a describe that agreed. */
async function described(store: Store): Promise<Instance> {
  const record = await store.getInstance(here);
  if (!record) throw new Error('no record');
  return { ...record, cloud: { ...record.cloud, seenAt: start + second, epochNamed: true } };
}

describe('a notification', () => {
  it('of an unknown instance makes its record, lists its pair and asks EC2', async () => {
    const { store, verify, record } = stageOf();
    expect(await record(notification('pending', start))).toMatchObject({ what: 'merged' });
    expect(await store.getInstance(here)).toMatchObject({ cloud: { state: 'pending', at: start, epochNamed: false } });
    expect(await store.listPairs()).toMatchObject([{ account: here.account, region: here.region }]);
    expect(verify.messages).toEqual([{ ...here, attempt: 0 }]);
  });

  it('lists the pair of an unknown instance before its record and asks EC2, also where several come together', async () => {
    for (const states of [['pending'], ['pending', 'running']]) {
      const { store, verify, recordAll } = stageOf();
      const unlisted: Store = {
        ...store,
        saveInstance: async (before, after) => {
          expect(await store.listPairs()).toHaveLength(1);
          return store.saveInstance(before, after);
        },
      };
      const batch = states.map((state, nth) => notification(state, start + nth * second));
      expect(await recordAll(batch, start + 3 * second, { store: unlisted })).toMatchObject(
        states.map(() => ({ what: 'merged' })),
      );
      expect(verify.messages).toEqual([{ ...here, attempt: 0 }]);
    }
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

  it('that leaves a doubt asks EC2 after 30 s, if the doubt is still there', async () => {
    const { store, verify, record } = stageOf();
    await record(notification('running', start));
    await store.saveInstance(await store.getInstance(here), await described(store));
    await record(notification('stopped', start + 60 * second), start + 61 * second);
    expect(await store.getInstance(here)).toMatchObject({
      cloud: { state: 'stopped', verify: { reason: 'illegal_step' } },
    });
    expect(verify.sent.at(-1)).toMatchObject({
      message: { ...here, attempt: 0, onlyIfInDoubt: true },
      delaySeconds: 30,
    });
  });

  it('of a spot interruption is a warning, and never a state', async () => {
    const { store, verify, record } = stageOf();
    const warning = notification('', start, {
      'detail-type': 'EC2 Spot Instance Interruption Warning',
      detail: { 'instance-id': here.instanceId, 'instance-action': 'terminate' },
    });
    expect(await record(warning)).toMatchObject({ what: 'merged' });
    expect(await store.getInstance(here)).toMatchObject({ cloud: { state: 'unknown' } });
    expect(verify.messages).toEqual([{ ...here, attempt: 0 }]);
    await record(notification('pending', start));
    expect(await record(warning)).toMatchObject({ what: 'unchanged' });
    expect(await store.getInstance(here)).toMatchObject({
      cloud: { state: 'pending', warnings: [{ kind: 'spot_interruption' }] },
    });
  });
});

describe('an event of AWS Health’s', () => {
  const second2 = 'i-0fedcba9876543210';
  const both = aHealthEvent(
    { affectedEntities: [here.instanceId, second2].map((entityValue) => ({ entityValue })) },
    { resources: [here.instanceId, second2], time: formatTime(start) },
  );

  it('of two unknown instances makes both records and asks EC2 of both', async () => {
    const { store, verify, record } = stageOf();
    expect(await record(both)).toMatchObject({ what: 'merged' });
    for (const instanceId of [here.instanceId, second2]) {
      const cloud = { state: 'unknown', warnings: [{ kind: 'scheduled_retirement' }] };
      expect(await store.getInstance({ ...here, instanceId })).toMatchObject({ cloud });
    }
    expect(verify.messages).toHaveLength(2);
  });

  it('is delivered again if one of its instances could not be written', async () => {
    const { store, record } = stageOf();
    const failing: Store = {
      ...store,
      saveInstance: async (before, after) => {
        if (after.instanceId === second2) throw new Error('throttled');
        return store.saveInstance(before, after);
      },
    };
    expect(await record(both, undefined, { store: failing })).toMatchObject({ what: 'failed' });
    expect(await record(both)).toMatchObject({ what: 'merged' });
    expect(await record(both)).toMatchObject({ what: 'unchanged' });
  });

  it.each([
    ['aws.health', 'aws.ec2', true],
    ['aws.ec2', 'aws.ec2', false],
    ['muster.rehearsal', 'aws.ec2', false],
    ['muster.rehearsal', 'muster.rehearsal', true],
    ['aws.health', 'muster.rehearsal', false],
  ])('from %s where EC2’s source is %s counts: %s', async (source, eventSource, counts) => {
    const { record } = stageOf();
    const outcome = await record({ ...both, source }, undefined, { eventSource });
    expect(outcome).toMatchObject(counts ? { what: 'merged' } : { what: 'ignored', why: 'foreign_source' });
  });

  it('lends its source to no event of EC2’s', async () => {
    const { record } = stageOf();
    const event = notification('running', start, { source: 'aws.health' });
    expect(await record(event)).toMatchObject({ what: 'ignored', why: 'foreign_source' });
  });
});

describe('a batch of notifications', () => {
  const other = { ...here, instanceId: 'i-0fedcba9876543210' };
  const ofOther = (state: string, at: number) =>
    notification(state, at, {
      resources: [`arn:aws:ec2:${other.region}:${other.account}:instance/${other.instanceId}`],
      detail: { 'instance-id': other.instanceId, state },
    });

  it('is one write per instance, in the order of the stamps, whatever the order of arrival', async () => {
    const { store, written, recordAll } = stageOf();
    const life = [
      notification('pending', start),
      notification('running', start + 20 * second),
      notification('stopping', start + 40 * second),
    ];
    const outcomes = await recordAll([life[2], ofOther('pending', start), life[0], life[1]], start + 50 * second);
    expect(outcomes.map((outcome) => outcome?.what)).toEqual(['merged', 'merged', 'merged', 'merged']);
    expect(written).toHaveLength(2);
    expect(await store.getInstance(here)).toMatchObject({
      cloud: { state: 'stopping', verify: null, runningAt: start + 20 * second },
    });
  });

  it('loses no transition that a ledger of eight could not hold at once', async () => {
    const { written, recordAll } = stageOf();
    const states = ['pending', 'running', 'stopping', 'stopped'];
    const life = Array.from({ length: 10 }, (_, n) => notification(states[n % 4] ?? '', start + n * 10 * second));
    await recordAll(life.toReversed(), start + 100 * second);
    const told = written.flatMap((change) => (change.kind === 'instance' ? eventsOf(change.before, change.after) : []));
    expect(told.map(({ data }) => data.at)).toEqual(life.map(({ time }) => time));
    expect(written.length).toBeLessThan(life.length / 2);
  });

  it('asks EC2 once of a new instance, and at once even where its history is in doubt', async () => {
    const { verify, recordAll } = stageOf();
    await recordAll(
      [notification('stopped', start + 40 * second), notification('running', start)],
      start + 50 * second,
    );
    expect(verify.sent).toEqual([{ message: { ...here, attempt: 0 }, delaySeconds: 0 }]);
  });

  it('fails for the instance whose record cannot be written, and for no other', async () => {
    const { store, recordAll } = stageOf();
    const failing: Store = {
      ...store,
      saveInstance: async (before, after) => {
        if (after.instanceId === here.instanceId) throw new Error('throttled');
        return store.saveInstance(before, after);
      },
    };
    const batch = [notification('pending', start), ofOther('pending', start), notification('running', start + second)];
    const outcomes = await recordAll(batch, start + 2 * second, { store: failing });
    expect(outcomes.map((outcome) => outcome?.what)).toEqual(['failed', 'merged', 'failed']);
  });

  it('with a warning among the events keeps both', async () => {
    const { store, written, recordAll } = stageOf();
    const warning = notification('', start + 5 * second, {
      'detail-type': 'EC2 Spot Instance Interruption Warning',
      detail: { 'instance-id': here.instanceId, 'instance-action': 'terminate' },
    });
    await recordAll([warning, notification('pending', start)], start + 6 * second);
    expect(written).toHaveLength(1);
    expect(await store.getInstance(here)).toMatchObject({
      cloud: { state: 'pending', warnings: [{ kind: 'spot_interruption' }] },
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
    const outcome = await record(notification('pending', start), start, { store: { ...store, saveInstance: dead } });
    expect(outcome).toMatchObject({ what: 'failed', error: { message: 'process died' } });
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
    const outcome = await record(event, start + 21 * second, { store: contested });
    expect(outcome).toMatchObject({ what: 'failed', error: { code: 'conflict' } });
  });
});
