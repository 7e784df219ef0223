import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemoryHistory } from '#shared/adapters/memory/private.ts';
import type { PublishedEvent } from '#shared/app/events/event-bus.ts';
import { type PublishedChange, publishChanges } from '#shared/app/events/publish-changes.ts';
import { ledgerEntry } from '#shared/domain/cloud/ledger.ts';
import { eventsOf } from '#shared/domain/events/events.ts';
import { enrollmentKeyNamed, instanceNamed, keyNamed, second, start } from '#test/build/records.ts';
import { anyInstance } from '#test/contracts/arbitraries.ts';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const record = '111122223333/us-east-1/i-1';
const page = { size: 100, after: null };

function stageOf() {
  const published: PublishedEvent[] = [];
  const history = createMemoryHistory();
  const bus = {
    send: async (events: readonly PublishedEvent[]) => {
      published.push(...events);
      return events.map(() => undefined);
    },
  };
  const publish = (changes: readonly PublishedChange[], other = {}) =>
    publishChanges(changes, { bus, history, hash, stage: 'test', pause: async () => {}, ...other });
  return { published, history, publish };
}

const started: PublishedChange & { kind: 'instance' } = {
  kind: 'instance',
  before: undefined,
  after: instanceNamed('i-1', {
    version: 1,
    cloud: { state: 'pending', at: start, ledger: [ledgerEntry('pending', start, 'one')] },
  }),
  changedAt: start + second,
};
const agent = { id: 'agent', version: '0.1.0', bootId: 'b0', enrolledAt: start, state: null, stateAt: null };
const enrolled: PublishedChange = {
  kind: 'instance',
  before: started.after,
  after: {
    ...started.after,
    agent,
    version: 2,
    management: { ...started.after.management, status: 'enrolled', since: start + 9 * second },
    assignment: { ...started.after.assignment, serverId: 'srv_1' },
  },
  changedAt: start + 10 * second,
};

describe('a change of a record', () => {
  it('is told as events with their own ids, the time of the change and the stage', async () => {
    const { published, publish } = stageOf();
    expect(await publish([started])).toEqual([{ events: 1 }]);
    const state = { state: 'pending', at: '2026-11-02T10:00:00Z', inferred: false, sequence: 10 };
    const data = { ...keyNamed('i-1'), serverId: null, ...state };
    const meta = {
      id: expect.stringMatching(/^evt_[0-9a-f]{32}$/),
      version: 1,
      time: '2026-11-02T10:00:01Z',
      stage: 'test',
    };
    expect(published).toEqual([{ detailType: 'Instance State Changed', detail: { meta, data } }]);
  });

  it('that owes nothing to the world is told to nobody', async () => {
    const { published, publish } = stageOf();
    const attempt = { at: start, code: 'grant_missing', reference: 'ref_1' };
    expect(
      await publish([
        {
          ...started,
          before: started.after,
          after: { ...started.after, identity: { ...started.after.identity, refusedAttempt: attempt } },
        },
      ]),
    ).toEqual([{ events: 0 }]);
    expect(published).toEqual([]);
  });

  it('is kept in the history of the instance, and of the server that it is', async () => {
    const { history, publish } = stageOf();
    await publish([started, enrolled]);
    const types = async (of: string) => (await history.list(of, page)).items.map(({ detailType }) => detailType);
    expect(await types(record)).toEqual(expect.arrayContaining(['Instance State Changed', 'Instance Enrolled']));
    expect(await types('srv_1')).toEqual(expect.arrayContaining(['Instance Enrolled', 'Server State Changed']));
    expect(await types('srv_1')).not.toContain('Instance State Changed');
  });
});

