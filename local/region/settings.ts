import type { Timing } from '#shared/domain/timing.ts';

/** The account and regions that the local Muster watches, and one that is nobody's here. */
export const account = '111122223333';
export const homeRegion = 'us-east-1';
export const secondRegion = 'us-west-2';
export const foreignAccount = '999988887777';

/** An image with the agent on it, and one without. */
export const agentImage = 'ami-0a6e47a6e47a6e47a';
export const plainImage = 'ami-0b1a90b1a90b1a90b';
export const subnetId = 'subnet-0a1b2c3d4e5f60718';
export const securityGroupId = 'sg-0a1b2c3d4e5f60718';

/** Short durations, real clocks: what takes a quarter of an hour on AWS is over while one looks on. */
export const shortTiming: Partial<Timing> = {
  crossRegionWindowSeconds: 2,
  stalenessSeconds: 15,
  enrollmentDeadlineSeconds: 8,
  sweepGraceSeconds: 2,
  launchToPendingSeconds: 120,
  launchNudgeSeconds: 5,
  launchToRunningSeconds: 240,
  massRemovalReleaseSeconds: 30,
  checkinIntervalSeconds: 2,
  verifyRetrySeconds: [1, 2, 4],
  putOffSeconds: 2,
};

/** Instances with this tag have faulty events: `lost`, `late` or `twice`. */
export const eventsTag = 'muster-demo-events';

export const tickPeriodMs = 1000;
export const sweepPeriodMs = 3000;

/** How the simulated EC2 behaves: seconds instead of minutes, but as inconsistent as the real one. */
export const ec2Timings = { startMs: [2500, 3500], stopMs: [1500, 2500], terminateMs: [1500, 2500] } as const;
export const ec2Visibility = {
  newInstanceMs: 700,
  stateMs: 500,
  volumesMs: 700,
  tagsMs: 700,
  terminatedMs: 3_600_000,
} as const;

export const tableName = 'muster-local';
export const privateTableName = 'muster-local-private';
export const busName = 'muster-local';
export const queueNames = {
  events: 'instance-events',
  verify: 'verify',
  sweep: 'sweep',
  launch: 'launch',
  consumer: 'consumer',
} as const;

/** What comes into the queue of instance events, by the rule: as infra/events.yml has it for AWS's own events. */
export const instanceEventPatterns = {
  'instance-events': {
    source: ['aws.ec2'],
    'detail-type': [
      'EC2 Instance State-change Notification',
      'EC2 Spot Instance Interruption Warning',
      'EC2 Capacity Reservation Instance Interruption Warning',
      'EC2 Instance Rebalance Recommendation',
    ],
  },
  'health-events': {
    source: ['aws.health'],
    'detail-type': ['AWS Health Event'],
    detail: { service: ['EC2'], eventTypeCategory: ['scheduledChange'] },
  },
};
