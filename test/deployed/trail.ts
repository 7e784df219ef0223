import { CloudTrailClient, LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
import type { Stack } from '#local/stack/stack.ts';

/** One call in the emulator's trail, as far as it is read. */
interface Call {
  eventName: string;
  requestParameters: {
    TableName?: string;
    IndexName?: string;
    QueueUrl?: string;
    Entries?: { EventBusName?: string }[];
    TransactItems?: Record<string, { TableName: string }>[];
  };
}

/** The actions that were called with an access key, as `<action> on <what>`; a look sees the fifty newest calls of each name. */
export async function usedBy({ root }: Pick<Stack, 'root'>, accessKeyId: string): Promise<Set<string>> {
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
    return new Set(calls.flat().flatMap(actionsOf));
  } finally {
    trail.destroy();
  }
}

/** What Muster's functions call by themselves; EC2 is asked elsewhere (simulated-cloud.ts counts that). */
const operations = [
  ...['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query', 'TransactWriteItems', 'BatchGetItem'],
  ...['SendMessage', 'SendMessageBatch', 'ChangeMessageVisibility', 'PutEvents'],
];

/** A transaction asks for the actions of its parts: amazondynamodb/latest/developerguide/transaction-apis-iam.html */
const partActions: Record<string, string> = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
};

function actionsOf({ eventName, requestParameters }: Call): string[] {
  const { TableName, IndexName, QueueUrl, Entries, TransactItems } = requestParameters;
  if (TransactItems) {
    return TransactItems.flatMap((item) =>
      Object.entries(item).map(([kind, part]) => `dynamodb:${partActions[kind]} on ${part.TableName}`),
    );
  }
  if (TableName) return [`dynamodb:${eventName} on ${TableName}${IndexName ? `/index/${IndexName}` : ''}`];
  // SendMessageBatch is no action of its own: service-authorization/latest/reference/list_amazonsqs.html
  if (QueueUrl) return [`sqs:${eventName.replace(/Batch$/, '')} on ${QueueUrl.slice(QueueUrl.lastIndexOf('/') + 1)}`];
  return (Entries ?? []).map(({ EventBusName }) => `events:${eventName} on ${EventBusName}`);
}