describe('a warning on an enrollment key', () => {
  const before = enrollmentKeyNamed('key_1', { lastUsedAt: start, lastUsedBy: 'i-1' });
  const after = { ...before, warnedAt: start + second, version: 2 };
  const warned: PublishedChange = { kind: 'key', before, after, changedAt: start + 2 * second };

  it('is told with what is needed to decide, and kept as the key’s history', async () => {
    const { published, history, publish } = stageOf();
    expect(await publish([warned])).toEqual([{ events: 1 }]);
    expect(published).toMatchObject([
      {
        detailType: 'Enrollment Key Expiring',
        detail: {
          data: {
            ...{ keyId: 'key_1', expiresAt: '2026-11-02T11:00:00Z', createdBy: 'arn:aws:iam::111122223333:user/ann' },
            ...{ lastUsedAt: '2026-11-02T10:00:00Z', lastUsedBy: 'i-1', at: '2026-11-02T10:00:01Z' },
          },
        },
      },
    ]);
    expect((await history.list('key_1', page)).items).toHaveLength(1);
    await publish([warned]);
    expect(published[1]).toEqual(published[0]);
  });

  it('is told once: no other change of the key owes anything', async () => {
    const { published, publish } = stageOf();
    const revoked = { ...after, revokedAt: start, version: 3 };
    await publish([
      { ...warned, before: undefined, after: before },
      { ...warned, before: after, after: revoked },
    ]);
    expect(published).toEqual([]);
  });
});

describe('a change that is delivered again', () => {
  it('has the same ids, and the history keeps it once', async () => {
    const { published, history, publish } = stageOf();
    await publish([started, enrolled]);
    const first = published.splice(0);
    const kept = await history.list(record, page);
    await publish([started, enrolled]);
    expect(published).toEqual(first);
    expect(await history.list(record, page)).toEqual(kept);
  });

  it('has the same ids, whatever it was', async () => {
    await fc.assert(
      fc.asyncProperty(anyInstance('i-1'), anyInstance('i-1'), async (before, after) => {
        const { published, publish } = stageOf();
        await publish([{ kind: 'instance', before, after, changedAt: start }]);
        const count = published.length;
        await publish([{ kind: 'instance', before, after, changedAt: start }]);
        const ids = published.map(({ detail }) => detail.meta.id);
        expect(ids.slice(count)).toEqual(ids.slice(0, count));
        const owed = eventsOf(before, after).map(({ detailType, entry }) => `${detailType} ${entry}`);
        expect(new Set(ids).size).toBe(new Set(owed).size);
      }),
    );
  });
});

describe('a bus or a history that fails', () => {
  const refusing = { send: async (events: readonly PublishedEvent[]) => events.map(() => refused) };
  const error = new Error('the bus refused an event');
  const refused = { error, passes: false };

  it('fails the change, so that the stream gives it again; nothing is kept that was not told', async () => {
    const { history, publish } = stageOf();
    expect(await publish([started], { bus: refusing })).toEqual([{ error }]);
    expect((await history.list(record, page)).items).toEqual([]);
  });

  it('fails the change though it was told: at the next time the ids are the same', async () => {
    const { published, history, publish } = stageOf();
    const broken = { ...history, put: async (entries: readonly unknown[]) => entries.map(() => error) };
    expect(await publish([started], { history: broken })).toEqual([{ error }]);
    await publish([started]);
    expect(published).toHaveLength(2);
    expect(published[1]).toEqual(published[0]);
    expect((await history.list(record, page)).items).toHaveLength(1);
  });
});

describe('the history of an instance that had a server', () => {
  it('leads to it when the instance ends or leaves the server: the record will not', async () => {
    const put: unknown[] = [];
    const { history, publish } = stageOf();
    const keeping = {
      ...history,
      put: async (entries: Parameters<typeof history.put>[0]) => {
        put.push(...entries.filter(({ kind }) => kind === 'link'));
        return entries.map(() => undefined);
      },
    };
    const ended = { ...enrolled.after, cloud: { ...started.after.cloud, state: 'terminated' } } as typeof started.after;
    const left = {
      ...enrolled.after,
      assignment: { ...started.after.assignment, surplusSince: start },
    } as typeof ended;
    const changedAt = start + 20 * second;
    const between = (before: typeof ended, after: typeof ended): PublishedChange => ({
      ...{ kind: 'instance', before, after, changedAt },
    });
    const before = enrolled.after as typeof ended;
    await publish([started, enrolled], { history: keeping });
    expect(put).toEqual([]);
    const link = { kind: 'link', record, serverId: 'srv_1', changedAt };
    await publish([between(before, ended)], { history: keeping });
    await publish([between(before, left)], { history: keeping });
    await publish([between(ended, ended), between(left, left)], { history: keeping });
    expect(put).toEqual([link, link]);
  });
});
