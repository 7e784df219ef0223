import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bus, type BusEvent, type Delivery } from '#local/aws/events/bus.ts';
import { Queues } from '#local/aws/sqs/queues.ts';
import { type Fault, Faults } from '#local/faults.ts';
import { random, type SpanMs } from '#local/random.ts';
import { VirtualClock } from '#test/fakes/virtual-clock.ts';

const start = new Date('2026-11-02T10:00:00.700Z');
const seconds = (count: number) => new Date(start.getTime() + count * 1000);

function region({ store = new Map<string, Delivery>(), seed = 1 } = {}) {
  const clock = new VirtualClock(start);
  const errors: [unknown, string][] = [];
  const onError = (error: unknown, name: string) => void errors.push([error, name]);
  const draws = random(seed);
  const faults = new Faults({ random: draws, now: () => clock.now().getTime() });
  const shared = { clock, random: draws, account: '111122223333', region: 'us-east-1', onError };
  const queue = new Queues(shared).create('events');
  const bus = new Bus({ ...shared, faults, name: 'default', store });
  const arrived = () => queue.receive(1000).map(({ body }): BusEvent => JSON.parse(body));
  return { clock, bus, faults, queue, arrived, errors };
}

const stateChange = (state: string): BusEvent => ({
  version: '0',
  id: '7bf73129-1428-4cd3-a780-95db273d1602',
  'detail-type': 'EC2 Instance State-change Notification',
  source: 'aws.ec2',
  account: '444455556666',
  time: '2026-11-02T10:00:00Z',
  region: 'us-east-1',
  resources: ['arn:aws:ec2:us-east-1:444455556666:instance/i-0abcd1111efgh2222'],
  detail: { 'instance-id': 'i-0abcd1111efgh2222', state },
});

const where = { service: 'events' } as const;
const entry = { source: 'muster', detailType: 'Instance Enrolled', detail: '{"n":1}' };

