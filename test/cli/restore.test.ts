import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { putOf, readRecord } from '#shared/adapters/dynamo/items.ts';
import type { Item } from '#shared/adapters/dynamo/table.ts';
import { newInstance } from '#shared/domain/instance/instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { problemAnswer } from '#shared/http/problem.ts';
import { instanceNamed, start } from '#test/build/records.ts';
import { copyTable } from '../../cli/copy-table.ts';
import { type Ask, restoreFleet } from '../../cli/restore-fleet.ts';
import { type Api, openApi } from './an-api.ts';
import { muster } from './muster.ts';

const time = '2026-11-02T09:00:00Z';
const restore = { restoredTo: time, openedAt: '2026-11-02T10:00:00Z' };
const place = { account: '111122223333', region: 'us-east-1' };
const instance = (instanceId: string, fields: object = {}) => ({
  ...{ ...place, instanceId, agent: { id: 'present' }, managementReason: 'launched', conflict: null, ...fields },
});
const enrolled = (agentId: string, at: string) => ({
  detailType: 'Instance Enrolled',
  detail: { data: { agentId, at } },
});
const ended = (reason: string, at: string) => ({
  detailType: 'Instance Discovered-Only',
  detail: { data: { reason, at } },
});

/** An API with these instances in pages of two, and what their histories say. */
function apiWith(instances: readonly ReturnType<typeof instance>[], histories: Readonly<Record<string, object[]>>) {
  const sent: { path: string; body: object | undefined }[] = [];
  const ask: Ask = async (method, path, body) => {
    const url = new URL(path, 'http://api');
    const id = /^\/v1\/instances\/.*\/(i-\d+)\/history$/.exec(url.pathname)?.[1];
    if (id) return { items: histories[id] ?? [], nextPageToken: null };
    if (method === 'GET') {
      const from = Number(url.searchParams.get('pageToken') ?? 0);
      const nextPageToken = from + 2 < instances.length ? String(from + 2) : null;
      return { items: instances.slice(from, from + 2), nextPageToken };
    }
    sent.push({ path, body });
    if (path === '/v1/restore') return restore;
    if (path.endsWith('/block')) throw Object.assign(new Error('refused'), { answer: { code: 'not_managed' } });
    const { agents, instances: keys } = (body ?? {}) as { agents?: object[]; instances?: object[] };
    return { items: (agents ?? keys ?? []).map((key) => ({ ...key, done: true, code: null })) };
  };
  return { sent, run: () => restoreFleet(ask, time, 'a bug') };
}

describe('the fleet after a restore', () => {
  it('is asked for page by page, and each instance gets what its history says', async () => {
    const [before, since] = ['2026-11-02T08:59:59Z', '2026-11-02T09:30:00Z'];
    const fleet = [
      instance('i-1'),
      instance('i-2', { agent: null }),
      instance('i-3', { conflict: { since } }),
      instance('i-4', { conflict: { since: restore.openedAt } }),
      instance('i-5'),
      instance('i-6'),
      instance('i-7', { managementReason: 'released' }),
    ];
    const { sent, run } = apiWith(fleet, {
      'i-1': [enrolled('old', before)],
      'i-2': [enrolled('lost', since)],
      'i-3': [enrolled('present', since)],
      'i-5': [enrolled('lost', since), ended('released', since)],
      'i-6': [ended('blocked', since), ended('deadline_passed', since)],
      'i-7': [ended('released', since)],
    });
    const done = await run();
    const key = (instanceId: string) => ({ ...place, instanceId });
    expect(sent).toEqual([
      { path: '/v1/restore', body: { restoredTo: time, reason: 'a bug' } },
      { path: '/v1/restore/readmit', body: { agents: [{ ...key('i-2'), agentId: 'lost' }], reason: 'a bug' } },
      {
        path: '/v1/conflicts/end',
        body: { instances: [key('i-3')], since: time, until: restore.openedAt, reason: 'a bug' },
      },
      { path: '/v1/instances/111122223333/us-east-1/i-5/release', body: { reason: 'a bug' } },
      { path: '/v1/instances/111122223333/us-east-1/i-6/block', body: { reason: 'a bug' } },
    ]);
    expect(done).toMatchObject({ instances: 7, readmitted: [key('i-2')], conflictsEnded: [key('i-3')] });
    expect(done.endedAgain).toEqual([
      { ...key('i-5'), done: true, code: null },
      { ...key('i-6'), done: false, code: 'not_managed' },
    ]);
  });
});

