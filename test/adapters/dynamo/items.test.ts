import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { describe, expect, test } from 'vitest';
import { factsPut, leasePut, pairItem, putOf, readRecord } from '#shared/adapters/dynamo/items.ts';
import { newAccountRegion } from '#shared/domain/cloud/sweep.ts';
import { everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import {
  bindingNamed,
  enrollmentKeyNamed,
  factsOf,
  instanceNamed,
  launchNamed,
  leaseOf,
  serverNamed,
  start,
} from '#test/build/records.ts';

const days60 = 60 * 86_400;
const itemsByKind = {
  instance: putOf({ kind: 'instance', before: undefined, after: instanceNamed('i-1') }, defaultTiming).item,
  facts: factsPut(factsOf('i-1')).item,
  lease: leasePut(undefined, leaseOf('i-1', { seq: 7 })).item,
  pair: pairItem(newAccountRegion('111122223333', 'us-east-1')),
  server: putOf({ kind: 'server', before: undefined, after: serverNamed('srv_1') }, defaultTiming).item,
  key: putOf({ kind: 'key', before: undefined, after: enrollmentKeyNamed('key_1') }, defaultTiming).item,
  launch: putOf({ kind: 'launch', before: undefined, after: launchNamed('lch_1') }, defaultTiming).item,
  binding: putOf({ kind: 'binding', before: undefined, after: bindingNamed('agent-1') }, defaultTiming).item,
};

describe('items', () => {
  test.each([
    ['instance', 'INSTANCE#111122223333#us-east-1', 'i-1'],
    ['facts', 'INSTANCE#111122223333#us-east-1', 'i-1#facts'],
    ['lease', 'INSTANCE#111122223333#us-east-1', 'i-1#lease'],
    ['pair', 'PAIRS', '111122223333#us-east-1'],
    ['server', 'SERVERS', 'srv_1'],
    ['key', 'KEYS', 'key_1'],
    ['launch', 'LAUNCH#lch_1', 'LAUNCH'],
    ['binding', 'AGENT#agent-1', 'AGENT'],
  ] as const)('of the kind %s say so, and lie where they are looked for', (kind, pk, sk) => {
    expect(unmarshall(itemsByKind[kind])).toMatchObject({ kind, pk, sk });
  });

  test('of facts and leases go sixty days after they were last written', () => {
    expect(itemsByKind.facts.expiresAt).toEqual({ N: String(start / 1000 + days60) });
    expect(itemsByKind.lease.expiresAt).toEqual({ N: String(start / 1000 + days60) });
  });

  test.each(['pair', 'server', 'key', 'launch', 'binding'] as const)('of the kind %s never expire', (kind) => {
    expect(itemsByKind[kind]).not.toHaveProperty('expiresAt');
  });

  test('keep an enrollment key’s own end apart from the table’s time to live', () => {
    expect(readRecord('key', itemsByKind.key)).toEqual(enrollmentKeyNamed('key_1', { version: 1 }));
  });

  test('keep an enrollment key’s last use beside it', () => {
    const after = enrollmentKeyNamed('key_1', { lastUsedAt: start, lastUsedBy: 'i-1' });
    const { item } = putOf({ kind: 'key', before: undefined, after }, defaultTiming);
    expect(unmarshall(item)).toMatchObject({ usedAt: start, usedBy: 'i-1' });
    expect(unmarshall(item).record).not.toHaveProperty('lastUsedAt');
    expect(readRecord('key', item)).toEqual({ ...after, version: 1 });
  });

  test.each([
    [everyInstance, undefined],
    [{ ...everyInstance, windowSeconds: 60 }, { windowSeconds: 60 }],
    [
      { ...everyInstance, tags: { constructor: '' }, roles: ['web'] },
      { tags: { constructor: '' }, roles: ['web'] },
    ],
  ])('hold of a scope what it names: %j', (scope, held) => {
    const after = enrollmentKeyNamed('key_1', { scope });
    const { item } = putOf({ kind: 'key', before: undefined, after }, defaultTiming);
    expect(unmarshall(item).record.scope).toEqual(held);
    expect(readRecord('key', item)).toEqual({ ...after, version: 1 });
  });

  test('of an enrollment key that an older version wrote narrow by what that version knew', () => {
    const scope = { accounts: [], regions: ['us-east-1'], images: [], vpcs: [], instanceIds: [] };
    const { warnedAt: _, ...older } = { ...enrollmentKeyNamed('key_1'), scope };
    const record = { ...older, lastUsedAt: start, lastUsedBy: 'i-1' };
    const item = marshall({ pk: 'KEYS', sk: 'key_1', kind: 'key', version: 1, record });
    const read = enrollmentKeyNamed('key_1', { scope: { ...everyInstance, regions: ['us-east-1'] }, version: 1 });
    expect(readRecord('key', item)).toEqual({ ...read, lastUsedAt: start, lastUsedBy: 'i-1' });
  });

  test('keep no version within the record, where no condition looks', () => {
    expect(unmarshall(itemsByKind.server)).toMatchObject({ version: 1 });
    expect(unmarshall(itemsByKind.server).record).not.toHaveProperty('version');
  });
});
