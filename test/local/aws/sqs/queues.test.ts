import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import type { ConsumerOptions } from '#local/aws/sqs/queue-consumer.ts';
import { Queues } from '#local/aws/sqs/queues.ts';
import type { StoredMessage } from '#local/aws/sqs/sqs-message.ts';
import { RealClock } from '#local/clock.ts';
import { Faults } from '#local/faults.ts';
import { random } from '#local/random.ts';
import { VirtualClock } from '#test/fakes/virtual-clock.ts';

const start = new Date('2026-11-02T10:00:00Z');
const seconds = (count: number) => new Date(start.getTime() + count * 1000);

function region({ store = new Map<string, StoredMessage>(), seed = 1 } = {}) {
  const clock = new VirtualClock(start);
  const errors: [unknown, string][] = [];
  const onError = (error: unknown, queue: string) => void errors.push([error, queue]);
  const draws = random(seed);
  const faults = new Faults({ random: draws, now: () => clock.now().getTime() });
  const queues = new Queues({
    clock,
    faults,
    random: draws,
    account: '111122223333',
    region: 'us-east-1',
    store,
    onError,
  });
  return { clock, faults, queues, errors };
}

/** A consumer that notes each batch's bodies and when it came, and answers as `outcome` says. */
function listen(
  { clock, queues }: ReturnType<typeof region>,
  options: Partial<ConsumerOptions> = {},
  outcome: (event: SQSEvent) => SQSBatchResponse | undefined = () => undefined,
) {
  const batches: { at: Date; bodies: string[] }[] = [];
  const consumer = queues.consume('work', {
    batchSize: 10,
    maxConcurrency: 2,
    invoke: async (event) => {
      batches.push({ at: clock.now(), bodies: event.Records.map(({ body }) => body) });
      return outcome(event);
    },
    ...options,
  });
  return { batches, consumer };
}

const failing = (...bodies: string[]) => {
  return ({ Records }: SQSEvent): SQSBatchResponse => ({
    batchItemFailures: Records.filter(({ body }) => bodies.includes(body)).map(({ messageId }) => ({
      itemIdentifier: messageId,
    })),
  });
};

