import { test } from '@fast-check/vitest';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createMemoryHistory } from '#shared/adapters/memory/private.ts';
import type { PublishedEvent } from '#shared/app/events/event-bus.ts';
import {
  type ChangeResult,
  type PublishedChange,
  publishChanges,
  type UnreadableChange,
} from '#shared/app/events/publish-changes.ts';
import { ledgerEntry } from '#shared/domain/cloud/ledger.ts';
import { keyOf } from '#shared/domain/instance/instance.ts';
import { instanceNamed, keyNamed, second, start } from '#test/build/records.ts';

const hash = (text: string) => Buffer.from(text).toString('hex').padStart(32, '0').slice(-32);
const states = ['pending', 'running', 'stopping', 'stopped'] as const;

/** The nth version of an instance: it changes its state with each, and so does its server. */
const version = (id: string, nth: number) =>
  instanceNamed(id, {
    version: nth,
    assignment: { serverId: `srv_${id}` },
    cloud: {
      state: states[(nth - 1) % 4]!,
      at: start + nth * second,
      ledger: [ledgerEntry(states[(nth - 1) % 4]!, start + nth * second, `${id} ${nth}`)],
    },
  });

const changesOf = (order: readonly number[]): PublishedChange[] => {
  const versions = new Map<number, number>();
  return order.map((record) => {
    const nth = (versions.get(record) ?? 0) + 1;
    versions.set(record, nth);
    const id = `i-${record}`;
    const before = nth === 1 ? undefined : version(id, nth - 1);
    return { kind: 'instance', before, after: version(id, nth), changedAt: start + nth * second };
  });
};

/** A bus that refuses entries as drawn, and keeps in which order it took the others, by instance. */
function busThat(refuses: () => 'takes' | 'refuses' | 'fails') {
  const taken = new Map<string, number[]>();
  const requests: PublishedEvent[][] = [];
  const send = async (events: readonly PublishedEvent[]) => {
    requests.push([...events]);
    return events.map(({ detail }) => {
      const what = refuses();
      if (what !== 'takes') return { error: new Error(what), passes: what === 'refuses' };
      const id = String(detail.data.instanceId);
      taken.set(id, [
        ...(taken.get(id) ?? []),
        Number(detail.data.sequence) + (detail.data.previousState !== undefined ? 0.5 : 0),
      ]);
      return undefined;
    });
  };
  return { bus: { send }, taken, requests };
}

const portsWith = (bus: ReturnType<typeof busThat>['bus']) => {
  const paused: number[] = [];
  const history = createMemoryHistory();
  const pause = async (ms: number) => void paused.push(ms);
  return { ports: { bus, history, hash, stage: 'test', pause }, paused, history };
};

/** As Lambda does: from the first record that failed on, until none fails. */
async function deliver(changes: readonly PublishedChange[], ports: Parameters<typeof publishChanges>[1]) {
  let rest = changes;
  for (let attempt = 0; attempt < 500; attempt++) {
    const first = (await publishChanges(rest, ports)).findIndex((result) => 'error' in result);
    if (first < 0) return;
    rest = rest.slice(first);
  }
  throw new Error('the stream does not get through');
}

const places = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 30 });
const weather = fc.infiniteStream(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant('takes' as const) },
    { weight: 2, arbitrary: fc.constant('refuses' as const) },
    { weight: 1, arbitrary: fc.constant('fails' as const) },
  ),
);

/** How often each was taken apart: the first time that the bus took an event. */
const firstTimes = (sequences: readonly number[]) => [...new Set(sequences)];

