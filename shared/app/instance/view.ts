import type { Lease } from '#shared/domain/agent/lease.ts';
import { attachmentOf } from '#shared/domain/enrollment/attachment.ts';
import { instanceActions } from '#shared/domain/instance/actions.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { agentWord } from '#shared/domain/server/server.ts';
import { formatTime, type Instant, seconds, formatTimeOrNull as time } from '#shared/domain/time.ts';
import { silentAfterSeconds, type Timing } from '#shared/domain/timing.ts';

export interface Clock {
  now: Instant;
  timing: Timing;
}

/** An instance as the API shows it. */
export function instanceView(instance: Instance, lease: Lease | undefined, clock: Clock) {
  const { account, region, instanceId, state, verify, failedStart, attempt, prediction, conflict } = instance;
  return {
    account,
    region,
    instanceId,
    state,
    epoch: time(instance.epoch),
    at: time(instance.at),
    management: instance.management,
    managementSince: time(instance.managementSince),
    managementReason: instance.managementReason,
    serverId: instance.serverId,
    agent: agentView(instance, lease, clock),
    conflict: conflict && { reason: conflict.reason, since: formatTime(conflict.since) },
    reenrollment: reenrollmentView(instance),
    verify: verify && { reason: verify.reason, since: formatTime(verify.since) },
    inferred: instance.inferred,
    failedStart: failedStart && { reason: failedStart.reason, at: formatTime(failedStart.at) },
    surplusSince: time(instance.surplusSince),
    prediction: prediction && { what: prediction.what, at: formatTime(prediction.at) },
    refusedAttempt: attempt && { code: attempt.code, reference: attempt.reference, at: formatTime(attempt.at) },
    actions: instanceActions(instance),
  };
}

/** What an operator's re-enrollment waits for, or waited for in vain. */
function reenrollmentView({ reenroll }: Instance) {
  if (!reenroll) return null;
  const isGrant = reenroll.by.startsWith('key_');
  return {
    agentId: isGrant ? null : reenroll.by,
    keyId: isGrant ? reenroll.by : null,
    replaces: reenroll.replaces,
    until: formatTime(reenroll.until),
  };
}

function agentView(instance: Instance, lease: Lease | undefined, { now, timing }: Clock) {
  const { agent } = instance;
  if (!agent) return null;
  const lastSeenAt = Math.max(agent.enrolledAt, lease?.lastSeenAt ?? 0);
  const spokenFor = Math.max(lastSeenAt, instance.runningAt ?? 0);
  const silent = instance.state === 'running' && now > spokenFor + seconds(silentAfterSeconds(timing));
  return {
    id: agent.id,
    version: agent.version,
    state: agentWord(instance),
    lastSeenAt: formatTime(lastSeenAt),
    silent,
  };
}

export function factsView(facts: InstanceFacts | undefined) {
  if (!facts) return null;
  const { account: _account, region: _region, instanceId: _id, ...rest } = facts;
  return {
    ...rest,
    attachment: attachmentOf(facts),
    rootAttachedAt: time(facts.rootAttachedAt ?? null),
    interfaceAttachedAt: time(facts.interfaceAttachedAt ?? null),
    launchTime: time(facts.launchTime ?? null),
    describedAt: formatTime(facts.describedAt),
  };
}
