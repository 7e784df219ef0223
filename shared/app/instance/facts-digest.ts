import { hash } from 'node:crypto';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import type { KnownFacts } from '../ports.ts';

const inOrder = (members: object): [string, unknown][] => Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1));

/**
 * 128 bits of SHA-256 over what a describe said, whatever the order of members and tags; when it was said counts for nothing. A sweep compares
 * this instead of the facts, which are some ten times as long.
 */
export function digestOfFacts({ describedAt: _, tags, ...facts }: InstanceFacts): string {
  return hash('sha256', JSON.stringify([inOrder(facts), inOrder(tags)]), 'base64url').slice(0, 22);
}

export const knownOf = (facts: InstanceFacts): KnownFacts => ({
  digest: digestOfFacts(facts),
  describedAt: facts.describedAt,
});
