import type { Condition } from '../condition.ts';
import type { Instance } from './instance.ts';

export type InstanceCondition = Condition<'Running' | 'Enrolled' | 'StateConfirmed'>;

/** Whether the instance runs, whether an agent is enrolled, and whether EC2's statements about it agree. */
export const instanceConditions = (instance: Instance): InstanceCondition[] => [
  runningCondition(instance),
  enrolledCondition(instance),
  stateConfirmedCondition(instance),
];

function runningCondition({ cloud: { state, at, failedStart } }: Instance): InstanceCondition {
  const status = state === 'unknown' ? 'unknown' : state === 'running' ? 'true' : 'false';
  return { type: 'Running', status, reason: failedStart?.reason ?? state, since: at, facts: {} };
}

function enrolledCondition({ agent, identity: { conflict }, management }: Instance): InstanceCondition {
  const facts = { agentId: agent?.id ?? null };
  // An agent is enrolled, but Muster cannot tell which of the two machines it is.
  if (conflict)
    return { type: 'Enrolled', status: 'unknown', reason: 'identity_conflict', since: conflict.since, facts };
  const { reason, since } = management;
  const status = management.status === 'enrolled' ? 'true' : management.status === 'pending' ? 'unknown' : 'false';
  return { type: 'Enrolled', status, reason, since, facts };
}

function stateConfirmedCondition({ cloud: { verify } }: Instance): InstanceCondition {
  if (!verify) return { type: 'StateConfirmed', status: 'true', reason: 'nothing_contradicts', since: null, facts: {} };
  return { type: 'StateConfirmed', status: 'unknown', reason: verify.reason, since: verify.since, facts: {} };
}
