import { describe, expect, test } from 'vitest';
import type { Store } from '#shared/app/ports.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { bindingNamed, enrollmentKeyNamed, type MakeStore, second, start } from '#test/build/records.ts';

const key = enrollmentKeyNamed('key_1', { usesLeft: null });
/** Enough of them for every mark of a revoked key. */
const agents = Array.from({ length: 100 }, (_, n) => `agent-${n}`);

async function withKey(makeStore: MakeStore): Promise<Store> {
  const store = await makeStore();
  await store.commit([{ kind: 'key', before: undefined, after: key }]);
  return store;
}

/** As a binding comes about: two that meet on one mark may both be cancelled, and come again. */
async function bind(store: Store, agentId: string, keyId = 'key_1', attempts = 20): Promise<boolean> {
  const after = bindingNamed(agentId);
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await store.commit([{ kind: 'binding', before: undefined, after }], { keyId, agentId })) return true;
  }
  return false;
}

const boundIn = async (store: Store) => {
  const found = await Promise.all(agents.map((id) => store.get('binding', id)));
  return found.filter((binding) => binding !== undefined).length;
};

export function keyContract(makeStore: MakeStore): void {
  describe('the last use of an enrollment key', () => {
    const by = 'i-1';

    test('is noted, and the key’s version stays', async () => {
      const store = await withKey(makeStore);
      await store.noteKeyUse('key_1', { at: start, by });
      expect(await store.get('key', 'key_1')).toEqual({ ...key, version: 1, lastUsedAt: start, lastUsedBy: by });
      expect((await store.list('key', { size: 9, after: null })).items).toEqual([await store.get('key', 'key_1')]);
    });

    test('is noted once a minute, and by whoever comes first', async () => {
      const store = await withKey(makeStore);
      const minute = defaultTiming.keyUseNoteSeconds * second;
      for (const [after, who] of [
        [0, 'i-1'],
        [minute, 'i-2'],
        [minute + 1, 'i-3'],
        [minute - 1, 'i-4'],
      ] as const)
        await store.noteKeyUse('key_1', { at: start + after, by: who });
      expect(await store.get('key', 'key_1')).toMatchObject({ lastUsedAt: start + minute + 1, lastUsedBy: 'i-3' });
    });

    test('stands in nobody’s way: what was decided before is written all the same', async () => {
      const store = await withKey(makeStore);
      const before = (await store.get('key', 'key_1'))!;
      await store.noteKeyUse('key_1', { at: start, by });
      const after = { ...before, revokedAt: start };
      expect(await store.commit([{ kind: 'key', before, after }])).toBe(true);
      expect(await store.get('key', 'key_1')).toMatchObject({ revokedAt: start, version: 2 });
    });

    test('of a counted key is written with the count', async () => {
      const store = await withKey(makeStore);
      const before = (await store.get('key', 'key_1'))!;
      const used = { usesLeft: 4, lastUsedAt: start, lastUsedBy: by };
      await store.commit([{ kind: 'key', before, after: { ...before, ...used } }]);
      expect(await store.get('key', 'key_1')).toMatchObject(used);
    });

    test('of a key that is not there makes none', async () => {
      const store = await makeStore();
      await store.noteKeyUse('key_1', { at: start, by });
      expect(await store.get('key', 'key_1')).toBeUndefined();
    });
  });

  describe('a commit that uses an enrollment key', () => {
    test('goes through until the key is marked as revoked, and then never, whoever the agent is', async () => {
      const store = await withKey(makeStore);
      expect(await bind(store, 'agent-before')).toBe(true);
      await store.markRevoked('key_1');
      await store.markRevoked('key_1');
      for (const agentId of agents) expect(await bind(store, agentId, 'key_1', 1)).toBe(false);
      expect(await boundIn(store)).toBe(0);
      expect(await store.get('binding', 'agent-before')).toMatchObject({ status: 'bound' });
    });

    test('is no other key’s affair', async () => {
      const store = await withKey(makeStore);
      await store.markRevoked('key_2');
      expect(await bind(store, 'agent-1')).toBe(true);
      expect(await bind(store, 'agent-2', 'key_2')).toBe(false);
    });

    test('still is decided on its records', async () => {
      const store = await withKey(makeStore);
      expect(await bind(store, 'agent-1')).toBe(true);
      expect(await bind(store, 'agent-1')).toBe(false);
    });

    test('goes through beside any number of others', async () => {
      const store = await withKey(makeStore);
      const all = await Promise.all(agents.slice(0, 40).map((agentId) => bind(store, agentId)));
      expect(all.every(Boolean)).toBe(true);
    });

    test('is over, one way or the other, when the marking has returned', async () => {
      const store = await withKey(makeStore);
      const underWay = agents.map((agentId) => bind(store, agentId, 'key_1', 3));
      await store.markRevoked('key_1');
      const bound = await boundIn(store);
      await Promise.all(underWay);
      expect(await boundIn(store)).toBe(bound);
    });
  });
}
