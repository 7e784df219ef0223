import type { Accounts } from '../account/accounts.ts';
import { Problem } from '../problems.ts';
import type { LaunchRequest } from './launch.ts';

/**
 * Checks that a registered account lets launches name what the request names (docs/design/launch.md, "launch policy").
 * Throws Problem `account_not_registered` or `launch_not_allowed`.
 */
export function requireAllowedLaunch(
  request: LaunchRequest,
  { account, region }: { account: string; region: string },
  accounts: Accounts,
): void {
  const registered = Object.hasOwn(accounts, account) ? accounts[account] : undefined;
  if (!registered?.regions.includes(region)) {
    throw new Problem('account_not_registered', 'launches go to registered accounts and regions only', {
      account,
      region,
    });
  }
  const { launch } = registered;
  const named = [
    { field: 'instanceProfileArn', values: [request.instanceProfileArn], allowed: launch.instanceProfileArns },
    { field: 'subnetId', values: [request.subnetId], allowed: launch.subnetIds },
    { field: 'securityGroupIds', values: request.securityGroupIds, allowed: launch.securityGroupIds },
  ];
  for (const { field, values, allowed } of named) {
    // Where the account lists values, EC2's default is none of them: a launch must name one.
    const wanted = values.length === 0 ? [null] : values;
    const foreign = wanted.find((value) => (value === null ? allowed.length > 0 : !allowed.includes(value)));
    if (foreign !== undefined)
      throw new Problem('launch_not_allowed', `the account does not let launches take this ${field}`, {
        field,
        value: foreign,
      });
  }
}
