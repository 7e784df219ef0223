const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A whole string, or a string of the JSON that a message's body is: `@now`, `@now-5s`, `@now+30d`. */
const token = /(?<=^|")@now(?:([+-])(\d{1,6})([smhd]))?(?=$|")/g;

/**
 * A payload with its time tokens replaced by RFC 3339 in whole seconds, as EC2 stamps its events: a sample in events/ says how
 * old it is, not when it was, so that it never grows too old to count.
 */
export function withPresentTimes(payload: unknown, now: Date): unknown {
  if (typeof payload === 'string') return payload.replace(token, (_, ...parts: string[]) => timeOf(parts, now));
  if (Array.isArray(payload)) return payload.map((item) => withPresentTimes(item, now));
  if (typeof payload !== 'object' || payload === null) return payload;
  return Object.fromEntries(Object.entries(payload).map(([name, value]) => [name, withPresentTimes(value, now)]));
}

function timeOf([sign, count, unit]: string[], now: Date): string {
  const apartMs = unit ? Number(`${sign}${count}`) * unitMs[unit as keyof typeof unitMs] : 0;
  return `${new Date(now.getTime() + apartMs).toISOString().slice(0, 19)}Z`;
}
