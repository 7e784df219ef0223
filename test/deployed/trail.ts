import { CloudTrailClient, LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
import type { Stack } from '#local/stack/stack.ts';

/** One call in the emulator's trail, as far as it is read. */
interface Call {
  eventName: string;
  requestParameters: ItemRequest & {
    TableName?: string;
    IndexName?: string;
    QueueUrl?: string;
    Entries?: { EventBusName?: string }[];
    TransactItems?: Record<string, ItemRequest & { TableName: string }>[];
    RequestItems?: Record<string, ({ PutRequest?: ItemRequest } | { Keys?: ItemRequest['Key'][] })[]>;
  };
}

/** The members of a DynamoDB request that name the partition of its items. */
interface ItemRequest {
  Key?: { pk?: { S?: string } };
  Item?: ItemRequest['Key'];
  ExpressionAttributeValues?: Record<string, { S?: string }>;
  KeyConditionExpression?: string;
}

/** One action that was called. */
export interface Use {
  /** `<action> on <what>`. */
  action: string;
  /** The partition key of the item, or of the items, that a request to DynamoDB names: AWS's condition key `dynamodb:LeadingKeys`. */
  leadingKey: string | undefined;
}

/** The actions that were called with an access key; a look sees the fifty newest calls of each name. */
export async function usedBy({ root }: Pick<Stack, 'root'>, accessKeyId: string): Promise<Use[]> {
  const trail = new CloudTrailClient(root);
  const lookUp = async (eventName: string): Promise<Call[]> => {
    const LookupAttributes = [
      { AttributeKey: 'AccessKeyId' as const, AttributeValue: accessKeyId },
      { AttributeKey: 'EventName' as const, AttributeValue: eventName },
    ];
    const { Events = [] } = await trail.send(new LookupEventsCommand({ LookupAttributes }));
    return Events.map(({ CloudTrailEvent = '{}' }) => JSON.parse(CloudTrailEvent) as Call);
  };
  try {
    const calls = await Promise.all(operations.map(lookUp));
    return calls.flat().flatMap(usesOf);
  } finally {
    trail.destroy();
  }
}

/** What Muster's functions call by themselves; EC2 is asked elsewhere (simulated-cloud.ts counts that). */
const operations = [
  ...[
    'GetItem',
    'PutItem',
    'UpdateItem',
    'DeleteItem',
    'Query',
    'TransactWriteItems',
    'BatchGetItem',
    'BatchWriteItem',
  ],
  ...['SendMessage', 'SendMessageBatch', 'ChangeMessageVisibility', 'PutEvents'],
];

/** A transaction asks for the actions of its parts: amazondynamodb/latest/developerguide/transaction-apis-iam.html */
const partActions: Record<string, string> = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
};

function usesOf({ eventName, requestParameters }: Call): Use[] {
  const { TableName, IndexName, QueueUrl, Entries, TransactItems, RequestItems } = requestParameters;
  if (TransactItems) {
    return TransactItems.flatMap((item) =>
      Object.entries(item).map(([kind, part]) => ({
        action: `dynamodb:${partActions[kind]} on ${part.TableName}`,
        leadingKey: leadingKeyOf(part),
      })),
    );
  }
  if (RequestItems) {
    return Object.entries(RequestItems).flatMap(([table, requests]) =>
      requests.map((request) => ({
        action: `dynamodb:${eventName} on ${table}`,
        leadingKey: 'PutRequest' in request && request.PutRequest ? leadingKeyOf(request.PutRequest) : undefined,
      })),
    );
  }
  if (TableName) {
    const action = `dynamodb:${eventName} on ${TableName}${IndexName ? `/index/${IndexName}` : ''}`;
    return [{ action, leadingKey: leadingKeyOf(requestParameters) }];
  }
  const others = QueueUrl
    ? // SendMessageBatch is no action of its own: service-authorization/latest/reference/list_amazonsqs.html
      [`sqs:${eventName.replace(/Batch$/, '')} on ${QueueUrl.slice(QueueUrl.lastIndexOf('/') + 1)}`]
    : (Entries ?? []).map(({ EventBusName }) => `events:${eventName} on ${EventBusName}`);
  return others.map((action) => ({ action, leadingKey: undefined }));
}

/** A query of Muster's names the partition in the first comparison of its key condition. */
function leadingKeyOf({ Key, Item, KeyConditionExpression, ExpressionAttributeValues }: ItemRequest) {
  const first = /= (:\w+)/.exec(KeyConditionExpression ?? '')?.[1];
  return Key?.pk?.S ?? Item?.pk?.S ?? (first && ExpressionAttributeValues?.[first]?.S);
}
