import type { DynamoDBRecord } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import { toInstanceItem } from '#shared/adapters/dynamo/instance-item.ts';
import { leasePut, putOf } from '#shared/adapters/dynamo/items.ts';
import { readChange } from '#shared/adapters/dynamo/stream.ts';
import type { Item } from '#shared/adapters/dynamo/table.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { enrollmentKeyNamed, instanceNamed, leaseOf, start } from '#test/build/records.ts';

const [before, after] = [
  instanceNamed('i-1', { version: 1 }),
  instanceNamed('i-1', { version: 2, assignment: { serverId: 'srv_1' } }),
];

const recordOf = (images: { OldImage?: Item; NewImage?: Item }) =>
  ({ dynamodb: { ...images, ApproximateCreationDateTime: start / 1000 } }) as unknown as DynamoDBRecord;

const imageOf = (instance: typeof after) => toInstanceItem(instance, defaultTiming);

describe('a record of the stream', () => {
  test('tells what an instance was and what it is, by the stream’s own time', () => {
    const record = recordOf({ OldImage: imageOf(before), NewImage: imageOf(after) });
    expect(readChange(record)).toEqual({ kind: 'instance', before, after, changedAt: start });
  });

  test('of a new instance tells of nothing before', () => {
    const record = recordOf({ NewImage: imageOf(after) });
    expect(readChange(record)).toEqual({ kind: 'instance', before: undefined, after, changedAt: start });
  });

  test('of an instance that went tells nothing', () => {
    expect(readChange(recordOf({ OldImage: imageOf(before) }))).toBeUndefined();
  });

  test('of an item that is no record tells nothing', () => {
    const { item: lease } = leasePut(undefined, leaseOf('i-1'));
    expect(readChange(recordOf({ NewImage: lease }))).toBeUndefined();
    expect(readChange({})).toBeUndefined();
  });

  test('tells what an enrollment key was and what it is, its last use included', () => {
    const was = enrollmentKeyNamed('key_1', { version: 1, lastUsedAt: start, lastUsedBy: 'i-1' });
    const is = { ...was, warnedAt: start, version: 2 };
    const itemOf = (change: typeof was) =>
      putOf({ kind: 'key', before: { ...change, version: change.version - 1 }, after: change }, defaultTiming).item;
    const record = recordOf({ OldImage: itemOf(was), NewImage: itemOf(is) });
    expect(readChange(record)).toEqual({ kind: 'key', before: was, after: is, changedAt: start });
    expect(readChange(recordOf({ OldImage: itemOf(was) }))).toBeUndefined();
  });

  test('that cannot be read says of which record it is', () => {
    const NewImage = { ...imageOf(after), ledger: { S: 'x' } };
    const record = '111122223333/us-east-1/i-1';
    expect(readChange(recordOf({ NewImage }))).toEqual({ record, error: expect.any(Error) });
  });

  test('of a kind of which nothing is told is not read, whatever its image holds', () => {
    const NewImage = { kind: { S: 'server' }, record: { M: { past: { none: true } } } } as unknown as Item;
    expect(readChange(recordOf({ NewImage }))).toBeUndefined();
  });
});
