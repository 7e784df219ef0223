import { GetItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { conditionOf, Placeholders, type Test } from './expressions.ts';
import type { ItemKey } from './keys.ts';
import { type Item, marshalledKey, type Table } from './table.ts';

/** DynamoDB takes no longer keys (amazondynamodb/latest/developerguide/Constraints.html); what cannot be a key is not there. */
const canBeKey = ({ pk, sk }: ItemKey): boolean =>
  sk !== '' && Buffer.byteLength(sk) <= 1024 && Buffer.byteLength(pk) <= 2048;

/** A strongly consistent read. */
export async function getItem(table: Table, key: ItemKey): Promise<Item | undefined> {
  if (!canBeKey(key)) return undefined;
  const { client, tableName: TableName } = table;
  const { Item } = await client.send(new GetItemCommand({ TableName, Key: marshalledKey(key), ConsistentRead: true }));
  return Item;
}

export interface Query {
  pk: string;
  /** Only items that pass; the others are read and billed all the same. */
  tests?: readonly Test[];
  /** Only these sort keys, both ends included. */
  between?: { from: string; to: string };
  /** Exclusive; need not exist. */
  afterSortKey?: string | undefined;
  /** Only these attributes, by their paths. */
  attributes?: readonly string[];
  /** How many items one request looks at. */
  limit?: number;
}

/** The items of a partition in the order of their sort keys, read page by page as far as the caller goes. Strongly consistent. */
export async function* query({ client, tableName }: Table, asked: Query): AsyncGenerator<Item, void> {
  const to = new Placeholders();
  const isOfPartition = `${to.name('pk')} = ${to.value(asked.pk)}`;
  const { between, tests, attributes } = asked;
  const isBetween = between && ` AND ${to.name('sk')} BETWEEN ${to.value(between.from)} AND ${to.value(between.to)}`;
  const request = {
    TableName: tableName,
    KeyConditionExpression: isOfPartition + (isBetween ?? ''),
    ...(tests && { FilterExpression: conditionOf(tests, to) }),
    ...(attributes && { ProjectionExpression: attributes.map((path) => to.path(path)).join(', ') }),
    ...to.members(),
    ...(asked.limit !== undefined && { Limit: asked.limit }),
    ConsistentRead: true,
  };
  let from = asked.afterSortKey ? marshalledKey({ pk: asked.pk, sk: asked.afterSortKey }) : undefined;
  do {
    const { Items, LastEvaluatedKey } = await client.send(new QueryCommand({ ...request, ExclusiveStartKey: from }));
    yield* Items ?? [];
    from = LastEvaluatedKey;
  } while (from);
}

/** The entries of one partition of an index whose range is at most `upTo`, lowest first. Indexes are eventually consistent. */
export async function queryIndex(
  { client, tableName: TableName }: Table,
  index: { name: string; hash: readonly [string, string]; range: readonly [string, string]; limit: number },
): Promise<Item[]> {
  const to = new Placeholders();
  const [hash, is] = index.hash;
  const [range, upTo] = index.range;
  const KeyConditionExpression = `${to.name(hash)} = ${to.value(is)} AND ${to.name(range)} <= ${to.value(upTo)}`;
  const command = { TableName, IndexName: index.name, KeyConditionExpression, ...to.members(), Limit: index.limit };
  const { Items } = await client.send(new QueryCommand(command));
  return Items ?? [];
}
