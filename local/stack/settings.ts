import type { Timing } from '#shared/domain/timing.ts';
import { account, homeRegion, secondRegion, securityGroupId, shortTiming, subnetId } from '../region/settings.ts';

/** The stage of serverless.yml that goes into an emulator. */
export const stage = 'rehearsal';
export const stackName = `muster-${stage}`;

/** No account may put events as `aws.ec2`; serverless.yml names this source for the stage. */
export const eventSource = 'muster.rehearsal';

/** As short as schedules of a minute allow; launches wait for functions that start as processes, all at once. */
export const timing: Partial<Timing> = {
  ...shortTiming,
  launchToPendingSeconds: 90,
  launchNudgeSeconds: 30,
  launchToRunningSeconds: 180,
  checkinIntervalSeconds: 5,
};

/** The longest that anything in the scenario takes: a sweep, a deadline, a tick, each a minute apart. */
export const patienceSeconds = 180;

const launch = { instanceProfileArns: [], subnetIds: [subnetId], securityGroupIds: [securityGroupId] };

/** What the deployed Muster answers for: stack parameter `accounts`. */
export const accounts = { [account]: { regions: [homeRegion, secondRegion], launch } };
