import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ResourceNotFoundException,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import type { DynamoDBRecord } from 'aws-lambda';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StreamPump } from '#local/aws/streams/stream-pump.ts';
import { VirtualClock } from '#test/fakes/virtual-clock.ts';

const start = new Date('2026-11-02T10:00:00Z');
const refusal = { message: 'refused', $metadata: {} };

interface FakeShard {
  id: string;
  parent?: string;
  numbers: number[];
  closed?: boolean;
}

/** A stream with the shard changes that DynamoDB Local makes after hours only. It answers two shards a page. */
class FakeStreams {
  shards: FakeShard[];
  /** Records below this number are older than a day. */
  oldest = 0;
  /** The next read meets an iterator that has expired. */
  expired = false;
  /** Listed still, but gone when read. */
  gone = new Set<string>();
  reads: string[] = [];

  constructor(shards: FakeShard[]) {
    this.shards = shards;
  }

  async send(command: unknown): Promise<unknown> {
    if (command instanceof DescribeStreamCommand) return this.#describe(command.input.ExclusiveStartShardId);
    if (command instanceof GetShardIteratorCommand) return this.#iterator(command.input);
    if (command instanceof GetRecordsCommand)
      return this.#records(command.input.ShardIterator ?? '', command.input.Limit ?? 0);
    throw new Error('not one of the three');
  }

  #describe(last: string | undefined) {
    const from = this.shards.findIndex(({ id }) => id === last) + 1;
    const page = this.shards.slice(from, from + 2);
    const more = from + 2 < this.shards.length ? { LastEvaluatedShardId: page.at(-1)?.id } : {};
    const Shards = page.map(({ id, parent }) => ({ ShardId: id, ParentShardId: parent }));
    return { StreamDescription: { Shards, ...more } };
  }

  #iterator({ ShardId = '', SequenceNumber }: GetShardIteratorCommand['input']) {
    if (this.gone.has(ShardId)) throw new ResourceNotFoundException(refusal);
    const after = Number(SequenceNumber ?? this.oldest - 1);
    if (after < this.oldest - 1) throw new TrimmedDataAccessException(refusal);
    return { ShardIterator: `${ShardId} ${after}` };
  }

  #records(iterator: string, limit: number) {
    const [id, after] = iterator.split(' ');
    this.reads.push(id ?? '');
    if (this.expired) {
      this.expired = false;
      throw new ExpiredIteratorException(refusal);
    }
    const shard = this.shards.find((one) => one.id === id);
    const rest = (shard?.numbers ?? []).filter((number) => number > Number(after) && number >= this.oldest);
    const page = rest.slice(0, limit);
    const next =
      shard?.closed && page.length === rest.length ? {} : { NextShardIterator: `${id} ${page.at(-1) ?? after}` };
    return { Records: page.map((number) => ({ dynamodb: { SequenceNumber: String(number) } })), ...next };
  }
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shards-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const numbersOf = (records: DynamoDBRecord[]) => records.map((record) => Number(record.dynamodb?.SequenceNumber));

function pump(streams: FakeStreams, { outcome = (_numbers: number[]) => {}, batchSize = 10 } = {}) {
  const clock = new VirtualClock(start);
  const seen: number[] = [];
  const errors: unknown[] = [];
  const running = new StreamPump({
    client: streams as unknown as DynamoDBStreamsClient,
    streamArn: 'arn:aws:dynamodb:us-east-1:111122223333:table/t/stream/s',
    clock,
    folder,
    batchSize,
    maximumRetryAttempts: 2,
    wants: () => true,
    handler: async ({ Records }) => {
      outcome(numbersOf(Records));
      seen.push(...numbersOf(Records));
    },
    onError: (error) => void errors.push(error),
  });
  running.start();
  return { clock, seen, errors, pump: running };
}

