import {
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  PutItemCommand,
  TransactionCanceledException,
  TransactionConflictException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { conditionOf, Placeholders, type Test, type Update, updateOf } from './expressions.ts';
import type { ItemKey } from './keys.ts';
import { getItem } from './read.ts';
import { type Item, keyOfItem, marshalledKey, type Table } from './table.ts';

export interface Put {
  item: Item;
  /** Without any, the item replaces whatever is there. */
  tests: readonly Test[];
}

/** What became of a conditional write: if refused, the item that stands there, at no read's cost. */
export type Written = { done: true } | { done: false; standing: Item | undefined };

export async function putItem(table: Table, { item, tests }: Put): Promise<Written> {
  const { client, tableName: TableName } = table;
  const command = new PutItemCommand({ TableName, Item: item, ...refusable(tests, new Placeholders()) });
  return unlessRefused(table, keyOfItem(item), () => client.send(command));
}

/** Changes an item that is there; it never makes one. */
export async function updateItem(table: Table, key: ItemKey, update: Update, tests: readonly Test[]): Promise<Written> {
  const { client, tableName: TableName } = table;
  const to = new Placeholders();
  const UpdateExpression = updateOf(update, to);
  const refusal = refusable([{ attribute: 'pk', is: 'present' }, ...tests], to);
  const command = new UpdateItemCommand({ TableName, Key: marshalledKey(key), UpdateExpression, ...refusal });
  return unlessRefused(table, key, () => client.send(command));
}

function refusable(tests: readonly Test[], to: Placeholders) {
  if (tests.length === 0) return {};
  const ConditionExpression = conditionOf(tests, to);
  return { ConditionExpression, ...to.members(), ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const };
}

async function unlessRefused(table: Table, key: ItemKey, write: () => Promise<unknown>): Promise<Written> {
  try {
    await write();
    return { done: true };
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return { done: false, standing: error.Item };
    // A transaction on the item was under way: whoever decides anew needs what stands there now.
    if (error instanceof TransactionConflictException) return { done: false, standing: await getItem(table, key) };
    throw error;
  }
}

/** Makes an item that only has to be there; a transaction on it is waited for. */
export async function ensureItem(table: Table, item: Item): Promise<void> {
  for (let attempt = 0; attempt < patience; attempt++) {
    const written = await putItem(table, { item, tests: [{ attribute: 'pk', is: 'absent' }] });
    if (written.done || written.standing) return;
  }
  throw new Error(`transactions on ${item.pk?.S} do not end`);
}

/** A transaction takes some ten milliseconds, and as long do a refused write and the read behind it. */
const patience = 50;

/** An item that a transaction leaves as it is. */
export interface Check {
  key: ItemKey;
  tests: readonly Test[];
}

/** All puts or none. False where a condition fails or another transaction is under way; SDKs retry neither (transaction-apis.html). */
export async function putAll(
  { client, tableName: TableName }: Table,
  puts: readonly Put[],
  checks: readonly Check[] = [],
): Promise<boolean> {
  const named = new Set(puts.map(({ item }) => JSON.stringify(keyOfItem(item))));
  if (named.size < puts.length) throw new Error('a transaction changes a record once at most');
  const conditional = (tests: readonly Test[]) => {
    const to = new Placeholders();
    return { TableName, ConditionExpression: conditionOf(tests, to), ...to.members() };
  };
  const TransactItems: TransactWriteItem[] = [
    ...puts.map(({ item, tests }) => ({ Put: { Item: item, ...conditional(tests) } })),
    ...checks.map(({ key, tests }) => ({ ConditionCheck: { Key: marshalledKey(key), ...conditional(tests) } })),
  ];
  try {
    await client.send(new TransactWriteItemsCommand({ TransactItems }));
    return true;
  } catch (error) {
    if (error instanceof TransactionCanceledException && isLost(error)) return false;
    throw error;
  }
}

const losses: readonly (string | undefined)[] = ['None', 'ConditionalCheckFailed', 'TransactionConflict'];
const isLost = ({ CancellationReasons }: TransactionCanceledException): boolean =>
  CancellationReasons?.every(({ Code }) => losses.includes(Code)) ?? false;

export async function deleteItem(table: Table, key: ItemKey, tests: readonly Test[] = []): Promise<Written> {
  const { client, tableName: TableName } = table;
  const command = new DeleteItemCommand({
    TableName,
    Key: marshalledKey(key),
    ...refusable(tests, new Placeholders()),
  });
  return unlessRefused(table, key, () => client.send(command));
}

/** BatchWriteItem takes so many items (amazondynamodb/latest/APIReference/API_BatchWriteItem.html). */
export const itemsPerBatch = 25;

/** How long items that DynamoDB did not take wait before they are sent again, in milliseconds: exponential, as that page says. */
const batchPausesMs = [50, 100, 200, 400, 800];

/**
 * Puts at most `itemsPerBatch` items of different keys without conditions, in as many requests as it takes. Returns the keys of those
 * that DynamoDB did not take in the end.
 */
export async function putBatch(
  { client, tableName }: Table,
  items: readonly Item[],
  pause: (milliseconds: number) => Promise<unknown>,
): Promise<ItemKey[]> {
  let requests: WriteRequest[] = items.map((Item) => ({ PutRequest: { Item } }));
  for (const pauseMs of [...batchPausesMs, null]) {
    const { UnprocessedItems } = await client.send(
      new BatchWriteItemCommand({ RequestItems: { [tableName]: requests } }),
    );
    requests = UnprocessedItems?.[tableName] ?? [];
    if (requests.length === 0 || pauseMs === null) break;
    await pause(pauseMs);
  }
  return requests.map(({ PutRequest }) => keyOfItem(PutRequest?.Item ?? {}));
}
