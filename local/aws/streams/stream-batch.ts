import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';

/** The function behind a stream, with Lambda's answers: nothing, or the records that failed. */
// biome-ignore lint/suspicious/noConfusingVoidType: a Lambda handler may answer nothing at all
export type StreamHandler = (event: DynamoDBStreamEvent) => Promise<DynamoDBBatchResponse | void>;

/** Records of one shard, in order, that go to the function together. */
export interface StreamBatch {
  readonly records: readonly DynamoDBRecord[];
  /** The shard is dealt with up to this sequence number once the batch is. */
  readonly last: string;
  /** Failures so far of this batch's only record. */
  readonly attempts: number;
}

export function sequenceNumber(record: DynamoDBRecord): string {
  return record.dynamodb?.SequenceNumber ?? '';
}

/**
 * The index of the first record that failed, as the function's answer names it, or null if none did. A stream goes on
 * from there; an item that is not of this batch fails it from the start: lambda/latest/dg/services-ddb-batchfailurereporting.html.
 */
export function firstFailure(answer: DynamoDBBatchResponse | undefined, batch: StreamBatch): number | null {
  const named = (answer?.batchItemFailures ?? []).map((item) => item.itemIdentifier);
  if (named.length === 0) return null;
  const indexes = named.map((number) => batch.records.findIndex((record) => sequenceNumber(record) === number));
  return Math.max(0, Math.min(...indexes));
}

/** What is left of a batch from `index` on. */
export function restFrom(batch: StreamBatch, index: number): StreamBatch {
  return index === 0 ? batch : { ...batch, records: batch.records.slice(index), attempts: 0 };
}

/** The two halves of a batch of at least two records: bisecting finds the record that fails all the others. */
export function halves(batch: StreamBatch): [StreamBatch, StreamBatch] {
  const middle = Math.ceil(batch.records.length / 2);
  const first = batch.records.slice(0, middle);
  return [
    { records: first, last: sequenceNumber(first.at(-1) ?? {}), attempts: 0 },
    { records: batch.records.slice(middle), last: batch.last, attempts: 0 },
  ];
}

/** What Lambda puts into the failure destination in S3, payload included: lambda/latest/dg/services-dynamodb-errors.html. */
export function failureRecord(batch: StreamBatch, shardId: string, now: Date): object {
  return {
    requestContext: { condition: 'RetryAttemptsExhausted', approximateInvokeCount: batch.attempts },
    version: '1.0',
    timestamp: now.toISOString(),
    DDBStreamBatchInfo: {
      shardId,
      startSequenceNumber: sequenceNumber(batch.records[0] ?? {}),
      endSequenceNumber: batch.last,
      batchSize: batch.records.length,
      streamArn: batch.records[0]?.eventSourceARN ?? '',
    },
    payload: JSON.stringify({ Records: batch.records }),
  };
}
