import type { Agent } from '../instance/instance.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';

const hour = seconds(3600);

/**
 * How many milliseconds a new report of the agent has to wait before Muster applies it: zero or less if none. `boots`: when
 * Muster applied the last boot ids. Every applied report writes the instance's record, so an agent that reports without a
 * pause would hold off everybody else who changes the record (docs/design/enrollment.md, "how often").
 */
export function waitOf(
  agent: Pick<Agent, 'bootId' | 'stateAt'>,
  said: { bootId: string },
  boots: readonly Instant[],
  now: Instant,
  { reportSeconds, bootIdsPerHour }: Timing,
): number {
  const afterWord = agent.stateAt === null ? 0 : agent.stateAt + seconds(reportSeconds) - now;
  return Math.max(afterWord, said.bootId === agent.bootId ? 0 : waitForNext(boots, bootIdsPerHour, now));
}

/** How many milliseconds to wait until what happened at these times, in their order, may happen again: no more than so often in any hour. */
export function waitForNext(times: readonly Instant[], perHour: number, now: Instant): number {
  const [oldest] = ofLastHour(times, now).slice(-perHour);
  return oldest === undefined || ofLastHour(times, now).length < perHour ? 0 : oldest + hour - now;
}

/** Those of the times that still count. */
export const ofLastHour = (times: readonly Instant[], now: Instant): readonly Instant[] =>
  times.filter((time) => time > now - hour);
