/** A moment: milliseconds since 1970-01-01T00:00:00Z. Records keep numbers, people and APIs get RFC 3339. */
export type Instant = number;

/** What RFC 3339 can write in UTC: the years 0 to 9999. An offset can lead out of them. */
const firstInstant = -62_167_219_200_000;
const lastInstant = 253_402_300_799_999;

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/**
 * Reads an RFC 3339 time; undefined if it is none. `Date.parse` alone would roll 30 February over to 2 March, so the
 * calendar fields are compared with what came out.
 */
export function parseTime(text: unknown): Instant | undefined {
  if (typeof text !== 'string') return undefined;
  const match = rfc3339.exec(text);
  if (!match) return undefined;
  const instant = Date.parse(text);
  if (Number.isNaN(instant) || instant < firstInstant || instant > lastInstant) return undefined;
  const [, year, month, day] = match;
  const lastDay = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  return Number(day) <= lastDay ? instant : undefined;
}

/** Reads a time as HTTP writes it, `Thu, 12 Nov 2026 22:00:00 GMT` (RFC 9110, section 5.6.7); undefined if it is none. */
export function parseHttpTime(text: unknown): Instant | undefined {
  const instant = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return !Number.isNaN(instant) && new Date(instant).toUTCString() === text ? instant : undefined;
}

/** RFC 3339 in UTC; milliseconds only where there are any, as EC2 writes whole seconds. */
export function formatTime(instant: Instant): string {
  return new Date(instant).toISOString().replace('.000Z', 'Z');
}

export function formatTimeOrNull(instant: Instant | null): string | null {
  return instant === null ? null : formatTime(instant);
}

export const seconds = (count: number): number => count * 1000;

/** The second in which an instant lies, as EC2 writes its times. */
export const wholeSecond = (instant: Instant): Instant => Math.floor(instant / 1000) * 1000;
