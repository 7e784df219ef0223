const rfc3339Utc = /^(?!0000)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;

/** RFC 3339 in UTC with a `Z`, on a day that exists: JavaScript rolls 30 February over to March. Null for anything else. */
export function parseRfc3339(text: string): Date | null {
  if (!rfc3339Utc.test(text)) return null;
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return null;
  return date.toISOString().slice(0, 19) === text.slice(0, 19) ? date : null;
}

/** ASN.1 UTCTime as CMS takes it: whole seconds and `Z`, years 1950 to 2049 (RFC 5652 section 11.3). Null for anything else. */
export function parseUtcTime(text: string): Date | null {
  const match = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (!match) return null;
  const [, year = '', month, day, hour, minute, second] = match;
  const century = Number(year) < 50 ? '20' : '19';
  return parseRfc3339(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
