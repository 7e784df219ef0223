import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTime, formatTimeOrNull, parseTime } from '#shared/domain/time.ts';

describe('reading a time', () => {
  it.each([
    ['2026-11-02T10:00:05Z', 1793613605000],
    ['2026-11-02T10:00:05.123Z', 1793613605123],
    ['2026-11-02T12:00:05+02:00', 1793613605000],
    ['2024-02-29T00:00:00Z', 1709164800000],
  ])('%s is understood', (text, instant) => {
    expect(parseTime(text)).toBe(instant);
  });

  it.each([
    ['a day that its month lacks', '2026-02-30T00:00:00Z'],
    ['29 February of a common year', '2026-02-29T00:00:00Z'],
    ['a month that the year lacks', '2026-13-01T00:00:00Z'],
    ['an hour that the day lacks', '2026-11-02T25:00:00Z'],
    ['no zone', '2026-11-02T10:00:05'],
    ['no time', '2026-11-02'],
    ['a space for the T', '2026-11-02 10:00:05Z'],
    ['words around it', ' 2026-11-02T10:00:05Z '],
    ['the empty text', ''],
    ['a number', 1793613605000],
    ['null', null],
    ['a list', ['2026-11-02T10:00:05Z']],
  ])('%s is no time', (_, text) => {
    expect(parseTime(text)).toBeUndefined();
  });
});

describe('writing a time', () => {
  it('is in whole seconds as EC2 writes them, with milliseconds only where there are any', () => {
    expect(formatTime(1793613605000)).toBe('2026-11-02T10:00:05Z');
    expect(formatTime(1793613605120)).toBe('2026-11-02T10:00:05.120Z');
  });

  it('keeps null', () => {
    expect(formatTimeOrNull(null)).toBeNull();
    expect(formatTimeOrNull(0)).toBe('1970-01-01T00:00:00Z');
  });

  it('loses nothing that it read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), (instant) => {
        expect(parseTime(formatTime(instant))).toBe(instant);
      }),
    );
  });
});
