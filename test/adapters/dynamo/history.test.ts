import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { createDynamoHistory } from '#shared/adapters/dynamo/history.ts';
import type { ToldEntry } from '#shared/app/ports.ts';
import { second, start } from '#test/build/records.ts';
import { jsonTransport } from '#test/fakes/json-transport.ts';

const entry = (n: number): ToldEntry => ({
  ...{ kind: 'told', record: 'key_1', serverId: null, version: n, at: start + n * second, changedAt: start },
  events: [
    {
      detailType: 'Enrollment Key Expiring',
      detail: {
        meta: { id: `evt_${n}`, version: 1, time: '2026-11-02T10:00:00Z', stage: 'test' },
        data: { at: '2026-11-02T10:00:00Z' },
      },
    },
  ],
});
const entries = (count: number) => Array.from({ length: count }, (_, n) => entry(n));
type Requests = { PutRequest: { Item: { sk: { S: string }; expiresAt: { N: string } } } }[];

/** A table that takes of each request what it is told to; what it took, by request. */
function historyIn(takes: (requests: Requests, nth: number) => Requests | { status: number; body: object }) {
  const sent: Requests[] = [];
  const paused: number[] = [];
  const client = new DynamoDBClient(
    jsonTransport((body) => {
      const requests = (body as { RequestItems: { private: Requests } }).RequestItems.private;
      sent.push(requests);
      const answer = takes(requests, sent.length - 1);
      if (!Array.isArray(answer)) return answer;
      const left = requests.filter((one) => !answer.includes(one));
      return { body: { UnprocessedItems: left.length > 0 ? { private: left } : {} } };
    }),
  );
  const history = createDynamoHistory({ client, tableName: 'private' }, async (ms) => void paused.push(ms));
  return { history, sent, paused };
}

describe('what DynamoDB does not take of a batch', () => {
  it('is sent again, and nothing else is', async () => {
    const { history, sent, paused } = historyIn((requests, nth) => (nth === 0 ? requests.slice(0, 2) : requests));
    expect(await history.put(entries(5))).toEqual(Array(5).fill(undefined));
    expect(sent.map((requests) => requests.length)).toEqual([5, 3]);
    expect(sent[1]).toEqual(sent[0]?.slice(2));
    expect(paused).toEqual([50]);
  });

  it('is named in the end, after pauses that double', async () => {
    const { history, sent, paused } = historyIn((requests, nth) => (nth === 0 ? requests.slice(1) : []));
    const [first, ...others] = await history.put(entries(3));
    expect(String(first)).toContain('did not take');
    expect(others).toEqual([undefined, undefined]);
    expect(sent).toHaveLength(6);
    expect(paused).toEqual([50, 100, 200, 400, 800]);
  });

  it('fails no other batch', async () => {
    const denied = { status: 400, body: { __type: 'AccessDeniedException', message: 'not authorized' } };
    const { history } = historyIn((requests) => (requests.length === 25 ? denied : requests));
    const refusals = await history.put(entries(30));
    expect(refusals.map(String).slice(0, 25)).toEqual(Array(25).fill('AccessDeniedException: not authorized'));
    expect(refusals.slice(25)).toEqual(Array(5).fill(undefined));
  });
});

it('keeps an entry for 400 days, and what leads an instance’s reader to a server for longer', async () => {
  const { history, sent } = historyIn((requests) => requests);
  await history.put([entry(1), { kind: 'link', record: '1/r/i-1', serverId: 'srv_1', changedAt: start }]);
  const days = sent.flat().map(({ PutRequest }) => (Number(PutRequest.Item.expiresAt.N) - start / 1000) / 86_400);
  expect(days).toEqual([400, 430]);
});
