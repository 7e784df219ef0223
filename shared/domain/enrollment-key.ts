import type { Instant } from './time.ts';

/** What an operator issues so that instances Muster did not launch may enroll. Muster holds its public half alone. */
export interface EnrollmentKey {
  id: string;
  /** Base64url of 32 bytes. */
  publicKey: string;
  /** Empty lists and nulls narrow nothing; every list that is given narrows. */
  scope: EnrollmentScope;
  expiresAt: Instant | null;
  /** How many bindings are left; null is without limit. */
  usesLeft: number | null;
  revokedAt: Instant | null;
  createdAt: Instant;
  createdBy: string;
  lastUsedAt: Instant | null;
  lastUsedBy: string | null;
  version: number;
}

export interface EnrollmentScope {
  accounts: readonly string[];
  regions: readonly string[];
  images: readonly string[];
  vpcs: readonly string[];
  /** Named instances may enroll at any age. */
  instanceIds: readonly string[];
}

/** The member of the scope that excludes an instance, if any. */
export function outOfScope(
  scope: EnrollmentScope,
  facts: { account: string; region: string; instanceId: string; imageId: string; vpcId: string | null },
): keyof EnrollmentScope | null {
  const misses = (list: readonly string[], value: string | null) =>
    list.length > 0 && (value === null || !list.includes(value));
  if (misses(scope.accounts, facts.account)) return 'accounts';
  if (misses(scope.regions, facts.region)) return 'regions';
  if (misses(scope.images, facts.imageId)) return 'images';
  if (misses(scope.vpcs, facts.vpcId)) return 'vpcs';
  return misses(scope.instanceIds, facts.instanceId) ? 'instanceIds' : null;
}
