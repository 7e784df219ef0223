import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRfc3339, parseUtcTime } from '#shared/identity/timestamp.ts';

const dates = fc.date({
  min: new Date('0001-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59Z'),
  noInvalidDate: true,
});

describe('parseRfc3339', () => {
  it('reads what Date writes', () => {
    fc.assert(
      fc.property(dates, (date) => {
        expect(parseRfc3339(date.toISOString())).toEqual(date);
      }),
    );
  });

  it('knows leap years', () => {
    expect(parseRfc3339('2024-02-29T00:00:00Z')?.toISOString()).toBe('2024-02-29T00:00:00.000Z');
    expect(parseRfc3339('2100-02-29T00:00:00Z')).toBeNull();
  });

  it.each([
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T23:59:60Z',
    '0000-01-01T00:00:00Z',
    '2026-01-01T00:00:00',
    '2026-01-01T00:00:00+00:00',
    '2026-01-01 00:00:00Z',
    '2026-01-01T00:00:00z',
    '+002026-01-01T00:00:00Z',
    '2026-01-01T00:00:00Z\n',
    '2026-01-01',
  ])('refuses %j', (text) => {
    expect(parseRfc3339(text)).toBeNull();
  });
});

describe('parseUtcTime', () => {
  it('reads two digits as 1950 to 2049', () => {
    const years = ['500101000000Z', '991231235959Z', '000101000000Z', '491231235959Z'].map((text) =>
      parseUtcTime(text)?.getUTCFullYear(),
    );
    expect(years).toEqual([1950, 1999, 2000, 2049]);
  });

  it.each(['2601010000Z', '260101000000', '260101000000+0000', '20260101000000Z', '260230000000Z', '260101000060Z'])(
    'refuses %j',
    (text) => {
      expect(parseUtcTime(text)).toBeNull();
    },
  );
});
