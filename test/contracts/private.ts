import { describe, expect, test } from 'vitest';
import type { HistoryEntry, HistoryStore, UserDataStore } from '#shared/app/ports.ts';
import { Problem } from '#shared/domain/problems.ts';
import { formatTime } from '#shared/domain/time.ts';
import { second, start } from '#test/build/records.ts';

interface PrivateStores {
  userData: UserDataStore;
  history: HistoryStore;
}

const entry = (n: number, fields: Partial<HistoryEntry> = {}): HistoryEntry => ({
  record: 'srv_1',
  eventId: `evt_${n}`,
  detailType: 'Instance State Changed',
  detail: { meta: { id: `evt_${n}` }, data: { at: formatTime(start + n * second), state: 'running', serverId: null } },
  writtenAt: start + 60 * second,
  ...fields,
});
const untimed = { data: { state: 'running' } };

/** What every UserDataStore and HistoryStore do. */
export function privateContract(name: string, make: () => Promise<PrivateStores>): void {
  describe(`the private stores in ${name}`, () => {
    test('user data is there until it is deleted, which can be said twice', async () => {
      const { userData } = await make();
      expect(await userData.get('lch_1')).toBeUndefined();
      await userData.put('lch_1', '#cloud-config\n');
      expect(await userData.get('lch_1')).toBe('#cloud-config\n');
      await userData.delete('lch_1');
      await userData.delete('lch_1');
      expect(await userData.get('lch_1')).toBeUndefined();
    });

    test('history is listed by the events’ own times, the newest last', async () => {
      const { history } = await make();
      await history.put([entry(3), entry(1), entry(2)]);
      await history.put([entry(4, { record: 'srv_2' })]);
      expect(await history.list('srv_1', { size: 10, after: null })).toEqual({
        items: [entry(1), entry(2), entry(3)],
        next: null,
      });
    });

    test('an entry that is written again stays as it was first written', async () => {
      const { history } = await make();
      await history.put([entry(1)]);
      await history.put([entry(1, { writtenAt: start + 999 * second })]);
      expect((await history.list('srv_1', { size: 10, after: null })).items).toEqual([entry(1)]);
    });

    test('an event without a time of its own has that of its first writing, however often it is written', async () => {
      const { history } = await make();
      const first = entry(1, { detail: untimed, writtenAt: start + 2.5 * second });
      await history.put([first]);
      await Promise.all([1, 2, 3].map((n) => history.put([{ ...first, writtenAt: start + 100 * n * second }])));
      await history.put([entry(2), entry(3)]);
      expect((await history.list('srv_1', { size: 10, after: null })).items).toEqual([entry(2), first, entry(3)]);
    });

    test('history comes in pages', async () => {
      const { history } = await make();
      await history.put([1, 2, 3, 4].map((n) => entry(n)));
      const first = await history.list('srv_1', { size: 3, after: null });
      expect(first.items).toEqual([entry(1), entry(2), entry(3)]);
      expect(await history.list('srv_1', { size: 3, after: first.next })).toEqual({ items: [entry(4)], next: null });
    });

    test('a forged page token is refused', async () => {
      const { history } = await make();
      const refusal = await history.list('srv_1', { size: 3, after: 'x' }).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(Problem);
      expect(refusal).toMatchObject({ code: 'malformed_request', facts: { field: 'pageToken' } });
    });
  });
}
