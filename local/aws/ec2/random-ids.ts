import { hex, type Random, within } from '../../random.ts';

/** `i-0` and sixteen more digits: EC2's long format. */
export const resourceId = (prefix: string, random: Random): string => `${prefix}-0${hex(random, 16)}`;

/** An address of 54.0.0.0/8, where many of EC2's public ones are. */
export function publicIpAddress(random: Random): string {
  return `54.${[0, 0, 0].map(() => within([1, 254], random)).join('.')}`;
}
