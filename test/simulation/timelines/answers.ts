import type { Random } from '#local/random.ts';
import { formatTime, type Instant, seconds } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { type Change, type Life, truthAt } from './life.ts';
import { chance, logBetween } from './random.ts';

/** How far EC2's answers trail what happened: at most S, as its consistency page has it. */
export interface Staleness {
  /** The share of answers that show what was true some time ago: a tenth of a second to S, short lags being the usual. */
  old: number;
  /** The share of answers that leave out an instance younger than S. */
  unlisted: number;
}

export const truthful: Staleness = { old: 0, unlisted: 0 };
export const usuallyStale: Staleness = { old: 0.2, unlisted: 0.1 };

const stalenessMs = seconds(defaultTiming.stalenessSeconds);

/** The instance as one DescribeInstances answer shows it; undefined if the answer leaves it out. */
export function answer(random: Random, life: Life, sentAt: Instant, staleness: Staleness): Change | undefined {
  if (sentAt > life.listedUntil) return undefined;
  const born = life.changes[0]?.at ?? 0;
  const young = sentAt - born < stalenessMs;
  if (young && chance(random, staleness.unlisted)) return undefined;
  return truthAt(life, chance(random, staleness.old) ? sentAt - logBetween(random, 100, stalenessMs) : sentAt);
}

/** One element of `Instances` in DescribeInstances' JSON shape, as far as a timeline needs it. */
export function described(life: Life, change: Change): Readonly<Record<string, unknown>> {
  return {
    InstanceId: life.key.instanceId,
    State: { Name: change.state },
    LaunchTime: formatTime(change.launchTime),
    StateTransitionReason: change.transitionReason,
    ...(change.stateReason && { StateReason: { Code: change.stateReason } }),
  };
}
