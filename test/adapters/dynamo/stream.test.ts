import type { DynamoDBRecord } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import { toInstanceItem } from '#shared/adapters/dynamo/instance-item.ts';
import { leaseItem } from '#shared/adapters/dynamo/items.ts';
import { readInstanceChange } from '#shared/adapters/dynamo/stream.ts';
import type { Item } from '#shared/adapters/dynamo/table.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { instanceNamed, keyNamed, start } from '../../contracts/records.ts';

const [before, after] = [instanceNamed('i-1', { version: 1 }), instanceNamed('i-1', { version: 2, serverId: 'srv_1' })];

const recordOf = (images: { OldImage?: Item; NewImage?: Item }) =>
  ({ dynamodb: { ...images, ApproximateCreationDateTime: start / 1000 } }) as unknown as DynamoDBRecord;

const imageOf = (instance: typeof after) => toInstanceItem(instance, defaultTiming);

describe('a record of the stream', () => {
  test('tells what an instance was and what it is, by the stream’s own time', () => {
    const record = recordOf({ OldImage: imageOf(before), NewImage: imageOf(after) });
    expect(readInstanceChange(record)).toEqual({ before, after, changedAt: start });
  });

  test('of a new instance tells of nothing before', () => {
    const record = recordOf({ NewImage: imageOf(after) });
    expect(readInstanceChange(record)).toEqual({ before: undefined, after, changedAt: start });
  });

  test('of an instance that went tells nothing', () => {
    expect(readInstanceChange(recordOf({ OldImage: imageOf(before) }))).toBeUndefined();
  });

  test('of another kind of item tells nothing', () => {
    const lease = leaseItem({ ...keyNamed('i-1'), lastSeenAt: start, seq: 1 });
    expect(readInstanceChange(recordOf({ NewImage: lease }))).toBeUndefined();
    expect(readInstanceChange({})).toBeUndefined();
  });
});