describe('a queue', () => {
  it('hands a message out as Lambda does', async () => {
    const here = region();
    const queue = here.queues.create('work');
    const events: SQSEvent[] = [];
    listen(here, {}, (event) => {
      events.push(event);
      return undefined;
    });
    const sent = queue.send('hello', {
      delaySeconds: 3,
      attributes: { kind: { dataType: 'String', stringValue: 'x' } },
    });
    await here.clock.advanceBy(5000);
    expect(events).toEqual([
      {
        Records: [
          {
            messageId: sent.messageId,
            receiptHandle: expect.stringMatching(/.+/),
            body: 'hello',
            attributes: {
              ApproximateReceiveCount: '1',
              SentTimestamp: String(start.getTime()),
              SenderId: '111122223333',
              ApproximateFirstReceiveTimestamp: String(seconds(3).getTime()),
            },
            messageAttributes: {
              kind: { dataType: 'String', stringValue: 'x', stringListValues: [], binaryListValues: [] },
            },
            md5OfBody: '5d41402abc4b2a76b9719d911017c592',
            eventSource: 'aws:sqs',
            eventSourceARN: 'arn:aws:sqs:us-east-1:111122223333:work',
            awsRegion: 'us-east-1',
          },
        ],
      },
    ]);
    expect(sent.md5OfBody).toBe('5d41402abc4b2a76b9719d911017c592');
  });

  it('shows a message to one receiver at a time, until the visibility timeout', async () => {
    const { clock, queues } = region();
    const queue = queues.create('work', { visibilitySeconds: 30 });
    queue.send('once');
    const [first] = queue.receive(10);
    expect(queue.receive(10)).toEqual([]);
    expect(queue.counts()).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
    await clock.advanceBy(30_000);
    const [second] = queue.receive(10);
    expect([first?.receives, second?.receives]).toEqual([1, 2]);
    expect(second?.messageId).toBe(first?.messageId);
    expect(queue.delete(first?.receipt ?? '')).toBe(false);
    expect(queue.delete(second?.receipt ?? '')).toBe(true);
    expect(queue.outlook()).toBeNull();
  });

  it('lets a receiver hide its message for longer, or give it back at once', () => {
    const { queues } = region();
    const queue = queues.create('work');
    queue.send('once');
    const [message] = queue.receive(1);
    queue.changeVisibility(message?.receipt ?? '', 0);
    expect(queue.receive(1)).toHaveLength(1);
    expect(() => queue.changeVisibility(message?.receipt ?? '', 5)).toThrow('receipt handle');
    expect(() => queue.changeVisibility('nonsense', 5)).toThrow('receipt handle');
  });

  it('gives a message up to its dead-letter queue after maxReceiveCount receives', async () => {
    const here = region();
    const deadLetterQueue = here.queues.create('work-dlq');
    const queue = here.queues.create('work', {
      visibilitySeconds: 10,
      redrive: { deadLetterQueue, maxReceiveCount: 3 },
    });
    const { batches } = listen(here, {}, () => {
      throw new Error('never works');
    });
    const { messageId } = queue.send('poison');
    expect(await here.clock.runUntilIdle(seconds(100))).toBe(true);
    expect(batches.map(({ at }) => at)).toEqual([seconds(0), seconds(10), seconds(20)]);
    const [dead] = deadLetterQueue.receive(10);
    expect(dead).toMatchObject({ messageId, body: 'poison', receives: 1, deadLetterSource: queue.arn });
    expect(queue.outlook()).toBeNull();
    expect(here.errors).toHaveLength(3);
    expect(here.errors[0]).toEqual([new Error('never works'), 'work']);
  });

  it('refuses what SQS refuses', () => {
    const { queues } = region();
    const queue = queues.create('work');
    expect(() => queue.send('')).toThrow('MessageBody');
    expect(() => queue.send('é'.repeat(524_289))).toThrow('MessageBody');
    for (const delaySeconds of [901, -1, 0.5, Number.NaN])
      expect(() => queue.send('x', { delaySeconds })).toThrow('DelaySeconds');
    expect(() => queue.receive(1, 43_201)).toThrow('VisibilityTimeout');
    expect(() => queues.queue('other')).toThrow('does not exist');
    expect(() => queues.create('work')).toThrow('exists already');
    expect(queue.counts()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  it('meets the faults that are set, until they are taken away', async () => {
    const { clock, faults, queues } = region();
    const where = { service: 'sqs', queue: 'work' } as const;
    const queue = queues.create('work');
    const lossless = faults.add({ what: 'drop', where });
    queue.send('lost');
    expect(queue.receive(10)).toEqual([]);
    lossless();
    const single = faults.add({ what: 'repeat', where });
    queue.send('twice');
    const twins = queue.receive(10);
    expect(new Set(twins.map(({ messageId }) => messageId)).size).toBe(1);
    expect(twins.map(({ body }) => body)).toEqual(['twice', 'twice']);
    single();
    const prompt = faults.add({ what: 'delay', where, ms: [0, 5000] });
    for (let n = 0; n < 20; n++) queue.send('late');
    const early = queue.counts().visible;
    await clock.advanceBy(5000);
    expect([early < 20, queue.counts().visible]).toEqual([true, 20]);
    prompt();
    queue.send('fine');
    expect(queue.counts().visible).toBe(21);
  });

  it('lets messages overtake one another when told to', async () => {
    const here = region();
    const queue = here.queues.create('work');
    const { batches } = listen(here, { batchSize: 1 });
    here.faults.add({ what: 'delay', where: { service: 'sqs' }, ms: [0, 999], share: 0.5 });
    const bodies = Array.from({ length: 20 }, (_, n) => String(n));
    for (const body of bodies) queue.send(body);
    await here.clock.runUntilIdle(seconds(10));
    const order = batches.flatMap((batch) => batch.bodies);
    expect(order).not.toEqual(bodies);
    expect(order.sort()).toEqual(bodies.sort());
  });
});

describe('a consumer', () => {
  it('deletes what succeeded and leaves what was named to the visibility timeout', async () => {
    const here = region();
    const queue = here.queues.create('work', { visibilitySeconds: 60 });
    let failures = 1;
    const { batches } = listen(here, {}, (event) => (failures-- > 0 ? failing('b')(event) : undefined));
    for (const body of ['a', 'b', 'c']) queue.send(body);
    await here.clock.runUntilIdle(seconds(1000));
    expect(batches).toEqual([
      { at: seconds(0), bodies: ['a', 'b', 'c'] },
      { at: seconds(60), bodies: ['b'] },
    ]);
  });

  it.each([
    ['names a message that is not in the batch', { batchItemFailures: [{ itemIdentifier: 'other' }] }],
    ['names nothing', { batchItemFailures: [{ itemIdentifier: '' }] }],
    ['uses another key', { batchItemFailures: [{ id: 'x' }] } as unknown as SQSBatchResponse],
  ])('fails the whole batch if the answer %s', async (_case, answer) => {
    const here = region();
    const queue = here.queues.create('work');
    listen(here, {}, () => answer);
    queue.send('a');
    queue.send('b');
    await here.clock.advanceBy(0);
    expect(queue.counts().inFlight).toBe(2);
  });

  it.each([
    ['nothing', undefined],
    ['no list', {} as SQSBatchResponse],
    ['null for a list', { batchItemFailures: null } as unknown as SQSBatchResponse],
    ['an empty list', { batchItemFailures: [] }],
  ])('takes %s as success', async (_case, answer) => {
    const here = region();
    const queue = here.queues.create('work');
    listen(here, {}, () => answer);
    queue.send('a');
    await here.clock.advanceBy(0);
    expect(queue.outlook()).toBeNull();
  });

  it('waits for a batch to fill, but not beyond its window', async () => {
    const here = region();
    const queue = here.queues.create('work');
    const { batches } = listen(here, { batchSize: 3, windowSeconds: 2 });
    queue.send('a');
    await here.clock.advanceBy(1000);
    queue.send('b');
    await here.clock.advanceBy(3000);
    for (const body of ['c', 'd', 'e', 'f']) queue.send(body);
    await here.clock.runUntilIdle(seconds(100));
    expect(batches).toEqual([
      { at: seconds(2), bodies: ['a', 'b'] },
      { at: seconds(4), bodies: ['c', 'd', 'e'] },
      { at: seconds(6), bodies: ['f'] },
    ]);
  });

  it('starts nothing while it is paused', async () => {
    const here = region();
    const queue = here.queues.create('work');
    const { batches, consumer } = listen(here);
    queue.send('a');
    consumer.pause();
    queue.send('b');
    await here.clock.advanceBy(10_000);
    expect(batches).toEqual([]);
    consumer.resume();
    await here.clock.advanceBy(0);
    expect(batches).toEqual([{ at: seconds(10), bodies: ['a', 'b'] }]);
  });

  it('runs as many invocations at once as it may, and never more', async () => {
    const clock = new RealClock((error) => {
      throw error;
    });
    const onError = (error: unknown) => {
      throw error;
    };
    const queues = new Queues({ clock, random: random(1), account: '111122223333', region: 'us-east-1', onError });
    const queue = queues.create('work');
    let running = 0;
    let most = 0;
    let done = 0;
    const three = Promise.withResolvers<void>();
    const all = Promise.withResolvers<void>();
    const invoke = async () => {
      running += 1;
      most = Math.max(most, running);
      if (running === 3) three.resolve();
      await three.promise;
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      done += 1;
      if (done === 12) all.resolve();
    };
    queues.consume('work', { batchSize: 1, maxConcurrency: 3, invoke });
    for (let n = 0; n < 12; n++) queue.send(String(n));
    await all.promise;
    await clock.stop();
    expect(most).toBe(3);
    expect(queue.outlook()).toBeNull();
  });
});

describe('a queue over a store that has outlived its process', () => {
  it('takes up its own messages: what was in hand at once, what was delayed in time', async () => {
    const store = new Map<string, StoredMessage>();
    const before = region({ store });
    before.queues.create('other').send('not mine');
    const queue = before.queues.create('work', { visibilitySeconds: 600 });
    for (const body of ['in hand', 'waiting']) queue.send(body);
    queue.send('delayed', { delaySeconds: 60 });
    queue.receive(1);

    const here = region({ store });
    here.queues.create('work', { visibilitySeconds: 600 });
    const { batches } = listen(here);
    await here.clock.runUntilIdle(seconds(1000));
    expect(batches).toEqual([
      { at: seconds(0), bodies: ['in hand', 'waiting'] },
      { at: seconds(60), bodies: ['delayed'] },
    ]);
    expect([...store.values()].map(({ body }) => body)).toEqual(['not mine']);
  });

  it('never overwrites a message, though its ids repeat with the seed', () => {
    const store = new Map<string, StoredMessage>();
    for (let restarts = 0; restarts < 3; restarts++) region({ store, seed: 5 }).queues.create('work').send('x');
    expect(store.size).toBe(3);
  });
});
