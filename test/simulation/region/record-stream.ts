import {
  type _Record,
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import type { StreamHandler } from '#local/aws/streams/stream-batch.ts';
import type { ShardProgress } from '#local/aws/streams/stream-checkpoint.ts';
import { StreamShard } from '#local/aws/streams/stream-shard.ts';
import type { Clock } from '#local/clock.ts';
import { streamSettings } from '#local/topology.ts';
import { putOf } from '#shared/adapters/dynamo/items.ts';
import { keyOfItem } from '#shared/adapters/dynamo/table.ts';
import { isTold, type RecordChange } from '#shared/app/records/registry.ts';
import type { Timing } from '#shared/domain/timing.ts';

const { batchSize, maximumRetryAttempts } = streamSettings;

/** A change can be read this long after the write; Lambda looks again after as long. */
const delayMs = 200;

export interface RecordStreamOptions {
  clock: Clock;
  timing: Timing;
  handler: StreamHandler;
  onError: (error: unknown) => void;
}

/** The stream of a table whose records are in memory: one shard, read as Lambda's event source mapping reads it. */
export class RecordStream {
  readonly #records: _Record[] = [];
  readonly #clock: Clock;
  readonly #timing: Timing;
  readonly #shard: StreamShard;
  #progress: ShardProgress = { after: null, finished: false };
  #scheduled = false;

  constructor({ clock, timing, handler, onError }: RecordStreamOptions) {
    this.#clock = clock;
    this.#timing = timing;
    this.#shard = new StreamShard('shard', undefined, {
      client: this.#client(),
      streamArn: 'arn:aws:dynamodb:us-east-1:111122223333:table/main/stream/1',
      checkpoint: {
        get: () => this.#progress,
        set: (_id, progress) => {
          this.#progress = progress;
        },
      },
      handler,
      wants: ({ dynamodb }) => isTold(dynamodb?.NewImage?.kind?.S),
      ...{ batchSize, maximumRetryAttempts, onError },
      now: () => clock.now(),
      setAside: () => onError(new RangeError('a change was given up')),
    });
  }

  /** How many changes the function has not dealt with. */
  get waiting(): number {
    return this.#records.length - Number(this.#progress.after ?? 0);
  }

  add(change: RecordChange): void {
    const { before } = change;
    const NewImage = putOf(change, this.#timing).item;
    const earlier =
      before && ({ ...change, before: { ...before, version: before.version - 1 }, after: before } as RecordChange);
    this.#records.push({
      eventName: before ? 'MODIFY' : 'INSERT',
      dynamodb: {
        Keys: keyOfItem(NewImage) as never,
        NewImage,
        ...(earlier && { OldImage: putOf(earlier, this.#timing).item }),
        SequenceNumber: String(this.#records.length + 1),
        // DynamoDB's own times are whole seconds.
        ApproximateCreationDateTime: new Date(Math.floor(this.#clock.now().getTime() / 1000) * 1000),
      },
    });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.after(delayMs, async () => {
      this.#scheduled = false;
      await this.#shard.turn();
      if (this.waiting > 0) this.#schedule();
    });
  }

  /** Iterators are positions among the records. */
  #client(): Pick<DynamoDBStreamsClient, 'send'> {
    const send = async (command: unknown) => {
      if (command instanceof GetShardIteratorCommand) return { ShardIterator: command.input.SequenceNumber ?? '0' };
      if (!(command instanceof GetRecordsCommand)) throw new Error('the stream is asked something else');
      const { ShardIterator = '0', Limit = batchSize } = command.input;
      const Records = this.#records.slice(Number(ShardIterator), Number(ShardIterator) + Limit);
      return { Records, NextShardIterator: String(Number(ShardIterator) + Records.length) };
    };
    return { send } as Pick<DynamoDBStreamsClient, 'send'>;
  }
}
