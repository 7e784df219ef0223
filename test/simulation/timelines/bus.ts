import type { Random } from '#local/random.ts';
import { formatTime, type Instant } from '#shared/domain/time.ts';
import type { Change, Life } from './life.ts';
import { between, chance, integer, pick, shuffle } from './random.ts';

/** What EventBridge and SQS do to EC2's events. */
export interface BusFaults {
  /** The share of events that never arrive. */
  lost: number;
  duplicated: number;
  late: number;
  /** Stamps are off by up to a second either way. */
  jitter: boolean;
  /** Everything arrives after the end of the life, in any order: a redelivery flood. */
  flood: boolean;
}

/** More duplicates and late deliveries than EventBridge usually makes. Nothing is lost. */
export const usualFaults: BusFaults = { lost: 0, duplicated: 0.05, late: 0.02, jitter: false, flood: false };

/** One delivery of an EC2 notification. */
export interface Delivery {
  receivedAt: Instant;
  event: Readonly<Record<string, unknown>>;
}

/** EC2's events of a life as a queue hands them out; stamps are cut to whole seconds, as EC2's are. */
export function deliver(random: Random, life: Life, faults: BusFaults): Delivery[] {
  const deliveries = life.changes.flatMap((change, index) => {
    if (chance(random, faults.lost)) return [];
    const event = notification(random, life, change, index, faults.jitter);
    const receivedAt = change.at + delay(random, faults);
    const once = { receivedAt, event };
    return chance(random, faults.duplicated)
      ? [once, { receivedAt: receivedAt + between(random, 0, 60_000), event }]
      : [once];
  });
  if (faults.flood) return flood(random, deliveries);
  return deliveries.sort((a, b) => a.receivedAt - b.receivedAt);
}

function delay(random: Random, faults: BusFaults): number {
  return Math.round(chance(random, faults.late) ? between(random, 5000, 600_000) : between(random, 100, 1500));
}

function flood(random: Random, deliveries: readonly Delivery[]): Delivery[] {
  const from = Math.max(...deliveries.map(({ receivedAt }) => receivedAt));
  return shuffle(random, deliveries).map(({ event }, index) => ({ receivedAt: from + index * 1000, event }));
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html */
function notification(
  random: Random,
  { key }: Life,
  change: Change,
  index: number,
  jitter: boolean,
): Delivery['event'] {
  const { account, region, instanceId } = key;
  const stamp = Math.floor(change.at / 1000) * 1000 + (jitter ? pick(random, [-1000, 0, 1000]) : 0);
  return {
    version: '0',
    id: `${instanceId}-${index}-${integer(random, 0, 0xffffff).toString(16)}`,
    'detail-type': 'EC2 Instance State-change Notification',
    source: 'aws.ec2',
    account,
    time: formatTime(stamp),
    region,
    resources: [`arn:aws:ec2:${region}:${account}:instance/${instanceId}`],
    detail: { 'instance-id': instanceId, state: change.state },
  };
}
