import type { _Record } from '@aws-sdk/client-dynamodb-streams';
import type { DynamoDBRecord, StreamRecord } from 'aws-lambda';

/** A stream record as Lambda hands it to a function: lambda/latest/dg/with-ddb.html. Times are epoch seconds, bytes base64. */
export function lambdaRecord(record: _Record, streamArn: string): DynamoDBRecord {
  const { eventID, eventName, eventVersion, eventSource, awsRegion, userIdentity, dynamodb = {} } = record;
  const { ApproximateCreationDateTime: created, ...rest } = dynamodb;
  const change = { ...withTextBytes(rest), ...(created && { ApproximateCreationDateTime: created.getTime() / 1000 }) };
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

function withTextBytes(value: unknown): object {
  const text = JSON.stringify(value, (_key, part: unknown) =>
    part instanceof Uint8Array ? Buffer.from(part).toString('base64') : part,
  );
  return JSON.parse(text);
}
