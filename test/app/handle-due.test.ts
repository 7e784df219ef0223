import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { revokeKey } from '#shared/app/enrollment/keys.ts';
import { handleDue, type LaunchMessage } from '#shared/app/handle-due.ts';
import type { DueRecord, Store } from '#shared/app/ports.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import type { EnrollmentKey } from '#shared/domain/enrollment/enrollment-key.ts';
import { keyEventsOf } from '#shared/domain/events/events.ts';
import { type Instance, keyOf } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import type { InstanceParts } from '#test/build/an-instance.ts';
import { enrollmentKeyNamed, instanceNamed, launchNamed, second, start } from '#test/build/records.ts';
import { killable, Life } from '#test/simulation/region/killable.ts';
import { KeepingOutbox } from '../fakes/outbox.ts';

const deadline = start + defaultTiming.enrollmentDeadlineSeconds * second;
const putOff = defaultTiming.putOffSeconds * second;
const waiting = (nth: number, fields: InstanceParts = {}) =>
  instanceNamed(
    `i-${nth}`,
    { cloud: { state: 'running', at: start, runningAt: start, epoch: start, epochNamed: true } },
    fields,
  );

async function setupWith(records: readonly Instance[]) {
  const written: RecordChange[] = [];
  const store = createMemoryStore({ timing: defaultTiming, onChange: (change) => written.push(change) });
  for (const record of records) await store.saveInstance(undefined, record);
  written.length = 0;
  const launch = new KeepingOutbox<LaunchMessage>();
  const failures: DueRecord[] = [];
  const tick = (now: number, other: Store = store) => {
    const failed = (record: DueRecord) => void failures.push(record);
    return handleDue(now, { store: other, launch, failed, timing: defaultTiming });
  };
  return { store, written, launch, failures, tick };
}

describe('a tick that dies', () => {
  const moments = [1, 2, 3, 4].flatMap((call) => (['before', 'after'] as const).map((side) => ({ call, side })));

  it.each(moments)('$side call $call forgets no launch that waits: it is asked for, or due still', async (moment) => {
    const { store, launch } = await setupWith([]);
    const waits = launchNamed('lch_1', { requestedAt: start });
    await store.commit([{ kind: 'launch', before: undefined, after: waits }]);
    const now = start + defaultTiming.launchNudgeSeconds * second;
    const life = new Life({ dies: (call, side) => call === moment.call && side === moment.side });
    const ports = { store: killable(store, life), launch: killable(launch, life) };
    await handleDue(now, { ...ports, failed: () => {}, timing: defaultTiming }).catch(() => {});
    const stillDue = (await store.listDue(now, 10)).some(({ id }) => id === 'lch_1');
    expect(stillDue || launch.messages.length > 0).toBe(true);
  });
});

describe('a tick', () => {
  it('makes an instance discovered-only at its deadline, not before, and once', async () => {
    const { store, written, tick } = await setupWith([waiting(1)]);
    expect(await tick(deadline - 1)).toEqual({ due: 0, failed: 0 });
    expect(await tick(deadline)).toEqual({ due: 1, failed: 0 });
    expect(await tick(deadline + putOff)).toEqual({ due: 0, failed: 0 });
    expect(written).toHaveLength(1);
    expect(await store.getInstance(waiting(1))).toMatchObject({
      cloud: { state: 'running' },
      management: { status: 'discovered-only', reason: 'deadline_passed', since: deadline },
    });
  });

  it('leaves an instance alone that enrolled or stopped in time', async () => {
    const ended = waiting(2, { cloud: { state: 'stopped', stoppedAt: start } });
    const { written, tick } = await setupWith([waiting(1, { management: { status: 'enrolled' } }), ended]);
    expect(await tick(deadline)).toEqual({ due: 0, failed: 0 });
    expect(written).toEqual([]);
  });

  it('handles any number of them', async () => {
    const { tick, written } = await setupWith(Array.from({ length: 45 }, (_, nth) => waiting(nth)));
    expect(await tick(deadline)).toEqual({ due: 45, failed: 0 });
    expect(written).toHaveLength(45);
  });

  it('reads the record itself: an index entry that came early moves to the deadline that stands', async () => {
    const { store, written, tick } = await setupWith([waiting(1, { management: { notBefore: start + 60 * second } })]);
    const early: Store = { ...store, listDue: () => store.listDue(deadline + 60 * second, 10) };
    expect(await tick(deadline, early)).toEqual({ due: 1, failed: 0 });
    expect(written).toEqual([]);
    expect(await store.listDue(deadline + 60 * second - 1, 10)).toEqual([]);
    expect(await tick(deadline + 60 * second)).toEqual({ due: 1, failed: 0 });
    expect(written).toHaveLength(1);
  });
});

