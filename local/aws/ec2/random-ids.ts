import type { Random } from '../../random.ts';

/** A span of milliseconds, both ends included. */
export type SpanMs = readonly [least: number, most: number];

export function hex(random: Random, digits: number): string {
  return Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
}

/** `i-0` and sixteen more digits: EC2's long format. */
export const resourceId = (prefix: string, random: Random): string => `${prefix}-0${hex(random, 16)}`;

export function within([least, most]: SpanMs, random: Random): number {
  return least + Math.floor(random() * (most - least + 1));
}

/** An address of 54.0.0.0/8, where many of EC2's public ones are. */
export function publicIpAddress(random: Random): string {
  return `54.${[0, 0, 0].map(() => within([1, 254], random)).join('.')}`;
}
