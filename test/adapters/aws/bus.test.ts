import { describe, expect, it } from 'vitest';
import { openBus } from '#shared/adapters/aws/bus.ts';
import type { PublishedEvent } from '#shared/app/events/event-bus.ts';
import { jsonTransport } from '#test/fakes/json-transport.ts';

const event = (n: number, filler = ''): PublishedEvent => ({
  detailType: 'Instance State Changed',
  detail: {
    meta: { id: `evt_${n}`, version: 1, time: '2026-11-02T10:00:00Z', stage: 'test' },
    data: { at: '2026-11-02T10:00:00Z', n, filler },
  },
});
const events = (count: number) => Array.from({ length: count }, (_, n) => event(n));
interface Asked {
  Entries: { EventBusName: string; Source: string; DetailType: string; Detail: string }[];
}
const taken = { EventId: 'taken' };

/** A bus whose answers are given, and what it was asked. */
function busThat(answer: (asked: Asked, nth: number) => { status?: number; body: unknown }) {
  const asked: Asked[] = [];
  const settings = jsonTransport((body) => {
    asked.push(body as Asked);
    return answer(body as Asked, asked.length - 1);
  });
  return { bus: openBus('muster', settings), asked };
}
const takesAll = ({ Entries }: Asked) => ({ body: { FailedEntryCount: 0, Entries: Entries.map(() => taken) } });

describe('the bus', () => {
  it('is sent ten entries in a request at most, and answers for each', async () => {
    const { bus, asked } = busThat(takesAll);
    expect(await bus.send(events(23))).toEqual(Array(23).fill(undefined));
    expect(asked.map(({ Entries }) => Entries.length)).toEqual([10, 10, 3]);
    expect(asked[0]?.Entries[1]).toEqual({
      ...{ EventBusName: 'muster', Source: 'muster', DetailType: 'Instance State Changed' },
      Detail: JSON.stringify(event(1).detail),
    });
    expect(await bus.send([])).toEqual([]);
  });

  it('is sent less than 256 KB in a request', async () => {
    const { bus, asked } = busThat(takesAll);
    // In UTF-8 each of these letters has two bytes
    await bus.send([
      event(1, 'ä'.repeat(60_000)),
      event(2, 'ä'.repeat(60_000)),
      event(3, 'ä'.repeat(60_000)),
      event(4),
    ]);
    expect(asked.map(({ Entries }) => Entries.length)).toEqual([2, 2]);
  });

  it('answers for the entries that EventBridge refused, and whether that passes', async () => {
    const codes = [undefined, 'ThrottlingException', 'InternalFailure', 'MalformedDetail'];
    const Entries = codes.map((ErrorCode) => (ErrorCode ? { ErrorCode, ErrorMessage: 'no' } : taken));
    const { bus } = busThat(() => ({ body: { FailedEntryCount: 3, Entries } }));
    const refusals = await bus.send(events(4));
    expect(refusals.map((refusal) => refusal?.passes)).toEqual([undefined, true, true, false]);
    expect(String(refusals[3]?.error)).toContain('MalformedDetail');
  });

  it('has not taken an entry of which the answer says nothing', async () => {
    const { bus } = busThat(() => ({ body: { FailedEntryCount: 0, Entries: [taken] } }));
    expect((await bus.send(events(2))).map((refusal) => refusal?.passes)).toEqual([undefined, false]);
  });

  it('a request that fails fails its own entries alone', async () => {
    const denied = { status: 400, body: { __type: 'AccessDeniedException', message: 'not authorized' } };
    const { bus } = busThat((asked) => (asked.Entries[0]?.Detail.includes('evt_0') ? denied : takesAll(asked)));
    const refusals = await bus.send(events(12));
    expect(refusals.map((refusal) => refusal?.passes)).toEqual([...Array(10).fill(false), undefined, undefined]);
    expect(String(refusals[0]?.error)).toContain('not authorized');
  });
});
