import { describe, expect, test } from 'vitest';
import type { Store } from '#shared/app/ports.ts';
import { mergeEnrollment } from '#shared/domain/agent/merge-agent.ts';
import { type FirstTry, firstTry } from '#shared/domain/cloud/first-try.ts';
import { type Ec2State, type Instance, keyOf } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { type InstanceParts, withParts } from '#test/build/an-instance.ts';
import {
  enrollmentKeyNamed,
  instanceNamed,
  keyNamed,
  launchNamed,
  type MakeStore,
  second,
  start,
} from '#test/build/records.ts';

const everything = 1000;
const farAhead = start + 365 * 86_400 * second;
const deadline = 900 * second;

const running = (instanceId: string, since: number): Instance =>
  instanceNamed(instanceId, {
    cloud: { state: 'running', at: since, epoch: since, runningAt: since },
    management: { notBefore: since },
  });

const event = (state: Ec2State, at: number): FirstTry =>
  firstTry({ ...keyNamed('i-1'), id: `${state} ${at}`, state, at, receivedAt: at }, defaultTiming)!;

const dueTimes = async (store: Store, now = farAhead) =>
  (await store.listDue(now, everything)).map(({ id, due }) => [nameOf(id), due - start]);

/** Instances are called by their instance id alone. */
const nameOf = (id: string): string => id.split('/').at(-1) ?? id;

async function change(store: Store, fields: InstanceParts): Promise<void> {
  const before = await store.getInstance(keyNamed('i-1'));
  await store.saveInstance(before, withParts(before!, fields));
}

