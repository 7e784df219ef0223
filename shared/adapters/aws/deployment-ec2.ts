import { type Ec2, openEc2 } from './ec2.ts';
import { type Caller, type Deployment, openMemberCredentials } from './member-credentials.ts';

/** EC2 in all accounts of a deployment: in its own with the function's role, in the others with their member roles. */
export const openDeploymentEc2 = (home: Deployment, caller: Caller, now: () => number): Ec2 =>
  openEc2(home.account, now, openMemberCredentials(home, caller, now));
