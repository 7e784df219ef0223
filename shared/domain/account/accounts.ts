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

/** The beginnings of Regions' names, by partition (IAM/latest/UserGuide/reference-arns.html); all others are of `aws`. */
const beginnings = {
  'aws-cn': 'cn-',
  'aws-us-gov': 'us-gov-',
  'aws-iso': 'us-iso-',
  'aws-iso-b': 'us-isob-',
  'aws-iso-e': 'eu-isoe-',
  'aws-iso-f': 'us-isof-',
  'aws-eusc': 'eusc-',
} as const;

/** The partition that a Region is in. Nothing that a client says has a part in it. */
export const partitionOf = (region: string): string =>
  Object.entries(beginnings).find(([, beginning]) => region.startsWith(beginning))?.[0] ?? 'aws';

/** Why registered Regions cannot be served from the deployment's own: no credentials reach from one partition into another. */
export const foreignRegions = (accounts: Accounts, home: string): string[] =>
  registeredPairs(accounts)
    .filter(({ region }) => partitionOf(region) !== partitionOf(home))
    .map(
      ({ account, region }) =>
        `${region} of account ${account} is in partition ${partitionOf(region)}, this deployment in ${partitionOf(home)}`,
    );
