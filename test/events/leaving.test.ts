import { createHash } from 'node:crypto';
import { test } from '@fast-check/vitest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
// biome-ignore lint/style/noRestrictedImports: only the full build reads JSON Schema, and no bundle holds a test
import { fromJSONSchema } from 'zod';
import type { PublishedEvent } from '#shared/app/events/event-bus.ts';
import { publishChanges } from '#shared/app/events/publish-changes.ts';
import { detailSchema, eventCatalogue } from '#shared/domain/events/event-catalogue.ts';
import type { DetailType } from '#shared/domain/events/events.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { anyInstance } from '../contracts/arbitraries.ts';
import { busSample, sampleNames } from './samples.ts';

const detailTypes = Object.keys(eventCatalogue) as DetailType[];
const fileOf = (detailType: string) => `muster.${detailType.toLowerCase().replaceAll(' ', '-')}`;
const schemas = new Map<string, ReturnType<typeof fromJSONSchema>>(
  detailTypes.map((type) => [type, fromJSONSchema(detailSchema(type) as Parameters<typeof fromJSONSchema>[0])]),
);
/** The fields that every event of a type has. */
const alwaysIn = (detailType: DetailType): string[] =>
  Object.entries(eventCatalogue[detailType].fields).flatMap(([name, { optional }]) => (optional ? [] : [name]));
const complaints = (detailType: string, detail: unknown) => schemas.get(detailType)?.safeParse(detail).error?.issues;

describe.each(detailTypes)('%s', (detailType) => {
  const event = busSample(fileOf(detailType));

  it('has a sample as a consumer gets it', () => {
    expect(event).toMatchObject({ source: 'muster', 'detail-type': detailType, resources: [] });
  });

  it('has a sample that fits its schema and has nothing beside it', () => {
    expect(complaints(detailType, event.detail)).toBeUndefined();
    expect(Object.keys(event.detail.data).sort()).toEqual(alwaysIn(detailType).sort());
  });

  it.each(alwaysIn(detailType))('has a schema that misses %s', (field) => {
    const { [field]: _, ...data } = event.detail.data as Record<string, unknown>;
    expect(complaints(detailType, { ...event.detail, data })?.[0]?.path).toEqual(['data', field]);
  });
});

it('has no sample of an event that the catalogue lacks', () => {
  expect(sampleNames.filter((name) => name.startsWith('muster.')).sort()).toEqual(detailTypes.map(fileOf).sort());
});

async function told(before: Instance | undefined, after: Instance): Promise<PublishedEvent[]> {
  const sent: PublishedEvent[] = [];
  await publishChanges([{ kind: 'instance', before, after, changedAt: Date.parse('2026-11-02T10:00:00Z') }], {
    bus: {
      send: async (events) => {
        sent.push(...events);
        return events.map(() => undefined);
      },
    },
    history: { put: async () => [], list: async () => ({ items: [], next: null }) },
    hash: (text) => createHash('sha256').update(text).digest('hex'),
    stage: 'dev',
    pause: async () => {},
  });
  return sent;
}

test.prop([fc.option(anyInstance('i-0a1b2c3d4e5f60718'), { nil: undefined }), anyInstance('i-0a1b2c3d4e5f60718')])(
  'tells, of whatever change of a record, only what the catalogue describes',
  async (before, after) => {
    for (const { detailType, detail } of await told(before, after)) {
      expect(complaints(detailType, detail)).toBeUndefined();
      const { late, by, ...data } = detail.data;
      expect(Object.keys(data).sort()).toEqual(alwaysIn(detailType as DetailType).sort());
      expect([undefined, true]).toContain(late);
      if (by !== undefined) expect([detailType, by]).toEqual(['Instance Discovered-Only', after.management.act]);
    }
  },
);
