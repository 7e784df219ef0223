import { type Outcome, unchanged, withDoubt } from '../cloud/transition.ts';
import {
  type ConflictReason,
  type EnrolledReason,
  type Instance,
  newInstance,
  withCloud,
  withManagement,
} from '../instance/instance.ts';
import { agentWord } from '../server/server.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';

/** Word from an agent this long after the record's end contradicts it. */
const aliveAfterMs = seconds(10);

/** The agent of an accepted enrollment, and the server it enrolled as. */
export interface EnrolledAgent {
  agent: NonNullable<Instance['agent']>;
  serverId: string | null;
  reason: EnrolledReason;
}

/**
 * An accepted enrollment: it sets no cloud state and always ends discovered-only (docs/design/merging.md, "agents set no state"). Another key in
 * the place of an enrolled one, for the same reason, leaves it enrolled since when it was.
 */
export function mergeEnrollment(current: Instance, enrolled: EnrolledAgent, receivedAt: Instant): Outcome {
  const { reason } = enrolled;
  const since = current.management.reason === reason ? current.management.since : receivedAt;
  const instance: Instance = {
    ...withManagement(current, { status: 'enrolled', reason, since }),
    agent: enrolled.agent,
    assignment: { ...current.assignment, serverId: enrolled.serverId },
    identity: { ...current.identity, conflict: null, reenroll: null, refusedAttempt: null },
  };
  return withSignOfLife(instance, receivedAt, true);
}

/** The enrollment of a recorded timeline: accepted elsewhere, by whom is not told. The same instance enrolls once. */
export function replayEnrollment(
  current: Instance | undefined,
  key: Parameters<typeof newInstance>[0],
  at: Instant,
): Outcome {
  const known = current ?? newInstance(key, at);
  if (known.management.status === 'enrolled') return mergeCheckin(known, at);
  return mergeEnrollment(known, { agent: unnamedAgent(at), serverId: null, reason: 'adopted' }, at);
}

const unnamedAgent = (at: Instant) => ({
  id: 'replayed',
  version: '',
  bootId: '',
  enrolledAt: at,
  state: null,
  stateAt: null,
});

/** A check-in is evidence of life and nothing more: doubt about an ended record, and a veto against absence. */
export function mergeCheckin(current: Instance, receivedAt: Instant): Outcome {
  return withSignOfLife(current, receivedAt, false);
}

/** What an agent says of itself at a check-in. */
export interface AgentReport {
  bootId: string;
  state: string;
}

/** The agent says something that the record does not hold. Its word belongs to one boot; repeated after a restart it is a new word. */
export const isNewWord = (current: Instance, { state, bootId }: AgentReport): boolean =>
  current.agent !== null && (agentWord(current) !== state || current.agent.bootId !== bootId);

/** A check-in, and what its agent says of itself. */
function mergeReport(current: Instance, report: AgentReport, receivedAt: Instant): Outcome {
  const outcome = mergeCheckin(current, receivedAt);
  const { agent } = outcome.instance;
  if (!agent || !isNewWord(current, report)) return outcome;
  const said = { ...agent, state: report.state, stateAt: receivedAt, bootId: report.bootId };
  return { ...outcome, instance: { ...outcome.instance, agent: said }, changed: true };
}

/**
 * The check-in of one agent, with its report unless that comes too early (null). Undefined where the record has another agent
 * by now, or a conflict: then the check-in does not count.
 */
export function mergeReportOf(
  current: Instance | undefined,
  agentId: string,
  report: AgentReport | null,
  receivedAt: Instant,
): Outcome | undefined {
  if (current?.agent?.id !== agentId || current.identity.conflict) return undefined;
  return report ? mergeReport(current, report, receivedAt) : mergeCheckin(current, receivedAt);
}

/** A second machine with this agent's key showed itself; the first time counts. */
export function markConflict(current: Instance, agentId: string, reason: ConflictReason, at: Instant): Outcome {
  if (current.agent?.id !== agentId || current.identity.conflict) return unchanged(current);
  // Whoever it was: the agent was heard. From now on it is not, so a silence has no note either (silence.ts).
  const { silentSince: _, ...agent } = current.agent;
  return {
    instance: { ...current, agent, identity: { ...current.identity, conflict: { reason, since: at } } },
    changed: true,
    needsDescribe: false,
  };
}

function withSignOfLife(current: Instance, receivedAt: Instant, changed: boolean): Outcome {
  const ended = current.cloud.state === 'stopped' || current.cloud.state === 'terminated';
  const contradicts = ended && current.cloud.at !== null && receivedAt > current.cloud.at + aliveAfterMs;
  const doubted = withDoubt(current, contradicts ? 'alive_when_ended' : null, receivedAt);
  const instance = doubted.cloud.absent ? withCloud(doubted, { absent: null }) : doubted;
  if (!changed && instance === current) return unchanged(current);
  return { instance, changed: true, needsDescribe: doubted !== current };
}

/** A refused agent of an allowed account leaves a note, at most once an hour. */
export function noteAttempt(
  current: Instance,
  attempt: NonNullable<Instance['identity']['refusedAttempt']>,
  timing: Timing,
): Outcome {
  const recent =
    current.identity.refusedAttempt &&
    attempt.at < current.identity.refusedAttempt.at + seconds(timing.attemptNoteSeconds);
  return recent
    ? unchanged(current)
    : {
        instance: { ...current, identity: { ...current.identity, refusedAttempt: attempt } },
        changed: true,
        needsDescribe: false,
      };
}