describe('a record that fails', () => {
  const failingFor = (store: Store, instanceId: string): Store => ({
    ...store,
    commit: async (changes, use) => {
      const isIt = ({ after }: RecordChange) => 'instanceId' in after && after.instanceId === instanceId;
      if (changes.some(isIt)) throw new Error('the item is too large');
      return store.commit(changes, use);
    },
  });

  it('is counted, put off five minutes and holds up no other', async () => {
    const { store, written, failures, tick } = await setupWith(Array.from({ length: 30 }, (_, nth) => waiting(nth)));
    expect(await tick(deadline, failingFor(store, 'i-7'))).toEqual({ due: 30, failed: 1 });
    expect(written).toHaveLength(29);
    expect(failures.map(({ id }) => id)).toEqual([keyOf(waiting(7))]);
    expect(await tick(deadline + putOff - 1)).toEqual({ due: 0, failed: 0 });
    expect(await tick(deadline + putOff)).toEqual({ due: 1, failed: 0 });
    expect(await store.getInstance(waiting(7))).toMatchObject({ management: { status: 'discovered-only' } });
  });

  it('holds up no other even if it cannot be put off', async () => {
    const { store, written, tick } = await setupWith(Array.from({ length: 30 }, (_, nth) => waiting(nth)));
    const noPutOff = { ...failingFor(store, 'i-7'), putOff: async () => Promise.reject(new Error('throttled')) };
    expect(await tick(deadline, noPutOff)).toEqual({ due: 30, failed: 1 });
    expect(written).toHaveLength(29);
  });
});

describe('a launch that waits for EC2’s answer', () => {
  const minute = 60 * second;
  const sendUntil = start + defaultTiming.launchToPendingSeconds * second;

  it('is asked for again every minute until nothing may be sent, once more then, and every five minutes until it has ended', async () => {
    const { store, launch, tick } = await setupWith([]);
    await store.commit([{ kind: 'launch', before: undefined, after: launchNamed('lch_1') }]);
    await tick(start + minute - 1);
    expect(launch.messages).toEqual([]);
    for (let now = start + minute; now <= sendUntil; now += minute) await tick(now);
    expect(launch.messages).toEqual(Array(5).fill({ launchId: 'lch_1' }));
    await tick(sendUntil + 1);
    await tick(sendUntil + putOff);
    expect(launch.messages).toHaveLength(6);
    await tick(sendUntil + 1 + putOff);
    expect(launch.messages).toHaveLength(7);
    const before = await store.get('launch', 'lch_1');
    await store.commit([{ kind: 'launch', before, after: { ...before!, state: 'expired' } }]);
    expect(await tick(sendUntil + 10 * putOff)).toEqual({ due: 0, failed: 0 });
  });

  it('is due in its time though its index entry came early', async () => {
    const { store, launch, tick } = await setupWith([]);
    await store.commit([{ kind: 'launch', before: undefined, after: launchNamed('lch_1') }]);
    const early: Store = { ...store, listDue: () => store.listDue(start + minute, 10) };
    await tick(start + minute - second, early);
    expect(launch.messages).toEqual([]);
    await tick(start + minute);
    expect(launch.messages).toEqual([{ launchId: 'lch_1' }]);
  });
});

describe('an enrollment key that nears its end', () => {
  const day = 86_400 * second;
  const expiresAt = start + 30 * day;
  async function setupWithKey(fields: Partial<EnrollmentKey> = {}) {
    const setup = await setupWith([]);
    const after = enrollmentKeyNamed('key_1', { expiresAt, ...fields });
    await setup.store.commit([{ kind: 'key', before: undefined, after }]);
    setup.written.length = 0;
    return setup;
  }
  const owed = (written: readonly RecordChange[]) =>
    written.flatMap((change) => (change.kind === 'key' ? keyEventsOf(change.before, change.after) : []));

  it('is warned of a week and a day before, once each, and written for nothing else', async () => {
    const { tick, written } = await setupWithKey();
    for (let now = start; now < expiresAt + 2 * day; now += day / 2) await tick(now);
    expect(owed(written).map(({ data }) => data.at)).toEqual(['2026-11-25T10:00:00Z', '2026-12-01T10:00:00Z']);
    expect(written).toHaveLength(2);
  });

  it('is warned of late rather than never', async () => {
    const { tick, written } = await setupWithKey();
    await tick(expiresAt + day);
    await tick(expiresAt + 2 * day);
    expect(owed(written)).toMatchObject([{ detailType: 'Enrollment Key Expiring', data: { keyId: 'key_1' } }]);
  });

  it('is nobody’s concern once it was revoked', async () => {
    const { store, tick, written } = await setupWithKey();
    await revokeKey('key_1', start, { store });
    written.length = 0;
    expect(await tick(expiresAt)).toEqual({ due: 0, failed: 0 });
    expect(written).toEqual([]);
  });

  it('is due in its time though its index entry came early', async () => {
    const { store, tick, written } = await setupWithKey();
    const early: Store = { ...store, listDue: () => store.listDue(expiresAt, 10) };
    await tick(start + day, early);
    expect(written).toEqual([]);
    expect(await store.listDue(expiresAt, 10)).toMatchObject([{ id: 'key_1', due: expiresAt - 7 * day }]);
  });

  it('is warned of at the next tick where somebody else changes it in between', async () => {
    const { store, tick, written } = await setupWithKey();
    const contested: Store = { ...store, commit: async () => false };
    const at = expiresAt - 7 * day;
    expect(await tick(at, contested)).toEqual({ due: 1, failed: 0 });
    expect(written).toEqual([]);
    await tick(at + 60 * second);
    expect(owed(written)).toHaveLength(1);
  });
});
