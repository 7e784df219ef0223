/** A number in [0, 1). Seeded, it makes a whole region repeatable. */
export type Random = () => number;

/** A span of milliseconds, both ends included. */
export type SpanMs = readonly [least: number, most: number];

export function hex(random: Random, digits: number): string {
  return Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
}

/** `i-0` and sixteen more digits: EC2's long format. */
export const resourceId = (prefix: string, random: Random): string => `${prefix}-0${hex(random, 16)}`;

/** A UUID of version 4: RFC 9562 section 5.4. */
export function uuid(random: Random): string {
  const variant = '89ab'.charAt(Math.floor(random() * 4));
  return `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-${variant}${hex(random, 3)}-${hex(random, 12)}`;
}

export function within([least, most]: SpanMs, random: Random): number {
  return least + Math.floor(random() * (most - least + 1));
}

/** An address of 54.0.0.0/8, where many of EC2's public ones are. */
export function publicIpAddress(random: Random): string {
  return `54.${[0, 0, 0].map(() => within([1, 254], random)).join('.')}`;
}
