import {
  type DynamoDBClient,
  GetItemCommand,
  type TransactWriteItem,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { type Item, itemSizeBytes } from './item-size.ts';

/** One item that a request wrote or tried to write: the images before and after, undefined where there was none. */
export interface Write {
  before: Item | undefined;
  after: Item | undefined;
}

/** One unit per started KB of the larger image; a refused write is billed by what stands there, and one where nothing does. */
export function writeUnits({ before, after }: Write): number {
  const bytes = Math.max(...[before, after].map((item) => (item ? itemSizeBytes(item) : 0)));
  return Math.max(1, Math.ceil(bytes / 1024));
}

/** In the index `due`: one unit to add or to remove an entry, two to move one, none where it stays or never was. */
export function indexUnits({ before, after }: Write): number {
  const [was, is] = [indexEntry(before), indexEntry(after)];
  return was === is ? 0 : Number(was !== null) + Number(is !== null);
}

const indexEntry = (item: Item | undefined): string | null =>
  item?.dueShard?.S !== undefined && item.due?.S !== undefined ? `${item.dueShard.S} ${item.due.S}` : null;

interface CountedRequest {
  /** As the SDK names it: `PutItemCommand`. */
  command: string;
  /** The items written, `<pk> <sk>`. */
  items: readonly string[];
  writes: number;
  reads: number;
  refused: boolean;
}

/** What a client's requests cost since counting began. The SDK's own retries are not seen. */
export interface Cost {
  readonly writes: number;
  readonly reads: number;
  readonly requests: readonly CountedRequest[];
  stop(): void;
}

/** Requests that Muster does not send; one that came to be sent must not go uncounted. */
const uncounted = ['TransactGetItemsCommand', 'ScanCommand', 'ExecuteStatementCommand'];
const reading = ['GetItemCommand', 'BatchGetItemCommand', 'QueryCommand'];
const writing = [
  ...['PutItemCommand', 'UpdateItemCommand', 'DeleteItemCommand'],
  ...['TransactWriteItemsCommand', 'BatchWriteItemCommand'],
];

/**
 * Counts the units of every request that the client sends from now on: writes from the sizes of the images
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html), since DynamoDB Local
 * bills a transaction as single writes; reads as DynamoDB Local bills them. The images are read around each write: two
 * writers of one item must take turns.
 */
export function countCost(client: DynamoDBClient): Cost {
  const requests: CountedRequest[] = [];
  const looks = new WeakSet<object>();
  const look: Look = async ({ TableName, Key }) => {
    const input = { TableName, Key, ConsistentRead: true };
    looks.add(input);
    return (await client.send(new GetItemCommand(input))).Item;
  };
  client.middlewareStack.add(
    (next, { commandName: command = '' }) =>
      async (args) => {
        if (looks.has(args.input)) return next(args);
        if (uncounted.includes(command)) throw new Error(`${command} is not counted yet`);
        if (reading.includes(command)) {
          const answer = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } });
          requests.push({
            command,
            items: [],
            writes: 0,
            reads: readUnits(answer.output as ReadOutput),
            refused: false,
          });
          return answer;
        }
        return writing.includes(command)
          ? countWrites({ command, targets: targetsOf(args.input as WriteInput), look, requests }, () => next(args))
          : next(args);
      },
    { step: 'initialize', name: 'countCost' },
  );
  return {
    get writes() {
      return requests.reduce((sum, { writes }) => sum + writes, 0);
    },
    get reads() {
      return requests.reduce((sum, { reads }) => sum + reads, 0);
    },
    requests,
    stop: () => void client.middlewareStack.remove('countCost'),
  };
}

interface Target {
  TableName: string | undefined;
  Key: Item;
}
type Look = (target: Target) => Promise<Item | undefined>;
type Counting = { command: string; targets: Target[]; look: Look; requests: CountedRequest[] };

async function countWrites<Answer>(counting: Counting, send: () => Promise<Answer>): Promise<Answer> {
  const { command, targets, look, requests } = counting;
  const before = await Promise.all(targets.map(look));
  const count = async (refused: boolean) => {
    const after = await Promise.all(targets.map(look));
    // A transaction prepares every item and then commits it; a cancelled one is billed as well.
    const times = command === 'TransactWriteItemsCommand' ? 2 : 1;
    const writes = targets
      .map((_, i): Write => ({ before: before[i], after: after[i] }))
      .reduce((sum, write) => sum + times * writeUnits(write) + indexUnits(write), 0);
    const items = targets.map(({ Key }) => `${Key.pk?.S} ${Key.sk?.S}`);
    requests.push({ command, items, writes, reads: 0, refused });
  };
  try {
    const answer = await send();
    await count(false);
    return answer;
  } catch (error) {
    await count(true);
    throw error;
  }
}

interface ItemWrite {
  TableName?: string | undefined;
  Key?: Item | undefined;
  Item?: Item | undefined;
}
type WriteInput = ItemWrite & { TransactItems?: TransactWriteItem[]; RequestItems?: Record<string, WriteRequest[]> };

function targetsOf({ TransactItems, RequestItems, ...single }: WriteInput): Target[] {
  const inTransaction = TransactItems?.flatMap(({ Put, Update, Delete, ConditionCheck }): ItemWrite[] =>
    [Put, Update, Delete, ConditionCheck].filter((write) => write !== undefined),
  );
  // A batch is billed as its single writes.
  const inBatch =
    RequestItems &&
    Object.entries(RequestItems).flatMap(([TableName, requests]) =>
      requests.map(({ PutRequest, DeleteRequest }): ItemWrite => ({ TableName, ...PutRequest, ...DeleteRequest })),
    );
  return (inTransaction ?? inBatch ?? [single]).map(({ TableName, Item, Key }) => {
    const { pk, sk } = Item ?? Key ?? {};
    if (!pk || !sk) throw new Error('a write without a key');
    return { TableName, Key: { pk, sk } };
  });
}

type ReadOutput = { ConsumedCapacity?: { CapacityUnits?: number } | { CapacityUnits?: number }[] };

const readUnits = ({ ConsumedCapacity = [] }: ReadOutput): number =>
  [ConsumedCapacity].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
