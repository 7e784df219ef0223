import {
  type DynamoDBStreamsClient,
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import type { DynamoDBRecord } from 'aws-lambda';
import {
  firstFailure,
  halves,
  restFrom,
  type StreamBatch,
  type StreamHandler,
  sequenceNumber,
} from './stream-batch.ts';
import type { StreamCheckpoint } from './stream-checkpoint.ts';
import { lambdaRecord } from './stream-record.ts';

/** What the shards of one stream share. */
export interface ShardOptions {
  readonly client: Pick<DynamoDBStreamsClient, 'send'>;
  readonly streamArn: string;
  readonly checkpoint: Pick<StreamCheckpoint, 'get' | 'set'>;
  readonly handler: StreamHandler;
  /** The event source mapping's filter: records that it does not want never reach the handler. */
  readonly wants: (record: DynamoDBRecord) => boolean;
  readonly batchSize: number;
  readonly maximumRetryAttempts: number;
  readonly now: () => Date;
  /** Takes a batch that was given up, to where it can be found. */
  readonly setAside: (batch: StreamBatch, shardId: string) => void;
  readonly onError: (error: unknown) => void;
}

const firstRetryMs = 200;
const longestRetryMs = 30_000;

/** Reads one shard in order and hands it on batch by batch. Nothing is read past a batch that is not dealt with. */
export class StreamShard {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly #options: ShardOptions;
  /** Reading goes on after this sequence number; null: from the oldest record that the stream still has. */
  #after: string | null;
  #iterator: string | undefined;
  #ended: boolean;
  #pending: StreamBatch[] = [];
  #retryAt = 0;

  constructor(id: string, parentId: string | undefined, options: ShardOptions) {
    this.id = id;
    this.parentId = parentId;
    this.#options = options;
    const progress = options.checkpoint.get(id);
    this.#after = progress.after;
    this.#ended = progress.finished;
  }

  /** True once every record of a closed shard is dealt with. */
  get finished(): boolean {
    return this.#ended && this.#pending.length === 0;
  }

  get waiting(): boolean {
    return this.#pending.length > 0;
  }

  /** Deals with everything there is, or up to a batch that has to wait for its next try. Rejects as the SDK does. */
  async turn(): Promise<void> {
    do {
      if (!(await this.#deliverPending())) return;
    } while (!this.#ended && (await this.#read()));
  }

  /** One page. False if it held no record. */
  async #read(): Promise<boolean> {
    try {
      this.#iterator ??= await this.#newIterator();
      const page = await this.#options.client.send(
        new GetRecordsCommand({ ShardIterator: this.#iterator, Limit: this.#options.batchSize }),
      );
      this.#iterator = page.NextShardIterator;
      const records = (page.Records ?? []).map((record) => lambdaRecord(record, this.#options.streamArn));
      this.#accept(records);
      if (page.NextShardIterator === undefined) this.#end();
      return records.length > 0;
    } catch (error) {
      if (error instanceof TrimmedDataAccessException && this.#after !== null) this.#after = null;
      else if (!(error instanceof ExpiredIteratorException)) throw error;
      this.#iterator = undefined;
      return true;
    }
  }

  async #newIterator(): Promise<string | undefined> {
    const { client, streamArn } = this.#options;
    const from =
      this.#after === null
        ? { ShardIteratorType: 'TRIM_HORIZON' as const }
        : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' as const, SequenceNumber: this.#after };
    const answer = await client.send(new GetShardIteratorCommand({ StreamArn: streamArn, ShardId: this.id, ...from }));
    return answer.ShardIterator;
  }

  #accept(records: readonly DynamoDBRecord[]): void {
    const last = records.at(-1);
    if (!last) return;
    this.#pending.push({ records: records.filter(this.#options.wants), last: sequenceNumber(last), attempts: 0 });
  }

  #end(): void {
    this.#ended = true;
    if (this.#pending.length === 0) this.#keep(this.#after);
  }

  #keep(after: string | null): void {
    this.#after = after;
    this.#options.checkpoint.set(this.id, { after, finished: this.finished });
  }

  /** False if the first batch in line has to wait. */
  async #deliverPending(): Promise<boolean> {
    for (let batch = this.#pending[0]; batch; batch = this.#pending[0]) {
      if (this.#options.now().getTime() < this.#retryAt) return false;
      const failed = await this.#firstFailureOf(batch);
      if (failed === null) this.#done(batch.last);
      else this.#failed(restFrom(batch, failed));
    }
    return true;
  }

  async #firstFailureOf(batch: StreamBatch): Promise<number | null> {
    if (batch.records.length === 0) return null;
    try {
      const answer = await this.#options.handler({ Records: [...batch.records] });
      return firstFailure(answer ?? undefined, batch);
    } catch (error) {
      this.#options.onError(error);
      return 0;
    }
  }

  #done(last: string): void {
    this.#pending.shift();
    this.#keep(last);
  }

  #failed(batch: StreamBatch): void {
    if (batch.records.length > 1) {
      this.#pending.splice(0, 1, ...halves(batch));
      return;
    }
    const attempts = batch.attempts + 1;
    if (attempts > this.#options.maximumRetryAttempts) {
      this.#options.setAside({ ...batch, attempts }, this.id);
      this.#done(batch.last);
      return;
    }
    this.#pending[0] = { ...batch, attempts };
    const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** batch.attempts);
    this.#retryAt = this.#options.now().getTime() + delayMs;
  }
}
