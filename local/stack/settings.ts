import type { Timing } from '#shared/domain/timing.ts';
import { account, homeRegion, secondRegion, securityGroupId, shortTiming, subnetId } from '../region/settings.ts';

/** The stage of serverless.yml that goes into an emulator. */
export const stage = 'rehearsal';
export const stackName = `muster-${stage}`;

/** No account may put events as `aws.ec2`; serverless.yml names this source for the stage. */
export const eventSource = 'muster.rehearsal';

/** As short as schedules of a minute allow. A launch keeps its real durations: no chapter waits for one to expire, and functions start slowly. */
export const timing: Partial<Timing> = {
  ...shortTiming,
  launchToPendingSeconds: 300,
  launchNudgeSeconds: 30,
  launchToRunningSeconds: 900,
  checkinIntervalSeconds: 5,
};

/**
 * The longest that anything in the scenario takes: a sweep, a deadline, a tick, each a minute apart. What a restart caught comes
 * back after its queue's visibility timeout, three minutes where it matters, and a busy machine needs longer for everything.
 */
export const patienceSeconds = 420;

const launch = { instanceProfileArns: [], subnetIds: [subnetId], securityGroupIds: [securityGroupId] };

/** What the deployed Muster answers for: stack parameter `accounts`. */
export const accounts = { [account]: { regions: [homeRegion, secondRegion], launch } };
