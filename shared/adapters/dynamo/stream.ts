import type { DynamoDBRecord } from 'aws-lambda';
import type { InstanceChange, KeyChange } from '#shared/app/events/publish-changes.ts';
import { seconds } from '#shared/domain/time.ts';
import { fromInstanceItem } from './instance-item.ts';
import { readKey } from './items.ts';
import type { Item } from './table.ts';

type Image = NonNullable<DynamoDBRecord['dynamodb']>['NewImage'];

/** What a stream's record tells of an instance; undefined for other kinds of items and for an item that went. */
export function readInstanceChange({ dynamodb }: DynamoDBRecord): InstanceChange | undefined {
  const after = instanceIn(dynamodb?.NewImage);
  return after && { before: instanceIn(dynamodb?.OldImage), after, changedAt: changedAt(dynamodb) };
}

/** What a stream's record tells of an enrollment key; undefined for other kinds of items and for an item that went. */
export function readKeyChange({ dynamodb }: DynamoDBRecord): KeyChange | undefined {
  const after = keyIn(dynamodb?.NewImage);
  return after && { kind: 'key', before: keyIn(dynamodb?.OldImage), after, changedAt: changedAt(dynamodb) };
}

/** The stream's own time is the same at every delivery, and so is what is made of it. */
const changedAt = (dynamodb: DynamoDBRecord['dynamodb']) => seconds(dynamodb?.ApproximateCreationDateTime ?? 0);

// Lambda's types and the SDK's are two descriptions of one JSON; binary attributes, where they differ, Muster has none of.
const instanceIn = (image: Image) => (image?.kind?.S === 'instance' ? fromInstanceItem(image as Item) : undefined);
const keyIn = (image: Image) => (image?.kind?.S === 'key' ? readKey(image as Item) : undefined);