describe('muster restore', () => {
  let api: Api;
  beforeAll(async () => {
    api = await openApi();
  });
  beforeEach(() => {
    api.arrived = [];
  });
  afterAll(() => api.close());

  it('needs a time and a reason, and prints a refusal', async () => {
    expect((await muster(['restore', time, '--url', api.url])).status).toBe(2);
    expect(api.arrived).toEqual([]);
    const { statusCode, headers, body } = problemAnswer(new Problem('malformed_request', 'no', {}));
    api.answer = { status: statusCode, headers, body };
    const { status, stdout } = await muster(['restore', time, '--reason', 'a bug', '--url', api.url]);
    expect([status, JSON.parse(stdout).code]).toEqual([4, 'malformed_request']);
    expect(api.arrived).toMatchObject([{ method: 'POST', target: '/v1/restore' }]);
  });
});

describe('a table that is copied', () => {
  const item = (name: string) => ({ pk: { S: name }, sk: { S: name }, version: { N: '1' } });
  const ahead = (name: string) => ({ ...item(name), version: { N: '1000001' } });
  const now = () => start;
  const atOnce = { wait: async () => {}, now };
  /** A client for two tables that takes only a part of each batch. */
  function clientWith(tables: Record<string, ReturnType<typeof item>[]>, takes: number) {
    const written: object[] = [];
    const send = async ({ input }: { input: Record<string, unknown> }) => {
      if (typeof input.TableName === 'string') return { Items: tables[input.TableName] };
      const [[table, requests]] = Object.entries(input.RequestItems as Record<string, object[]>) as [
        [string, object[]],
      ];
      written.push(...requests.slice(0, takes));
      return { UnprocessedItems: requests.length > takes ? { [table]: requests.slice(takes) } : {} };
    };
    return { client: { send } as never, written };
  }

  it('is written whole, also what is refused at first, and loses what the other has not', async () => {
    const { client, written } = clientWith({ from: [item('a'), item('b'), item('c')], to: [item('a'), item('x')] }, 2);
    const waited: number[] = [];
    const copied = await copyTable(
      client,
      { from: 'from', to: 'to' },
      {
        wait: async (seconds) => void waited.push(seconds),
        now,
      },
    );
    expect([copied, waited]).toEqual([{ written: 3, deleted: 1 }, [2]]);
    const { pk, sk } = item('x');
    expect(written).toEqual([
      ...['a', 'b', 'c'].map((name) => ({ PutRequest: { Item: ahead(name) } })),
      { DeleteRequest: { Key: { pk, sk } } },
    ]);
  });

  it('keeps the id of an instance that the other has not, as one of which nothing is known, with a higher version', async () => {
    const after = instanceNamed('i-1', { assignment: { serverId: 'srv_1' }, cloud: { state: 'running', at: start } });
    const seen = putOf({ kind: 'instance', before: { ...after, version: 41 }, after }, defaultTiming).item;
    const { client, written } = clientWith({ from: [item('a')], to: [item('a'), seen as never] }, 25);
    const copied = await copyTable(client, { from: 'from', to: 'to' }, atOnce);
    expect(copied).toEqual({ written: 1, deleted: 1 });
    const [, last] = written as { PutRequest: { Item: Item } }[];
    expect(readRecord('instance', last!.PutRequest.Item)).toEqual({ ...newInstance(after, start), version: 43 });
  });

  it.each([
    ['holds nothing, as after a change of order', { from: 'from', to: 'to' }, 'from holds nothing'],
    ['is the other table', { from: 'to', to: 'to' }, 'are the same'],
  ])('is not emptied by one that %s', async (_case, tables, detail) => {
    const { client, written } = clientWith({ from: [], to: [item('a')] }, 25);
    await expect(copyTable(client, tables, atOnce)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(detail),
    });
    expect(written).toEqual([]);
  });

  it('that takes nothing ends with an error', async () => {
    const { client } = clientWith({ from: [item('a')], to: [] }, 0);
    await expect(copyTable(client, { from: 'from', to: 'to' }, atOnce)).rejects.toThrow('to does not take');
  });
});
