import type { Instance } from '../instance/instance.ts';
import { type Instant, seconds } from '../time.ts';
import { silentAfterSeconds, type Timing } from '../timing.ts';

/** When an enrolled agent last spoke: at its enrollment, or at the check-in that its lease holds. Undefined where no agent is enrolled. */
const lastWordOf = ({ agent }: Instance, lastHeardAt: Instant | undefined): Instant | undefined =>
  agent ? Math.max(agent.enrolledAt, lastHeardAt ?? 0) : undefined;

/**
 * Whether an enrolled agent is silent: for four intervals and twenty seconds of running it has said nothing
 * (docs/design/records.md, "leases").
 */
export function isSilent(instance: Instance, lastHeardAt: Instant | undefined, now: Instant, timing: Timing): boolean {
  const lastWordAt = lastWordOf(instance, lastHeardAt);
  if (lastWordAt === undefined || instance.cloud.state !== 'running') return false;
  return now > Math.max(lastWordAt, instance.cloud.runningAt ?? 0) + seconds(silentAfterSeconds(timing));
}

/**
 * The record after a look at its agent's lease: a silence is noted once, and the note goes when the agent has spoken. Undefined where
 * nothing changes. A stop ends no silence: nothing was heard. Of two machines with one key Muster hears neither, and consumers were told of that.
 */
export function noteSilence(
  instance: Instance,
  lastHeardAt: Instant | undefined,
  now: Instant,
  timing: Timing,
): Instance | undefined {
  const { agent } = instance;
  const lastWordAt = lastWordOf(instance, lastHeardAt);
  if (!agent || lastWordAt === undefined || instance.identity.conflict) return undefined;
  const { silentSince, ...speaking } = agent;
  if (isSilent(instance, lastHeardAt, now, timing)) {
    return silentSince === lastWordAt ? undefined : { ...instance, agent: { ...agent, silentSince: lastWordAt } };
  }
  return silentSince !== undefined && lastWordAt > silentSince ? { ...instance, agent: speaking } : undefined;
}

/** How many agents ought to speak, and how many of them are silent. */
export interface AgentCount {
  agents: number;
  silent: number;
}

/** Counts the record's agent if it is one that ought to speak: enrolled, on a running instance. */
export function countAgent(
  count: AgentCount,
  instance: Instance,
  lastHeardAt: Instant | undefined,
  now: Instant,
  timing: Timing,
): void {
  if (!instance.agent || instance.cloud.state !== 'running') return;
  count.agents += 1;
  if (isSilent(instance, lastHeardAt, now, timing)) count.silent += 1;
}
