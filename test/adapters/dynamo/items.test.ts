import { unmarshall } from '@aws-sdk/util-dynamodb';
import { describe, expect, test } from 'vitest';
import { factsItem, leaseItem, pairItem, putOf, unwrap } from '#shared/adapters/dynamo/items.ts';
import { newPair } from '#shared/domain/sweep.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import {
  bindingNamed,
  enrollmentKeyNamed,
  factsOf,
  instanceNamed,
  keyNamed,
  launchNamed,
  serverNamed,
  start,
} from '../../contracts/records.ts';

const days60 = 60 * 86_400;
const itemsByKind = {
  instance: putOf({ kind: 'instance', before: undefined, after: instanceNamed('i-1') }, defaultTiming).item,
  facts: factsItem(factsOf('i-1')),
  lease: leaseItem({ ...keyNamed('i-1'), lastSeenAt: start, seq: 7 }),
  pair: pairItem(newPair('111122223333', 'us-east-1')),
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
    expect(unwrap(itemsByKind.key)).toEqual(enrollmentKeyNamed('key_1', { version: 1 }));
  });

  test('keep no version within the record, where no condition looks', () => {
    expect(unmarshall(itemsByKind.server)).toMatchObject({ version: 1 });
    expect(unmarshall(itemsByKind.server).record).not.toHaveProperty('version');
  });
});