describe('a bus', () => {
  it('sends what a rule matches to its queue, unchanged', async () => {
    const { clock, bus, queue, arrived } = region();
    bus.rule('running', { source: ['aws.ec2'], detail: { state: ['running'] } }, { queue });
    bus.emitFromAws(stateChange('running'));
    bus.emitFromAws(stateChange('stopped'));
    await clock.advanceBy(0);
    expect(arrived()).toEqual([stateChange('running')]);
  });

  it('gives an event of another Region an id and a time of its own, and leaves the rest', async () => {
    const { clock, bus, queue, arrived } = region();
    bus.rule('all', { source: ['aws.ec2'] }, { queue });
    const sent = { ...stateChange('running'), region: 'eu-west-1' };
    await clock.advanceBy(65_000);
    bus.emitFromAws(sent);
    bus.emitFromAws(sent);
    await clock.advanceBy(0);
    const [first, second] = arrived();
    expect(first).toEqual({ ...sent, id: expect.stringMatching(/^[0-9a-f-]{36}$/), time: '2026-11-02T10:01:05Z' });
    expect(new Set([sent.id, first?.id, second?.id]).size).toBe(3);
  });

  it('sends an event to every rule that matches, and to none otherwise', async () => {
    const { clock, bus, queue, arrived } = region();
    bus.rule('by source', { source: ['aws.ec2'] }, { queue });
    bus.rule('by account', { account: ['444455556666'] }, { queue });
    bus.rule('of another account', { account: ['111122223333'] }, { queue });
    bus.emitFromAws(stateChange('running'));
    await clock.advanceBy(0);
    expect(arrived()).toHaveLength(2);
  });

  it('completes what PutEvents brings', async () => {
    const { clock, bus, queue, arrived } = region();
    bus.rule('all', {}, { queue });
    const results = bus.putEvents([entry, { ...entry, resources: ['arn:r'], time: new Date('2026-11-01T00:00:00Z') }]);
    await clock.advanceBy(0);
    const ids = results.map((result) => ('eventId' in result ? result.eventId : ''));
    const common = {
      version: '0',
      'detail-type': 'Instance Enrolled',
      source: 'muster',
      account: '111122223333',
      region: 'us-east-1',
      detail: { n: 1 },
    };
    expect(arrived()).toEqual([
      { ...common, id: ids[0], time: '2026-11-02T10:00:00Z', resources: [] },
      { ...common, id: ids[1], time: '2026-11-01T00:00:00Z', resources: ['arn:r'] },
    ]);
    expect(new Set(ids).size).toBe(2);
  });

  it('answers each bad entry for itself and keeps no other back', async () => {
    const { clock, bus, queue, arrived } = region();
    bus.rule('all', {}, { queue });
    const results = bus.putEvents([
      { ...entry, source: 'aws.ec2' },
      { ...entry, source: undefined },
      { ...entry, detailType: '' },
      { ...entry, detail: '{' },
      { ...entry, detail: '[1]' },
      { ...entry, time: new Date(Number.NaN) },
      entry,
    ]);
    await clock.advanceBy(0);
    expect(results.map((result) => ('errorCode' in result ? result.errorCode : 'accepted'))).toEqual([
      'NotAuthorizedForSource',
      'InvalidArgument',
      'InvalidArgument',
      'MalformedDetail',
      'MalformedDetail',
      'InvalidArgument',
      'accepted',
    ]);
    expect(arrived().map(({ source }) => source)).toEqual(['muster']);
  });

  it('takes between one and ten entries at a time', () => {
    const { bus } = region();
    expect(() => bus.putEvents([])).toThrow('greater than or equal to 1');
    expect(() => bus.putEvents(Array(11).fill(entry))).toThrow('less than or equal to 10');
    expect(bus.putEvents(Array(10).fill(entry))).toHaveLength(10);
  });

  it('refuses a rule that it could not keep', () => {
    const { bus, queue } = region();
    bus.rule('one', {}, { queue });
    expect(() => bus.rule('one', {}, { queue })).toThrow('already');
    expect(() => bus.rule('two', { source: [] }, { queue })).toThrow('source');
  });

  it('invokes a function again after one and two more minutes, then gives up', async () => {
    const { clock, bus, errors } = region();
    const calls: Date[] = [];
    const invoke = async () => {
      calls.push(clock.now());
      throw new Error('down');
    };
    bus.rule('to function', {}, { invoke });
    bus.emitFromAws(stateChange('running'));
    expect(await clock.runUntilIdle(seconds(3600))).toBe(true);
    expect(calls).toEqual([seconds(0), seconds(60), seconds(180)]);
    expect(errors).toEqual(Array(3).fill([new Error('down'), 'to function']));
  });

  it('meets the faults that are set, until they are taken away', async () => {
    const { clock, bus, faults, queue, arrived } = region();
    bus.rule('all', {}, { queue });
    const lossless = faults.add({ what: 'drop', where });
    bus.emitFromAws(stateChange('pending'));
    lossless();
    const single = faults.add({ what: 'repeat', where });
    bus.emitFromAws(stateChange('running'));
    single();
    bus.emitFromAws(stateChange('stopping'));
    await clock.runUntilIdle(seconds(60));
    expect(arrived()).toEqual([stateChange('running'), stateChange('running'), stateChange('stopping')]);
  });

  it('loses nothing to delay, doubling and disorder, and does the same again for the same seed', async () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const given = fc.tuple(
      fc.record({ what: fc.constant('repeat' as const), where: fc.constant(where), share }),
      fc.record({
        ...{ what: fc.constant('delay' as const), where: fc.constant(where), share },
        ms: fc.nat(300_000).map((most): SpanMs => [0, most]),
      }),
      fc.record({
        ...{ what: fc.constant('delay' as const), where: fc.constant(where), share },
        ms: fc.constant<SpanMs>([0, 999]),
      }),
    );
    const deliver = async (seed: number, some: readonly Fault[]) => {
      const { clock, bus, faults, queue, arrived } = region({ seed });
      bus.rule('all', {}, { queue });
      faults.add(...some);
      for (let n = 0; n < 20; n++) bus.emitFromAws({ ...stateChange('running'), id: String(n) });
      await clock.runUntilIdle(seconds(3600));
      return arrived().map(({ id }) => id);
    };
    await fc.assert(
      fc.asyncProperty(fc.integer(), given, async (seed, some) => {
        const first = await deliver(seed, some);
        expect(new Set(first).size).toBe(20);
        expect(first.length).toBeLessThanOrEqual(40);
        expect(await deliver(seed, some)).toEqual(first);
      }),
    );
  });

  it('goes on after a restart with what was under way', async () => {
    const store = new Map<string, Delivery>();
    const before = region({ store });
    before.bus.rule('all', {}, { queue: before.queue });
    before.faults.add({ what: 'delay', where, ms: [0, 60_000] });
    for (let n = 0; n < 5; n++) before.bus.emitFromAws({ ...stateChange('running'), id: String(n) });

    const { clock, bus, queue, arrived } = region({ store });
    bus.rule('all', {}, { queue });
    bus.emitFromAws({ ...stateChange('running'), id: '5' });
    await clock.runUntilIdle(seconds(60));
    expect(
      arrived()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(store.size).toBe(0);
  });
});