export function dueContract(makeStore: MakeStore): void {
  describe('what is due', () => {
    test('an instance is in the index while it runs and waits for an enrollment, through its whole life', async () => {
      const store = await makeStore();
      const pending = { cloud: { state: 'pending', at: start, epoch: start } } as const;
      await store.saveInstance(undefined, instanceNamed('i-1', pending));
      expect(await dueTimes(store)).toEqual([]);
      await store.tryFirst(event('running', start + 20 * second));
      expect(await dueTimes(store)).toEqual([['i-1', 20 * second + deadline]]);
      await store.tryFirst(event('stopping', start + 60 * second));
      expect(await dueTimes(store)).toEqual([]);
      await store.tryFirst(event('stopped', start + 90 * second));
      await store.tryFirst(event('pending', start + 120 * second));
      expect(await dueTimes(store)).toEqual([]);
      await store.tryFirst(event('running', start + 140 * second));
      expect(await dueTimes(store)).toEqual([['i-1', 140 * second + deadline]]);
    });

    test('an enrolled instance is not, whatever events come', async () => {
      const store = await makeStore();
      await store.saveInstance(undefined, running('i-1', start));
      const agent = { id: 'agent-1', version: '1', bootId: 'b', enrolledAt: start, state: null, stateAt: null };
      const before = (await store.getInstance(keyNamed('i-1')))!;
      const enrolled = mergeEnrollment(before, { agent, serverId: 'srv_1', reason: 'adopted' }, start + second);
      await store.saveInstance(before, enrolled.instance);
      expect(await dueTimes(store)).toEqual([]);
      for (const [n, state] of (['stopping', 'stopped', 'pending', 'running'] as const).entries()) {
        expect(await store.tryFirst(event(state, start + (n + 1) * 60 * second))).toEqual({ saved: true });
        expect(await dueTimes(store)).toEqual([]);
      }
      // Released, the same record waits for nothing either; made to wait again, it is due.
      await change(store, { management: { status: 'discovered-only', reason: 'released' } });
      expect(await dueTimes(store)).toEqual([]);
      await change(store, { management: { status: 'pending', reason: 'awaiting_enrollment' } });
      expect(await dueTimes(store)).toEqual([['i-1', 240 * second + deadline]]);
    });

    test('a launch is in the index until it was answered', async () => {
      const store = await makeStore();
      const launch = launchNamed('lch_1');
      await store.commit([{ kind: 'launch', before: undefined, after: launch }]);
      expect(await store.listDue(farAhead, everything)).toEqual([
        { kind: 'launch', id: 'lch_1', due: start + 60 * second },
      ]);
      const before = { ...launch, version: 1 };
      await store.commit([{ kind: 'launch', before, after: { ...before, state: 'launched' } }]);
      expect(await dueTimes(store)).toEqual([]);
    });

    test('an enrollment key is in the index until it was warned of twice, was revoked or is used up', async () => {
      const store = await makeStore();
      const day = 86_400 * second;
      let key = enrollmentKeyNamed('key_1', { expiresAt: start + 30 * day, usesLeft: 5 });
      const save = async (fields: Partial<typeof key>) => {
        const before = await store.get('key', 'key_1');
        await store.commit([{ kind: 'key', before, after: { ...(before ?? key), ...fields } }]);
        key = (await store.get('key', 'key_1'))!;
      };
      await save({});
      expect(await store.listDue(farAhead, everything)).toEqual([{ kind: 'key', id: 'key_1', due: start + 23 * day }]);
      await save({ warnedAt: start + 23 * day });
      expect(await dueTimes(store)).toEqual([['key_1', 29 * day]]);
      await save({ usesLeft: 0 });
      expect(await dueTimes(store)).toEqual([]);
      await save({ usesLeft: null });
      await save({ revokedAt: start });
      expect(await dueTimes(store)).toEqual([]);
      await save({ revokedAt: null });
      expect(await dueTimes(store)).toEqual([['key_1', 29 * day]]);
      await save({ warnedAt: start + 29 * day });
      expect(await dueTimes(store)).toEqual([]);
    });

    test('only what is due by now is listed, the earliest first, as much as asked for', async () => {
      const store = await makeStore();
      const ids = Array.from({ length: 40 }, (_, n) => `i-${n}`);
      await Promise.all(ids.map((id, n) => store.saveInstance(undefined, running(id, start + n * second))));
      const until = start + deadline + 29 * second;
      const expected = ids.slice(0, 30).map((id, n) => [id, n * second + deadline]);
      expect(await dueTimes(store, until)).toEqual(expected);
      expect((await store.listDue(until, 7)).map(({ id }) => nameOf(id))).toEqual(ids.slice(0, 7));
      expect(await dueTimes(store, start + deadline - 1)).toEqual([]);
    });

    test('an entry can be put off, which leaves the record as it is', async () => {
      const store = await makeStore();
      await store.saveInstance(undefined, running('i-1', start));
      const key = enrollmentKeyNamed('key_1', { expiresAt: start + 86_400 * 2 * second });
      await store.commit([
        { kind: 'launch', before: undefined, after: launchNamed('lch_1') },
        { kind: 'key', before: undefined, after: key },
      ]);
      await store.noteKeyUse('key_1', { at: start, by: 'i-1' });
      for (const entry of await store.listDue(farAhead, everything)) await store.putOff(entry, start + 5000 * second);
      expect(await dueTimes(store, start + 4999 * second)).toEqual([]);
      expect((await dueTimes(store)).sort()).toEqual([
        ['i-1', 5000 * second],
        ['key_1', 5000 * second],
        ['lch_1', 5000 * second],
      ]);
      expect(await store.get('key', 'key_1')).toEqual({ ...key, lastUsedAt: start, lastUsedBy: 'i-1', version: 1 });
      expect(await store.getInstance(keyNamed('i-1'))).toEqual({ ...running('i-1', start), version: 1 });
      expect(await store.get('launch', 'lch_1')).toEqual(launchNamed('lch_1', { version: 1 }));
    });

    test('an entry of a record that is not there, or that was written since, is not put off', async () => {
      const store = await makeStore();
      await store.putOff({ kind: 'instance', id: keyOf(keyNamed('i-1')), due: start }, farAhead);
      await store.putOff({ kind: 'launch', id: 'lch_1', due: start }, farAhead);
      await store.putOff({ kind: 'key', id: 'key_1', due: start }, farAhead);
      expect(await store.get('key', 'key_1')).toBeUndefined();
      expect(await store.getInstance(keyNamed('i-1'))).toBeUndefined();
      expect(await store.get('launch', 'lch_1')).toBeUndefined();
      await store.saveInstance(undefined, running('i-1', start));
      const [entry] = await store.listDue(farAhead, everything);
      await change(store, { management: { notBefore: start + 60 * second } });
      await store.putOff(entry!, start + 5000 * second);
      expect(await dueTimes(store)).toEqual([['i-1', 60 * second + deadline]]);
    });
  });
}
