/** What one registered account may be asked to do: its regions, and what a launch there may name. */
interface RegisteredAccount {
  regions: readonly string[];
  launch: { instanceProfileArns: readonly string[]; subnetIds: readonly string[]; securityGroupIds: readonly string[] };
}

export type Accounts = Readonly<Record<string, RegisteredAccount>>;

export const isRegisteredIn =
  (accounts: Accounts) =>
  (account: string, region: string): boolean =>
    Object.hasOwn(accounts, account) && (accounts[account]?.regions.includes(region) ?? false);

export const registeredPairs = (accounts: Accounts): { account: string; region: string }[] =>
  Object.entries(accounts).flatMap(([account, { regions }]) => regions.map((region) => ({ account, region })));
