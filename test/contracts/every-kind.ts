import { describe, expect, test } from 'vitest';
import type { Store } from '#shared/app/ports.ts';
import { definitionOf, type Kind, kinds, type RecordChange, type RecordOf } from '#shared/app/records/registry.ts';
import {
  accountNamed,
  bindingNamed,
  enrollmentKeyNamed,
  instanceNamed,
  launchNamed,
  type MakeStore,
  restoreOf,
  serverNamed,
} from '#test/build/records.ts';

/** A record of each kind. A new kind gets a line here, and every store is held to it. */
const samples: { [K in Kind]: RecordOf<K> } = {
  instance: instanceNamed('i-0123456789abcdef0'),
  server: serverNamed('srv_1'),
  launch: launchNamed('lch_1'),
  key: enrollmentKeyNamed('key_1'),
  binding: bindingNamed('agent-1'),
  account: accountNamed('222233334444'),
  restore: restoreOf(),
};

const changeTo = (kind: Kind, before: unknown, after: unknown) => ({ kind, before, after }) as RecordChange;

/** What holds for every kind of record, by its definition alone. */
export function everyKindContract(makeStore: MakeStore): void {
  describe.each(kinds)('a record of the kind %s', (kind) => {
    const sample = samples[kind];
    const { idOf, place } = definitionOf(kind);
    const id = (idOf as (record: unknown) => string)(sample);
    const read = (store: Store): Promise<unknown> => store.get(kind, id);

    test('has a key that names it and no record of another kind', () => {
      const key = place.keyOf(id);
      expect(kinds.filter((other) => definitionOf(other).place.idOf(key) !== undefined)).toEqual([kind]);
      expect(place.idOf(key)).toBe(id);
    });

    test('is made once, and read as it was written', async () => {
      const store = await makeStore();
      expect(await read(store)).toBeUndefined();
      expect(await store.commit([changeTo(kind, undefined, sample)])).toBe(true);
      expect(await read(store)).toEqual({ ...sample, version: 1 });
      expect(await store.commit([changeTo(kind, undefined, sample)])).toBe(false);
    });

    test('changes only from the version that the change was decided on', async () => {
      const store = await makeStore();
      await store.commit([changeTo(kind, undefined, sample)]);
      expect(await store.commit([changeTo(kind, { ...sample, version: 7 }, sample)])).toBe(false);
      expect(await store.commit([changeTo(kind, { ...sample, version: 1 }, sample)])).toBe(true);
      expect(await read(store)).toEqual({ ...sample, version: 2 });
    });

    test('is listed if its kind can be', async () => {
      const store = await makeStore();
      await store.commit([changeTo(kind, undefined, sample)]);
      const listed = store.list(kind, { size: 10, after: null });
      if (place.list === null) await expect(listed).rejects.toThrow(`records of the kind ${kind} cannot be listed`);
      else expect(await listed).toEqual({ items: [{ ...sample, version: 1 }], next: null });
    });
  });
}
