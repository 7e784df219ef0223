import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SQSEvent } from 'aws-lambda';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Queues } from '#local/aws/sqs/queues.ts';
import type { StoredMessage } from '#local/aws/sqs/sqs-message.ts';
import { type Fault, Faults } from '#local/faults.ts';
import { random, type SpanMs } from '#local/random.ts';
import { JournaledMap } from '#local/region/journal.ts';
import { VirtualClock } from '#test/fakes/virtual-clock.ts';

const start = new Date('2026-11-02T10:00:00Z');
const endOfTime = new Date(start.getTime() + 86_400_000);
const visibilitySeconds = 30;
const maxReceiveCount = 4;

const folder = mkdtempSync(join(tmpdir(), 'queues-'));
afterAll(() => rmSync(folder, { recursive: true }));

function region(seed: number, store = new Map<string, StoredMessage>()) {
  const clock = new VirtualClock(start);
  const draws = random(seed);
  const faults = new Faults({ random: draws, now: () => clock.now().getTime() });
  const queues = new Queues({
    clock,
    faults,
    random: draws,
    account: '111122223333',
    region: 'us-east-1',
    store,
    onError: () => {},
  });
  const deadLetterQueue = queues.create('dlq');
  const queue = queues.create('work', { visibilitySeconds, redrive: { deadLetterQueue, maxReceiveCount } });
  return { clock, faults, queues, queue, deadLetterQueue };
}

const share = fc.constantFrom(0, 0.2, 0.7);
const where = fc.constant({ service: 'sqs', queue: 'work' } as const);
const delay = fc.constant('delay' as const);
const scenario = fc.record({
  seed: fc.integer(),
  faults: fc.tuple(
    fc.record({ what: fc.constant('repeat' as const), where, share }),
    fc.record({ what: delay, where, share, ms: fc.nat(60_000).map((most): SpanMs => [0, most]) }),
    fc.record({ what: delay, where, share, ms: fc.constant<SpanMs>([0, 999]) }),
  ),
  batchSize: fc.integer({ min: 1, max: 10 }),
  windowSeconds: fc.nat(3),
  maxConcurrency: fc.integer({ min: 1, max: 4 }),
  /** For each message: when it is sent, and how many of its receives fail. */
  messages: fc.array(fc.record({ sentMs: fc.nat(120_000), failures: fc.nat(maxReceiveCount + 2) }), { maxLength: 25 }),
  /** Invocations, by number, that fail as a whole. */
  broken: fc.uniqueArray(fc.nat(20), { maxLength: 3 }),
});
type Scenario = Omit<typeof scenario extends fc.Arbitrary<infer T> ? T : never, 'faults'> & {
  faults: readonly Fault[];
};

/** Sends the scenario's messages and runs to the end. `acknowledged` says when each message's consumer succeeded. */
async function run({ seed, faults, messages, broken, ...mapping }: Scenario) {
  const here = region(seed);
  here.faults.add(...faults);
  const acknowledged = new Map<number, number>();
  const failuresLeft = messages.map(({ failures }) => failures);
  let invocations = 0;
  const invoke = async ({ Records }: SQSEvent) => {
    if (broken.includes(invocations++)) throw new Error('broken');
    const failed = Records.filter(
      ({ body }) => (failuresLeft[Number(body)] ?? 0) > 0 && failuresLeft[Number(body)]!-- > 0,
    );
    for (const { body } of Records.filter((record) => !failed.includes(record))) {
      if (!acknowledged.has(Number(body))) acknowledged.set(Number(body), here.clock.now().getTime());
    }
    return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
  here.queues.consume('work', { ...mapping, invoke });
  for (const [index, { sentMs }] of messages.entries()) {
    here.clock.after(sentMs, () => void here.queue.send(String(index)));
  }
  const idle = await here.clock.runUntilIdle(endOfTime);
  const dead = here.deadLetterQueue.receive(1000).map(({ body }) => Number(body));
  return { ...here, idle, acknowledged, dead };
}

describe('under any faults but loss', () => {
  it('every message ends acknowledged or on the dead-letter queue', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const { idle, queue, acknowledged, dead } = await run(given);
        expect(idle).toBe(true);
        expect(queue.outlook()).toBeNull();
        const ended = new Set([...acknowledged.keys(), ...dead]);
        expect([...ended].sort((a, b) => a - b)).toEqual(given.messages.map((_, index) => index));
      }),
    );
  });

  it('the dead-letter queue gets exactly what fails too often, where nothing is doubled or broken', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const { dead } = await run({
          ...given,
          broken: [],
          faults: given.faults.filter(({ what }) => what !== 'repeat'),
        });
        const hopeless = given.messages.flatMap(({ failures }, index) => (failures >= maxReceiveCount ? [index] : []));
        expect(dead.sort((a, b) => a - b)).toEqual(hopeless);
      }),
    );
  });

  it('a poison message delays no other by more than one visibility period', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, fc.nat(24), async (given, index) => {
        fc.pre(given.messages.length > 1);
        const healthy = given.messages.map((message) => ({ ...message, failures: 0 }));
        const poisoned = healthy.with(index % healthy.length, { sentMs: 0, failures: 100 });
        const quiet = { ...given, faults: [], broken: [] };
        const without = await run({ ...quiet, messages: healthy });
        const withPoison = await run({ ...quiet, messages: poisoned });
        for (const other of healthy.keys()) {
          if (other === index % healthy.length) continue;
          const delay =
            (withPoison.acknowledged.get(other) ?? Number.NaN) - (without.acknowledged.get(other) ?? Number.NaN);
          expect(delay).toBeLessThanOrEqual(visibilitySeconds * 1000);
        }
      }),
    );
  });
});

describe('a journal that is cut at any byte', () => {
  it('gives back every message that was sent and not yet deleted, and delivers it', async () => {
    const step = fc.oneof(fc.constant('send'), fc.constant('receive'), fc.constant('delete'));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(), async (steps, anywhere) => {
        const path = join(folder, 'journal.jsonl');
        rmSync(path, { force: true });
        const journal = JournaledMap.open<StoredMessage>(path);
        const { queue } = region(1, journal);
        const sent: { body: string; bytes: number; deletedFrom: number }[] = [];
        const inHand: { receipt: string; body: string }[] = [];
        for (const [index, kind] of steps.entries()) {
          if (kind === 'send') {
            queue.send(String(index));
            sent.push({ body: String(index), bytes: statSync(path).size, deletedFrom: Number.POSITIVE_INFINITY });
          } else if (kind === 'receive') inHand.push(...queue.receive(1));
          else {
            const message = inHand.shift();
            const entry = sent.find(({ body }) => body === message?.body);
            if (!message || !entry) continue;
            queue.delete(message.receipt);
            entry.deletedFrom = statSync(path).size;
          }
        }
        journal.close();
        const bytes = readFileSync(path);
        const cut = anywhere % (bytes.length + 1);
        writeFileSync(path, bytes.subarray(0, cut));

        const rest = JournaledMap.open<StoredMessage>(path);
        const again = region(2, rest);
        const delivered: string[] = [];
        again.queues.consume('work', {
          batchSize: 10,
          maxConcurrency: 1,
          invoke: async ({ Records }) => void delivered.push(...Records.map(({ body }) => body)),
        });
        await again.clock.runUntilIdle(endOfTime);
        rest.close();
        const expected = sent.filter((entry) => entry.bytes <= cut && cut < entry.deletedFrom);
        expect(delivered.sort()).toEqual(expected.map(({ body }) => body).sort());
      }),
    );
  });
});
