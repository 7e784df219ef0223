import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entryId, ledgerEntry, orderOf, readEntry, writeEntry } from '#shared/domain/cloud/ledger.ts';
import { ec2States } from '#shared/domain/instance/instance.ts';
import { clock } from '#test/build/an-instance.ts';

const second = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1000);
const anyEntry = fc
  .record({
    state: fc.constantFrom(...ec2States),
    at: second,
    width: fc.integer({ min: 0, max: 100_000 }),
    origin: fc.string(),
    settled: fc.boolean(),
  })
  .map(({ width, origin, ...entry }) => ({ ...entry, until: entry.at + width * 1000, id: entryId(origin) }));

describe('a ledger entry', () => {
  it('of an event holds the state, the stamp in seconds and a short id', () => {
    expect(ledgerEntry('running', clock('10:00:21'), 'event')).toMatch(/^running@1793613621#[0-9a-z]{7}$/);
  });

  it('of a describe holds how many seconds the transition may be later, and that nothing before it is open', () => {
    const entry = { state: 'stopped', at: 1_000_000, until: 1_090_500, id: 'abc', settled: true } as const;
    expect(writeEntry(entry)).toBe('stopped@1000~90#abc!');
  });

  it('reads as it was written', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        expect(readEntry(writeEntry(entry))).toEqual(entry);
      }),
    );
  });

  it('is in the order of stamp, then rank', () => {
    const entries = [
      { state: 'stopped', at: 2000 },
      { state: 'stopping', at: 2000 },
      { state: 'terminated', at: 1000 },
    ] as const;
    expect(entries.toSorted(orderOf).map(({ state }) => state)).toEqual(['terminated', 'stopping', 'stopped']);
  });
});
