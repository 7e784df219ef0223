import type { _Record } from '@aws-sdk/client-dynamodb-streams';
import type { DynamoDBRecord, StreamRecord } from 'aws-lambda';

/** A stream record as Lambda hands it to a function: lambda/latest/dg/with-ddb.html. Times are epoch seconds, bytes base64. */
export function lambdaRecord(record: _Record, streamArn: string): DynamoDBRecord {
  const { eventID, eventName, eventVersion, eventSource, awsRegion, userIdentity, dynamodb = {} } = record;
  const { ApproximateCreationDateTime: created, ...rest } = dynamodb;
  const change = { ...asOnAws(rest), ...(created && { ApproximateCreationDateTime: created.getTime() / 1000 }) };
  return {
    ...(eventID && { eventID }),
    ...(eventName && { eventName }),
    ...(eventVersion && { eventVersion }),
    ...(eventSource && { eventSource }),
    ...(awsRegion && { awsRegion }),
    eventSourceARN: streamArn,
    dynamodb: change as StreamRecord,
    ...(userIdentity && {
      userIdentity: { type: userIdentity.Type, principalId: userIdentity.PrincipalId },
    }),
  };
}

/** Lambda sends bytes as base64. DynamoDB Local 3.3 leaves an empty map's type out, `{}`, where AWS sends `{"M":{}}`. */
function asOnAws(images: object): object {
  const text = JSON.stringify(images, (name, part: unknown) => {
    if (part instanceof Uint8Array) return Buffer.from(part).toString('base64');
    const isEmpty = typeof part === 'object' && part !== null && Object.keys(part).length === 0;
    return isEmpty && !Array.isArray(part) && name !== 'M' ? { M: {} } : part;
  });
  return JSON.parse(text);
}