describe('the stream pump, when shards change', () => {
  it('reads a shard only after its parent, in whatever order they are listed', async () => {
    const streams = new FakeStreams([
      { id: 'grandchild', parent: 'child', numbers: [6] },
      { id: 'child', parent: 'root', numbers: [4, 5], closed: true },
      { id: 'root', parent: 'dropped long ago', numbers: [1, 2, 3], closed: true },
    ]);
    const { clock, seen } = pump(streams);
    await clock.advanceBy(1000);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('lets no child overtake a record that is tried again', async () => {
    const streams = new FakeStreams([
      { id: 'root', numbers: [1], closed: true },
      { id: 'child', parent: 'root', numbers: [2] },
    ]);
    let failures = 2;
    const { clock, seen } = pump(streams, {
      outcome: () => {
        if (failures-- > 0) throw new Error('down');
      },
    });
    await clock.advanceBy(300);
    expect(seen).toEqual([]);
    await clock.advanceBy(5000);
    expect(seen).toEqual([1, 2]);
  });

  it('finds the child that appears some time after its parent was closed', async () => {
    const root: FakeShard = { id: 'root', numbers: [1] };
    const streams = new FakeStreams([root]);
    const { clock, seen } = pump(streams);
    await clock.advanceBy(200);
    root.closed = true;
    await clock.advanceBy(200);
    streams.shards.push({ id: 'child', parent: 'root', numbers: [2] });
    await clock.advanceBy(200);
    expect(seen).toEqual([1, 2]);
  });

  it('finds a further open shard within seconds', async () => {
    const streams = new FakeStreams([{ id: 'one', numbers: [1] }]);
    const { clock, seen } = pump(streams);
    await clock.advanceBy(200);
    streams.shards.push({ id: 'two', numbers: [2] });
    await clock.advanceBy(5200);
    expect(seen).toEqual([1, 2]);
  });

  it('never again reads a shard that it has finished, also after a restart', async () => {
    const streams = new FakeStreams([
      { id: 'root', numbers: [1], closed: true },
      { id: 'child', parent: 'root', numbers: [2] },
    ]);
    const before = pump(streams);
    await before.clock.advanceBy(1000);
    await before.pump.stop();
    streams.reads = [];
    const { clock, seen } = pump(streams);
    await clock.advanceBy(1000);
    expect(seen).toEqual([]);
    expect(new Set(streams.reads)).toEqual(new Set(['child']));
  });

  it('goes on where it was when its iterator has expired', async () => {
    const shard = { id: 'one', numbers: [1, 2] };
    const streams = new FakeStreams([shard]);
    const { clock, seen, errors } = pump(streams);
    await clock.advanceBy(200);
    streams.expired = true;
    shard.numbers.push(3);
    await clock.advanceBy(200);
    expect(seen).toEqual([1, 2, 3]);
    expect(errors).toEqual([]);
  });

  it('goes on from the oldest record when its place is no longer there', async () => {
    const streams = new FakeStreams([{ id: 'one', numbers: [1, 2] }]);
    const before = pump(streams);
    await before.clock.advanceBy(200);
    await before.pump.stop();
    streams.shards = [{ id: 'one', numbers: [1, 2, 3, 4, 5] }];
    streams.oldest = 4;
    const { clock, seen, errors } = pump(streams);
    await clock.advanceBy(200);
    expect(seen).toEqual([4, 5]);
    expect(errors).toEqual([]);
  });

  it('does without a shard that is gone between two looks', async () => {
    const streams = new FakeStreams([
      { id: 'old', numbers: [1], closed: true },
      { id: 'new', numbers: [2] },
    ]);
    streams.gone.add('old');
    const { clock, seen, errors } = pump(streams);
    await clock.advanceBy(200);
    expect(seen).toEqual([2]);
    expect(errors).toEqual([]);
  });

  it('hands over or sets aside every record, first in order, under any failures and restarts', async () => {
    const scenario = fc.record({
      batchSize: fc.integer({ min: 1, max: 5 }),
      sizes: fc.array(fc.nat(6), { minLength: 1, maxLength: 4 }),
      poison: fc.uniqueArray(fc.nat(20), { maxLength: 3 }),
      /** Invocations, by number, that fail for no reason of the records. */
      broken: fc.uniqueArray(fc.nat(30), { maxLength: 6 }),
      restartsMs: fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ batchSize, sizes, poison, broken, restartsMs }) => {
        rmSync(folder, { recursive: true, force: true });
        let made = 0;
        const shards = sizes.map((size, index): FakeShard => {
          const numbers = Array.from({ length: size }, () => made++);
          return {
            id: `s${index}`,
            numbers,
            closed: index < sizes.length - 1,
            ...(index > 0 && { parent: `s${index - 1}` }),
          };
        });
        let invocations = 0;
        const outcome = (numbers: number[]) => {
          if (broken.includes(invocations++) || numbers.some((number) => poison.includes(number)))
            throw new Error('failed');
        };
        const streams = new FakeStreams(shards);
        const seen: number[] = [];
        for (const lifeMs of [...restartsMs, 60_000]) {
          const life = pump(streams, { outcome, batchSize });
          await life.clock.advanceBy(lifeMs);
          await life.pump.stop();
          seen.push(...life.seen);
        }
        const aside = join(folder, 'set-aside');
        const lost = existsSync(aside) ? readdirSync(aside).map((name) => Number(/-(\d+)\.json$/.exec(name)?.[1])) : [];
        expect([...new Set([...seen, ...lost])].sort((a, b) => a - b)).toEqual([...Array(made).keys()]);
        const firsts = [...new Set(seen)];
        expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
        expect(lost.filter((number) => poison.includes(number)).sort()).toEqual(
          poison.filter((number) => number < made).sort(),
        );
      }),
    );
  });
});
