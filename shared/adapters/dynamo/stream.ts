import type { DynamoDBRecord } from 'aws-lambda';
import type { PublishedChange, UnreadableChange } from '#shared/app/events/publish-changes.ts';
import { isTold, type Kind, subjectOfKey } from '#shared/app/records/registry.ts';
import { seconds } from '#shared/domain/time.ts';
import { readRecord } from './items.ts';
import { type Item, keyOfItem } from './table.ts';

type Image = NonNullable<DynamoDBRecord['dynamodb']>['NewImage'];

/** A change that consumers may be told of. Undefined for other items, for kinds of which nothing is told, and for a record that is gone. */
export function readChange({ dynamodb }: DynamoDBRecord): PublishedChange | UnreadableChange | undefined {
  const kind = dynamodb?.NewImage?.kind?.S;
  // Of the other kinds nothing is told, so an image of theirs that cannot be read stops nothing.
  if (!isTold(kind)) return undefined;
  try {
    const after = recordIn(kind, dynamodb?.NewImage);
    const before = recordIn(kind, dynamodb?.OldImage);
    // The stream's own time is the same at every delivery, and so are the events that are made of it.
    const changedAt = seconds(dynamodb?.ApproximateCreationDateTime ?? 0);
    return { kind, before, after, changedAt } as PublishedChange;
  } catch (error) {
    const key = keyOfItem(dynamodb?.NewImage as Item);
    return { record: subjectOfKey(key)?.id ?? `${key.pk} ${key.sk}`, error };
  }
}

// Lambda's types and the SDK's describe one JSON. They differ in binary attributes, which Muster does not have.
const recordIn = (kind: Kind, image: Image) => (image?.kind?.S === kind ? readRecord(kind, image as Item) : undefined);
