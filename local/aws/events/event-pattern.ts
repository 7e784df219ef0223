/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** An event pattern of exact values: each field names a list of values, or an object with further fields. */
export interface EventPattern {
  readonly [field: string]: readonly (string | number | boolean | null)[] | EventPattern;
}

/**
 * EventBridge's matching, as far as exact values go: every field of the pattern must be in the event with one of the
 * listed values; where the event has a list, one of its members must be: eventbridge/latest/userguide/eb-event-patterns.html.
 */
export function matches(pattern: EventPattern, event: Json): boolean {
  if (event === null || typeof event !== 'object' || Array.isArray(event)) return false;
  const fields = event as Readonly<Record<string, Json>>;
  return Object.entries(pattern).every(([field, wanted]) => {
    if (!Object.hasOwn(fields, field)) return false;
    const actual = fields[field] ?? null;
    if (!isValues(wanted)) return matches(wanted, actual);
    return (Array.isArray(actual) ? actual : [actual]).some((value) => wanted.includes(value));
  });
}

/** Throws if the pattern has anything but non-empty lists of exact values, such as `{"prefix": …}`, which is not done here. */
export function assertExact(pattern: EventPattern): void {
  for (const [field, wanted] of Object.entries(pattern)) {
    if (!isValues(wanted)) assertExact(wanted);
    else if (wanted.length === 0 || wanted.some((value) => value !== null && typeof value === 'object')) {
      throw new Error(`The pattern's field ${field} is not a list of exact values.`);
    }
  }
}

function isValues(wanted: EventPattern[string]): wanted is Exclude<EventPattern[string], EventPattern> {
  return Array.isArray(wanted);
}