test.prop([places, weather])(
  'whatever a bus refuses in part: no event is lost, and none of a record is first told before an earlier one',
  async (order, stream) => {
    const { bus, taken } = busThat(() => stream.next().value);
    const { ports, history } = portsWith(bus);
    const changes = changesOf(order);
    await deliver(changes, ports);
    for (const id of new Set(order)) {
      const own = changes.filter(({ after }) => 'instanceId' in after && after.instanceId === `i-${id}`);
      const told = firstTimes(taken.get(`i-${id}`) ?? []);
      expect(told).toEqual([...told].sort((a, b) => a - b));
      expect(told).toHaveLength(2 * own.length);
      const { items } = await history.list(keyOf(keyNamed(`i-${id}`)), { size: 1000, after: null });
      expect(items).toHaveLength(2 * own.length);
    }
  },
);

test.prop([places, weather, weather])(
  'whatever a history refuses in part: what the stream is not given again is kept',
  async (order, ofBus, ofHistory) => {
    const { bus } = busThat(() => ofBus.next().value);
    const { ports, history } = portsWith(bus);
    const put = async (entries: Parameters<typeof history.put>[0]) => {
      const refused = entries.map(() => (ofHistory.next().value === 'takes' ? undefined : new Error('not taken')));
      await history.put(entries.filter((_, nth) => !refused[nth]));
      return refused;
    };
    await deliver(changesOf(order), { ...ports, history: { ...history, put } });
    for (const id of new Set(order)) {
      const { items } = await history.list(`srv_i-${id}`, { size: 1000, after: null });
      expect(items).toHaveLength(2 * order.filter((one) => one === id).length);
    }
  },
);

it('has at most one event of a record on its way, and sends the records side by side', async () => {
  const { bus, requests } = busThat(() => 'takes');
  await publishChanges(changesOf([1, 2, 3, 1, 2, 1]), portsWith(bus).ports);
  const idsOf = (events: readonly PublishedEvent[]) => events.map(({ detail }) => detail.data.instanceId);
  expect(requests.map(idsOf)).toEqual([
    ...[
      ['i-1', 'i-2', 'i-3'],
      ['i-1', 'i-2', 'i-3'],
      ['i-1', 'i-2'],
      ['i-1', 'i-2'],
    ],
    ...[['i-1'], ['i-1']],
  ]);
});

it('sends only what was refused again, after longer and longer pauses, and gives up in the end', async () => {
  const { bus, requests } = busThat(() => (requests.length === 1 ? 'takes' : 'refuses'));
  const { ports, paused } = portsWith(bus);
  const [first] = changesOf([1]) as [PublishedChange];
  const results = await publishChanges([first], ports);
  expect(results).toEqual([{ error: new Error('refuses') }]);
  expect(requests).toHaveLength(1 + 4);
  expect(new Set(requests.slice(1).map(([event]) => event?.detail.meta.id)).size).toBe(1);
  expect(paused).toEqual([50, 200, 800]);
});

it('counts the refusals of each event by itself: a bus that refuses every event once is told them all', async () => {
  let turn = 0;
  const { bus, taken } = busThat(() => (turn++ % 2 === 0 ? 'refuses' : 'takes'));
  const { ports, paused } = portsWith(bus);
  const changes = changesOf([1, 1, 1, 1]);
  expect(await publishChanges(changes, ports)).toEqual(changes.map(() => ({ events: 2 })));
  expect(taken.get('i-1')).toHaveLength(8);
  expect(new Set(paused)).toEqual(new Set([50]));
});

it('is not held up by another record, nor by a change that cannot be read; a later change of that record waits', async () => {
  const { bus, taken } = busThat(() => 'takes');
  const { ports } = portsWith(bus);
  const [one, two, three] = changesOf([1, 2, 1]) as [PublishedChange, PublishedChange, PublishedChange];
  const unreadable: UnreadableChange = { record: keyOf(keyNamed('i-1')), error: new Error('unreadable') };
  const failed: ChangeResult = { error: unreadable.error };
  expect(await publishChanges([one, unreadable, three, two], ports)).toEqual([
    { events: 2 },
    failed,
    failed,
    { events: 2 },
  ]);
  expect([...taken.keys()]).toEqual(['i-1', 'i-2']);
  expect(taken.get('i-1')).toHaveLength(2);
});
