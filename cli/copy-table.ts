import {
  type AttributeValue,
  BatchWriteItemCommand,
  type DynamoDBClient,
  ScanCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { putOf, readRecord } from '#shared/adapters/dynamo/items.ts';
import { newInstance } from '#shared/domain/instance/instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import type { Instant } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';

/** BatchWriteItem takes 25 (amazondynamodb/latest/APIReference/API_BatchWriteItem.html). */
const atOnce = 25;
/** A table that takes nothing for so many tries in a row is not copied to by waiting. */
const attempts = 10;
/**
 * A copied record goes on with so much higher a version. Whoever listens on the bus orders events by the record's version, and the
 * history is kept by it, so no version of the lost time may come again. A restore reaches back 35 days
 * (amazondynamodb/latest/developerguide/Point-in-time-recovery.html), and an agent's word, the most frequent change, changes a record every
 * 5 s at most: 604,800 times.
 */
const versionsAhead = 1_000_000;

type Item = Record<string, AttributeValue>;

export interface Copied {
  written: number;
  /** What was only in the table that takes the content. Of an instance the id stays. */
  deleted: number;
}

/**
 * Makes one table hold what another holds: writes every item of `from` with a higher version, and deletes what `from` has not. An
 * instance that `from` does not know stays as one of which nothing is known: so its next version is higher as well, and a sweep finds
 * out the rest. May be run again after it stopped. Nobody else may write to `to` meanwhile. Throws the SDK's errors, one if the table
 * goes on refusing, and Problem `usage` if `from` is `to` or holds nothing: then all of `to` would go.
 */
export async function copyTable(
  client: DynamoDBClient,
  { from, to }: { from: string; to: string },
  { wait, now }: { wait: (seconds: number) => Promise<void>; now: () => Instant },
): Promise<Copied> {
  if (from === to) throw new Problem('usage', 'The restored table and the table that takes its content are the same.');
  const kept = new Set<string>();
  const copied: Copied = { written: 0, deleted: 0 };
  for await (const items of pages(client, from)) {
    for (const item of items) kept.add(nameOf(item));
    await writeAll(
      client,
      to,
      items.map((item) => ({ PutRequest: { Item: ahead(item) } })),
      wait,
    );
    copied.written += items.length;
  }
  if (kept.size === 0) throw new Problem('usage', `${from} holds nothing. Are the two tables in the right order?`);
  for await (const items of pages(client, to)) {
    const foreign = items.filter((item) => !kept.has(nameOf(item)));
    const requests = foreign.map((item) =>
      item.kind?.S === 'instance'
        ? { PutRequest: { Item: forgotten(item, now()) } }
        : { DeleteRequest: { Key: keyOf(item) } },
    );
    await writeAll(client, to, requests, wait);
    copied.deleted += foreign.length;
  }
  return copied;
}

const ahead = (item: Item): Item =>
  item.version?.N ? { ...item, version: { N: String(Number(item.version.N) + versionsAhead) } } : item;

/**
 * The record of an instance as if it had never been seen. It leads to no server any more: the stream sees that and notes in the
 * history where to look (docs/decisions/0013-history-is-kept-once.md).
 */
function forgotten(item: Item, now: Instant): Item {
  const before = readRecord('instance', item);
  return putOf({ kind: 'instance', before, after: newInstance(before, now) }, defaultTiming).item;
}

const keyOf = ({ pk, sk }: Item): Item => ({ pk: pk as AttributeValue, sk: sk as AttributeValue });
const nameOf = (item: Item): string => JSON.stringify(keyOf(item));

async function* pages(client: DynamoDBClient, TableName: string): AsyncGenerator<Item[], void> {
  let from: Item | undefined;
  do {
    const page = { TableName, ExclusiveStartKey: from, ConsistentRead: true };
    const { Items = [], LastEvaluatedKey } = await client.send(new ScanCommand(page));
    yield Items;
    from = LastEvaluatedKey;
  } while (from);
}

async function writeAll(
  client: DynamoDBClient,
  table: string,
  requests: readonly WriteRequest[],
  wait: (seconds: number) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < requests.length; start += atOnce) {
    let left = requests.slice(start, start + atOnce);
    for (let attempt = 0; left.length > 0; attempt++) {
      if (attempt === attempts) throw new Error(`${table} does not take what is written to it`);
      if (attempt > 0) await wait(Math.min(2 ** attempt, 30));
      const { UnprocessedItems } = await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: left } }));
      left = UnprocessedItems?.[table] ?? [];
    }
  }
}
