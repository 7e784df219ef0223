import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  ResourceNotFoundException,
  type Shard,
} from '@aws-sdk/client-dynamodb-streams';
import type { Cancel, Clock } from '../../clock.ts';
import { failureRecord } from './stream-batch.ts';
import { StreamCheckpoint } from './stream-checkpoint.ts';
import { type ShardOptions, StreamShard } from './stream-shard.ts';

export interface StreamPumpOptions
  extends Pick<ShardOptions, 'handler' | 'wants' | 'batchSize' | 'maximumRetryAttempts' | 'onError'> {
  client: DynamoDBStreamsClient;
  streamArn: string;
  clock: Clock;
  /** Holds `stream-checkpoint.json` and, under `set-aside`, batches that were given up; made if need be. */
  folder: string;
}

/** Lambda polls a shard four times a second; a demonstration may look a little more often. */
const pollMs = 150;

/** New shards appear when one is closed, every four hours; this often the pump asks for them while others are open. */
const describeMs = 5_000;

/**
 * Lambda's event source mapping on the stream of a DynamoDB table: in order within a shard, parents before children,
 * at least once. How far it got is written after the handler succeeded, so a kill repeats records and loses none.
 *
 * What DynamoDB Local 3.3 does, found by trying: a write and its stream record are one SQLite transaction, so SIGKILL
 * in the middle of 500 writes left a record for every item; the stream's ARN, shard ids, sequence numbers and even
 * iterators outlive the restart, and numbers go on where they were. A change can be read about 6 ms after its write is
 * answered; an empty GetRecords takes 2 ms. One shard is open at a time, closed after four hours. Iterators expire
 * after 15 minutes. Records older than 24 hours are dropped, as on AWS, and a checkpoint on such a one is answered with
 * TrimmedDataAccessException: reading then goes on from the oldest record there is.
 */
export class StreamPump {
  readonly #options: StreamPumpOptions;
  readonly #checkpoint: StreamCheckpoint;
  readonly #shardOptions: ShardOptions;
  readonly #shards = new Map<string, StreamShard>();
  #describedAt = Number.NEGATIVE_INFINITY;
  #turning: Promise<void> = Promise.resolve();
  #cancel: Cancel = () => {};

  constructor(options: StreamPumpOptions) {
    mkdirSync(options.folder, { recursive: true });
    this.#options = options;
    this.#checkpoint = new StreamCheckpoint(join(options.folder, 'stream-checkpoint.json'), options.streamArn);
    this.#shardOptions = {
      ...options,
      checkpoint: this.#checkpoint,
      now: () => options.clock.now(),
      setAside: (batch, shardId) => {
        const folder = join(options.folder, 'set-aside');
        mkdirSync(folder, { recursive: true });
        const record = failureRecord(batch, shardId, options.clock.now());
        writeFileSync(join(folder, `${shardId}-${batch.last}.json`), JSON.stringify(record));
      },
    };
  }

  /** Looks for records from now on. A failure to read is reported, and the next look tries again. */
  start(): void {
    this.#cancel = this.#options.clock.every(pollMs, () => {
      this.#turning = this.#turn().catch(this.#options.onError);
      return this.#turning;
    });
  }

  /** Resolves when the handler's last call has ended and its outcome is kept. */
  async stop(): Promise<void> {
    this.#cancel();
    await this.#turning;
  }

  async #turn(): Promise<void> {
    await this.#findShards();
    for (const shard of this.#shards.values()) {
      const parent = this.#shards.get(shard.parentId ?? '');
      if (parent && !parent.finished) continue;
      await shard.turn().catch((error: unknown) => this.#unlessGone(error));
    }
  }

  /** A shard may be dropped between two looks; the next one does without it. */
  #unlessGone(error: unknown): void {
    if (!(error instanceof ResourceNotFoundException)) throw error;
    this.#describedAt = Number.NEGATIVE_INFINITY;
  }

  async #findShards(): Promise<void> {
    const now = this.#options.clock.now().getTime();
    const open = [...this.#shards.values()].some((shard) => !shard.finished);
    if (open && now < this.#describedAt + describeMs) return;
    const listed = await this.#listShards();
    this.#describedAt = now;
    const ids = new Set(listed.map(({ ShardId = '' }) => ShardId));
    for (const shard of this.#shards.values()) {
      if (!ids.has(shard.id) && !shard.waiting) this.#shards.delete(shard.id);
    }
    for (const { ShardId: id = '', ParentShardId } of listed) {
      if (!this.#shards.has(id)) this.#shards.set(id, new StreamShard(id, ParentShardId, this.#shardOptions));
    }
    this.#checkpoint.keepOnly(new Set(this.#shards.keys()));
  }

  async #listShards(): Promise<Shard[]> {
    const { client, streamArn } = this.#options;
    const shards: Shard[] = [];
    let last: string | undefined;
    do {
      const answer = await client.send(
        new DescribeStreamCommand({ StreamArn: streamArn, ...(last && { ExclusiveStartShardId: last }) }),
      );
      shards.push(...(answer.StreamDescription?.Shards ?? []));
      last = answer.StreamDescription?.LastEvaluatedShardId;
    } while (last !== undefined);
    return shards;
  }
}
