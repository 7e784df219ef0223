import type { Accounts } from '#shared/domain/account/accounts.ts';

/** The accounts of the simulation: two that are registered, and one that is nobody's. */
export const accounts = { hub: '111122223333', member: '444455556666', foreign: '999988887777' } as const;
export const regions = ['us-east-1', 'eu-west-1'] as const;

const launch = { instanceProfileArns: [], subnetIds: [], securityGroupIds: [] };
export const registered: Accounts = {
  [accounts.hub]: { regions, launch },
  [accounts.member]: { regions, launch },
};

export const audience = 'https://muster.example';
export const agentImage = 'ami-0a6e47a6e47a6e47a';
export const plainImage = 'ami-0b1a90b1a90b1a90b';

export const beganAt = Date.parse('2026-11-02T10:00:00Z');
