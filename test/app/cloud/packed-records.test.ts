import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PackedRecords } from '#shared/app/cloud/packed-records.ts';
import type { PairRecord } from '#shared/app/ports.ts';
import { anyInstance } from '#test/contracts/arbitraries.ts';

const anyRecord: fc.Arbitrary<PairRecord> = fc
  .tuple(anyInstance('i-1'), fc.option(fc.nat(), { nil: undefined }), fc.boolean(), fc.string())
  .map(([instance, lastHeardAt, isDescribed, digest]) => ({
    instance,
    ...(lastHeardAt !== undefined && { lastHeardAt }),
    ...(isDescribed && { facts: { digest, describedAt: 7 } }),
  }));

it('records of every shape come out of their packing as they went in, each by its id and all in their order', () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 20 }), (many) => {
      const records = many.map((one, nth) => ({ ...one, instance: { ...one.instance, instanceId: `i-ä${nth}` } }));
      const packed = new PackedRecords();
      expect(records.map((record) => packed.add(record))).toEqual([...records.keys()]);
      expect(records.map((_, nth) => packed.at(nth))).toEqual(records);
      expect(records.map(({ instance }) => packed.numberOf(instance.instanceId))).toEqual([...records.keys()]);
      expect(packed.numberOf('i-none')).toBeUndefined();
    }),
  );
});

it('more records than one block holds are all there', () => {
  const [record] = fc.sample(anyRecord, { numRuns: 1, seed: 1 }) as [PairRecord];
  const packed = new PackedRecords();
  const idOf = (nth: number) => `i-${String(nth).padStart(17, '0')}`;
  const count = 10_000;
  for (let nth = 0; nth < count; nth++)
    packed.add({ ...record, instance: { ...record.instance, instanceId: idOf(nth) } });
  for (let nth = 0; nth < count; nth++) expect(packed.at(nth).instance.instanceId).toBe(idOf(nth));
});
