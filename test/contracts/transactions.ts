import { describe, expect, test } from 'vitest';
import type { Store } from '#shared/app/ports.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import {
  bindingNamed,
  enrollmentKeyNamed,
  instanceNamed,
  keyNamed,
  launchNamed,
  type MakeStore,
  serverNamed,
  start,
} from '#test/build/records.ts';

const one = <K extends RecordChange['kind']>(
  kind: K,
  after: Extract<RecordChange, { kind: K }>['after'],
): RecordChange => ({ kind, before: undefined, after }) as RecordChange;

const readAll = async (store: Store) => ({
  instance: await store.getInstance(keyNamed('i-1')),
  server: await store.get('server', 'srv_1'),
  launch: await store.get('launch', 'lch_1'),
  key: await store.get('key', 'key_1'),
  binding: await store.get('binding', 'agent-1'),
});

const records = {
  instance: instanceNamed('i-1', { version: 1 }),
  server: serverNamed('srv_1', { version: 1 }),
  launch: launchNamed('lch_1', { version: 1 }),
  key: enrollmentKeyNamed('key_1', { version: 1 }),
  binding: bindingNamed('agent-1', { version: 1 }),
};
const making: RecordChange[] = [
  one('instance', records.instance),
  one('server', records.server),
  one('launch', records.launch),
  one('key', records.key),
  one('binding', records.binding),
];
const nothing = { instance: undefined, server: undefined, launch: undefined, key: undefined, binding: undefined };

export function transactionContract(makeStore: MakeStore): void {
  describe('transactions', () => {
    test('records of every kind are made together and come back as they were given', async () => {
      const store = await makeStore();
      expect(await store.commit(making)).toBe(true);
      expect(await readAll(store)).toEqual(records);
    });

    test('no changes are done at once', async () => {
      const store = await makeStore();
      expect(await store.commit([])).toBe(true);
    });

    test.each(making.map((change) => [change.kind, change] as const))(
      'where only the %s stands in the way, nothing is written',
      async (kind, change) => {
        const store = await makeStore();
        expect(await store.commit([change])).toBe(true);
        expect(await store.commit(making)).toBe(false);
        expect(await readAll(store)).toEqual({ ...nothing, [kind]: { ...change.after, version: 1 } });
      },
    );

    test('where one record has moved on, nothing is written', async () => {
      const store = await makeStore();
      await store.commit(making);
      const { server, instance } = records;
      await store.saveInstance(instance, { ...instance, assignment: { ...instance.assignment, surplusSince: start } });
      const attach: RecordChange[] = [
        { kind: 'server', before: server, after: { ...server, instance: keyNamed('i-1') } },
        {
          kind: 'instance',
          before: instance,
          after: { ...instance, assignment: { ...instance.assignment, serverId: 'srv_1' } },
        },
      ];
      expect(await store.commit(attach)).toBe(false);
      expect(await store.get('server', 'srv_1')).toEqual(server);
      expect(await store.getInstance(keyNamed('i-1'))).toEqual({
        ...instance,
        version: 2,
        assignment: { ...instance.assignment, surplusSince: start },
      });
    });

    test('one key takes another’s place with the record, or nothing happens', async () => {
      const store = await makeStore();
      await store.commit(making);
      const { instance, binding } = records;
      const ended = { reason: 'rotated', at: start, successor: 'agent-2' } as const;
      const denied = { ...binding, status: 'denied', ended } as const;
      const rotation: RecordChange[] = [
        {
          kind: 'instance',
          before: instance,
          after: { ...instance, management: { ...instance.management, reason: 'launched' } },
        },
        one('binding', bindingNamed('agent-2')),
        { kind: 'binding', before: binding, after: denied },
      ];
      expect(await store.commit(rotation)).toBe(true);
      expect(await store.get('binding', 'agent-1')).toEqual({ ...denied, version: 2 });
      expect(await store.get('binding', 'agent-2')).toEqual(bindingNamed('agent-2', { version: 1 }));
      expect(await store.commit(rotation)).toBe(false);
    });

    test('a change alone is conditional too', async () => {
      const store = await makeStore();
      const { server } = records;
      expect(await store.commit([one('server', server)])).toBe(true);
      expect(await store.commit([one('server', { ...server, name: 'other' })])).toBe(false);
      expect(await store.commit([{ kind: 'server', before: server, after: { ...server, name: 'new' } }])).toBe(true);
      expect(await store.get('server', 'srv_1')).toEqual({ ...server, name: 'new', version: 2 });
    });

    test('a transaction that names a record twice is a mistake of Muster’s own', async () => {
      const store = await makeStore();
      await expect(store.commit([one('server', records.server), one('server', records.server)])).rejects.toThrow();
      expect(await store.get('server', 'srv_1')).toBeUndefined();
    });

    test('of twenty transactions at once at most one gets through, and none by half', async () => {
      const store = await makeStore();
      await store.commit([one('server', records.server), one('instance', records.instance)]);
      for (let round = 1; round <= 3; round++) {
        const server = (await store.get('server', 'srv_1'))!;
        const instance = (await store.getInstance(keyNamed('i-1')))!;
        const attempts = Array.from({ length: 20 }, (_, n) =>
          store.commit([
            { kind: 'server', before: server, after: { ...server, name: `${round} ${n}` } },
            {
              kind: 'instance',
              before: instance,
              after: { ...instance, assignment: { ...instance.assignment, serverId: `${round} ${n}` } },
            },
          ]),
        );
        const won = (await Promise.all(attempts)).flatMap((done, n) => (done ? [`${round} ${n}`] : []));
        const now = { server: await store.get('server', 'srv_1'), instance: await store.getInstance(keyNamed('i-1')) };
        // Two that meet may both be cancelled; whoever lost comes again.
        if (won.length === 0) {
          expect(now).toEqual({ server, instance });
          continue;
        }
        expect(won).toEqual([now.server?.name]);
        expect(now.instance).toEqual({
          ...instance,
          version: instance.version + 1,
          assignment: { ...instance.assignment, serverId: won[0] },
        });
      }
    });
  });
}
