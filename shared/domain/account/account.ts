import type { Instant } from '../time.ts';

/** An AWS account that Muster manages instances in, as a record. */
export interface Account {
  /** Twelve digits. */
  account: string;
  name: string;
  /** The Regions that Muster watches there. */
  regions: readonly string[];
  /** The role that Muster assumes there. Null for the account that Muster is deployed in. */
  roleArn: string | null;
  /** Muster makes it, one per account, against a confused deputy: IAM/latest/UserGuide/confused-deputy.html */
  externalId: string | null;
  /** What launches in this account may name. */
  launch: {
    instanceProfileArns: readonly string[];
    subnetIds: readonly string[];
    securityGroupIds: readonly string[];
  };
  createdAt: Instant;
  version: number;
}
