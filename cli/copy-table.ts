import {
  type AttributeValue,
  BatchWriteItemCommand,
  type DynamoDBClient,
  ScanCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { Problem } from '#shared/domain/problems.ts';

/** BatchWriteItem takes 25 (amazondynamodb/latest/APIReference/API_BatchWriteItem.html). */
const atOnce = 25;
/** A table that takes nothing for so many tries in a row is not copied to by waiting. */
const attempts = 10;

type Item = Record<string, AttributeValue>;

export interface Copied {
  written: number;
  deleted: number;
}

/**
 * Makes one table hold what another holds: writes every item of `from`, and deletes what `from` has not. May be run again after it
 * stopped. Nobody else may write to `to` meanwhile. Throws the SDK's errors, one if the table goes on refusing, and Problem `usage`
 * if `from` is `to` or holds nothing: then all of `to` would go.
 */
export async function copyTable(
  client: DynamoDBClient,
  { from, to }: { from: string; to: string },
  wait: (seconds: number) => Promise<void>,
): Promise<Copied> {
  if (from === to) throw new Problem('usage', 'The restored table and the table that takes its content are the same.');
  const kept = new Set<string>();
  const copied: Copied = { written: 0, deleted: 0 };
  for await (const items of pages(client, from)) {
    for (const item of items) kept.add(nameOf(item));
    await writeAll(
      client,
      to,
      items.map((Item) => ({ PutRequest: { Item } })),
      wait,
    );
    copied.written += items.length;
  }
  if (kept.size === 0) throw new Problem('usage', `${from} holds nothing. Are the two tables in the right order?`);
  for await (const items of pages(client, to)) {
    const foreign = items.filter((item) => !kept.has(nameOf(item)));
    await writeAll(client, to, foreign.flatMap(parted), wait);
    const deletes = foreign.map((item) => ({ DeleteRequest: { Key: keyOf(item) } }));
    await writeAll(client, to, deletes, wait);
    copied.deleted += foreign.length;
  }
  return copied;
}

/**
 * An instance's record leads to its server, where its history is. Before the record goes, it parts from the server: the stream
 * sees that and notes in the history where to look (docs/decisions/0013-history-is-kept-once.md).
 */
function parted({ server, ...rest }: Item): WriteRequest[] {
  return rest.kind?.S === 'instance' && server ? [{ PutRequest: { Item: rest } }] : [];
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
