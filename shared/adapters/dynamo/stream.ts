import type { DynamoDBRecord } from 'aws-lambda';
import type { InstanceChange } from '#shared/app/publish-changes.ts';
import { seconds } from '#shared/domain/time.ts';
import { fromInstanceItem } from './instance-item.ts';
import type { Item } from './table.ts';

type Image = NonNullable<DynamoDBRecord['dynamodb']>['NewImage'];

/** What a stream's record tells of an instance; undefined for other kinds of items and for an item that went. */
export function readInstanceChange({ dynamodb }: DynamoDBRecord): InstanceChange | undefined {
  const after = instanceIn(dynamodb?.NewImage);
  if (!after) return undefined;
  // The stream's own time is the same at every delivery, and so is what is made of it.
  return {
    before: instanceIn(dynamodb?.OldImage),
    after,
    changedAt: seconds(dynamodb?.ApproximateCreationDateTime ?? 0),
  };
}

// Lambda's types and the SDK's are two descriptions of one JSON; binary attributes, where they differ, Muster has none of.
const instanceIn = (image: Image) => (image?.kind?.S === 'instance' ? fromInstanceItem(image as Item) : undefined);
