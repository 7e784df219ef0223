import { describe, expect, test } from 'vitest';
import type { PublishedEvent } from '#shared/app/events/event-bus.ts';
import type { HistoryLink, HistoryStore, Page, ToldEntry, UserDataStore } from '#shared/app/ports.ts';
import { Problem } from '#shared/domain/problems.ts';
import { formatTime } from '#shared/domain/time.ts';
import { second, start } from '#test/build/records.ts';

interface PrivateStores {
  userData: UserDataStore;
  history: HistoryStore;
}

const instance = '111122223333/us-east-1/i-0123456789abcdef0';
const event = (n: number, type = 'Instance State Changed', members = {}): PublishedEvent => ({
  detailType: type,
  detail: {
    meta: { id: `evt_${type}${n}`, version: 1, time: formatTime(start + 60 * second), stage: 'test' },
    data: { at: formatTime(start + n * second), state: 'running', serverId: 'srv_1', sequence: n, ...members },
  },
});
/** What the nth version told of the nth second: of the instance, and of its server. */
const entry = (n: number, fields: Partial<ToldEntry> = {}): ToldEntry => ({
  ...{ kind: 'told', record: instance, serverId: 'srv_1', version: n },
  ...{ at: start + n * second, changedAt: start + 60 * second },
  events: [event(n), event(n, 'Server State Changed', { state: 'booting' })],
  ...fields,
});
const eventsIn = (...entries: ToldEntry[]) => entries.flatMap(({ events }) => events);
const link: HistoryLink = { kind: 'link', record: instance, serverId: 'srv_1', changedAt: start };
const all = { size: 100, after: null };

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

    test('history is listed by the events’ own times, the newest last, for the instance and for its server alike', async () => {
      const { history } = await make();
      expect(await history.put([entry(3), entry(1), entry(2)])).toEqual([undefined, undefined, undefined]);
      await history.put([entry(4, { serverId: 'srv_2' }), entry(5, { record: `${instance}1` })]);
      const told = (...numbers: number[]) => ({ items: eventsIn(...numbers.map((n) => entry(n))), next: null });
      expect(await history.list('srv_1', all)).toEqual(told(1, 2, 3, 5));
      expect(await history.list('srv_2', all)).toEqual(told(4));
      await history.put([{ ...link, serverId: 'srv_2' }]);
      expect(await history.list(instance, all, 'srv_1')).toEqual(told(1, 2, 3, 4));
    });

    test('the history of an instance holds what came before its server, and after it', async () => {
      const { history } = await make();
      const alone = (n: number) => entry(n, { serverId: null });
      await history.put([alone(1), entry(2), alone(4), link]);
      expect((await history.list(instance, all)).items).toEqual(eventsIn(alone(1), entry(2), alone(4)));
      expect((await history.list('srv_1', all)).items).toEqual(eventsIn(entry(2)));
    });

    test('the history of a record that has no server is its own', async () => {
      const { history } = await make();
      const ofKey = entry(1, { record: 'key_1', serverId: null, events: [event(1, 'Enrollment Key Expiring')] });
      await history.put([ofKey, entry(1)]);
      expect((await history.list('key_1', all)).items).toEqual(ofKey.events);
    });

    test('an entry that is written again, in the same request or later, is there once', async () => {
      const { history } = await make();
      expect(await history.put([entry(1), link, entry(1), link])).toEqual(Array(4).fill(undefined));
      await history.put([entry(1)]);
      expect((await history.list('srv_1', all)).items).toEqual(eventsIn(entry(1)));
    });

    test('two changes of one moment are in the order of their versions', async () => {
      const { history } = await make();
      const [tenth, second] = [10, 2].map((version) => entry(version, { at: start, version }));
      await history.put([tenth!, second!]);
      expect((await history.list('srv_1', all)).items).toEqual(eventsIn(second!, tenth!));
    });

    test('more entries than one request takes are all kept', async () => {
      const { history } = await make();
      const many = Array.from({ length: 60 }, (_, n) => entry(n));
      await history.put(many);
      expect((await history.list('srv_1', { size: 200, after: null })).items).toEqual(eventsIn(...many));
    });

    test('history comes in pages of any size, which may end between two events of one change', async () => {
      const { history } = await make();
      const alone = entry(0, { serverId: null });
      const entries = [1, 2, 3, 4].map((n) => entry(n));
      await history.put([alone, ...entries, link]);
      for (const [record, expected] of [
        ['srv_1', eventsIn(...entries)],
        [instance, eventsIn(alone, ...entries)],
      ] as const) {
        for (const size of [1, 3, 4, 100]) {
          const listed: PublishedEvent[] = [];
          let after: string | null = null;
          do {
            const page: Page<PublishedEvent> = await history.list(record, { size, after });
            expect(page.items.length).toBeLessThanOrEqual(size);
            listed.push(...page.items);
            after = page.next;
          } while (after !== null);
          expect(listed).toEqual(expected);
        }
      }
    });

    test('a forged page token is refused', async () => {
      const { history } = await make();
      const forged = (sk: string) => Buffer.from(JSON.stringify({ sk })).toString('base64url');
      for (const after of ['x', forged('WITH#srv_1'), forged('AT#~~#00')]) {
        const refusal = await history.list('srv_1', { size: 3, after }).catch((error: unknown) => error);
        expect(refusal).toBeInstanceOf(Problem);
        expect(refusal).toMatchObject({ code: 'malformed_request', facts: { field: 'pageToken' } });
      }
      expect((await history.list('srv_1', { size: 3, after: forged('AT#') })).items).toEqual([]);
    });
  });
}
