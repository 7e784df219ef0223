import * as z from 'zod/mini';
import type { Lease } from '#shared/domain/agent/lease.ts';
import { isSilent } from '#shared/domain/agent/silence.ts';
import { type PresentWarning, presentWarnings } from '#shared/domain/cloud/warnings.ts';
import { attachmentOf, attachmentOutcomes } from '#shared/domain/enrollment/attachment.ts';
import { instanceActions } from '#shared/domain/instance/actions.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import { conflictReasons, ec2States, type Instance, warningKinds } from '#shared/domain/instance/instance.ts';
import { agentWord } from '#shared/domain/server/server.ts';
import { formatTime, type Instant, formatTimeOrNull as timeOrNull } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { actions, answer, pageOf, type Shown, text, time } from '../answer.ts';
import { account, instanceId, region } from '../id-schemas.ts';

const nullable = z.nullable;

/** What EC2 described of an instance beyond its state. */
const FactsAnswer = z.object({
  imageId: text,
  instanceType: text,
  architecture: nullable(text),
  availabilityZone: nullable(text),
  subnetId: nullable(text),
  vpcId: nullable(text),
  privateIp: nullable(text),
  publicIp: nullable(text),
  instanceProfileArn: nullable(text),
  managedBy: nullable(text),
  clientToken: nullable(text),
  amiLaunchIndex: z.int(),
  tags: z.record(text, text),
  rootDeviceType: nullable(text),
  rootDeviceName: nullable(text),
  rootVolumeId: nullable(text),
  rootAttachedAt: nullable(time),
  interfaceAttachedAt: nullable(time),
  attachment: z.enum(attachmentOutcomes),
  launchTime: nullable(time),
  describedAt: time,
});

/** An instance as the API shows it; only a request for one instance shows `facts`. */
export const InstanceAnswer = answer(
  'Instance',
  z.object({
    account,
    region,
    instanceId,
    state: z.enum([...ec2States, 'unknown']),
    epoch: nullable(time),
    at: nullable(time),
    management: z.enum(['pending', 'enrolled', 'discovered-only']),
    managementSince: nullable(time),
    managementReason: text,
    managementBy: nullable(z.object({ who: text, reason: nullable(text), requestId: text })),
    serverId: nullable(text),
    agent: nullable(
      z.object({ id: text, version: text, state: nullable(text), lastSeenAt: time, silent: z.boolean() }),
    ),
    conflict: nullable(z.object({ reason: z.enum(conflictReasons), since: time })),
    reenrollment: nullable(
      z.object({ agentId: nullable(text), keyId: nullable(text), replaces: nullable(text), until: time }),
    ),
    verify: nullable(z.object({ reason: text, since: time })),
    inferred: z.boolean(),
    failedStart: nullable(z.object({ reason: text, at: time })),
    surplusSince: nullable(time),
    prediction: nullable(z.object({ what: z.enum(warningKinds), at: time })),
    warnings: z.array(
      z.object({ kind: z.enum(warningKinds), severity: z.int(), since: time, deadline: nullable(time) }),
    ),
    refusedAttempt: nullable(z.object({ code: text, reference: text, at: time })),
    actions,
    facts: z.optional(nullable(FactsAnswer)),
  }),
);
export const InstancePage = answer('InstancePage', pageOf(InstanceAnswer));

export interface Clock {
  now: Instant;
  timing: Timing;
}

/** An instance, without its facts. */
export function instanceView(instance: Instance, lease: Lease | undefined, clock: Clock): Shown<typeof InstanceAnswer> {
  const {
    account,
    region,
    instanceId,
    cloud: { state, verify, failedStart },
    identity: { refusedAttempt: attempt, conflict },
  } = instance;
  const warnings = presentWarnings(instance.cloud).map(warningView);
  const [strongest] = warnings;
  return {
    account,
    region,
    instanceId,
    state,
    epoch: timeOrNull(instance.cloud.epoch),
    at: timeOrNull(instance.cloud.at),
    management: instance.management.status,
    managementSince: timeOrNull(instance.management.since),
    managementReason: instance.management.reason,
    managementBy: instance.management.act ?? null,
    serverId: instance.assignment.serverId,
    agent: agentView(instance, lease, clock),
    conflict: conflict && { reason: conflict.reason, since: formatTime(conflict.since) },
    reenrollment: reenrollmentView(instance),
    verify: verify && { reason: verify.reason, since: formatTime(verify.since) },
    inferred: instance.cloud.inferred,
    failedStart: failedStart && { reason: failedStart.reason, at: formatTime(failedStart.at) },
    surplusSince: timeOrNull(instance.assignment.surplusSince),
    prediction: strongest ? { what: strongest.kind, at: strongest.since } : null,
    warnings,
    refusedAttempt: attempt && { code: attempt.code, reference: attempt.reference, at: formatTime(attempt.at) },
    actions: instanceActions(instance),
  };
}

const warningView = ({ since, deadline, ...rest }: PresentWarning) => ({
  ...rest,
  since: formatTime(since),
  deadline: timeOrNull(deadline),
});

/** What an operator's re-enrollment waits for, or waited for in vain. */
function reenrollmentView({ identity: { reenroll } }: Instance) {
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
  const silent = isSilent(instance, lease?.lastSeenAt, now, timing);
  return {
    id: agent.id,
    version: agent.version,
    state: agentWord(instance),
    lastSeenAt: formatTime(lastSeenAt),
    silent,
  };
}

/** The facts of one instance; null where EC2 has described none yet. */
export function factsView(facts: InstanceFacts | undefined): Shown<typeof FactsAnswer> | null {
  if (!facts) return null;
  const { account: _account, region: _region, instanceId: _id, ...rest } = facts;
  return {
    ...rest,
    // Facts that an older version wrote lack it
    managedBy: facts.managedBy ?? null,
    attachment: attachmentOf(facts),
    rootAttachedAt: timeOrNull(facts.rootAttachedAt ?? null),
    interfaceAttachedAt: timeOrNull(facts.interfaceAttachedAt ?? null),
    launchTime: timeOrNull(facts.launchTime ?? null),
    describedAt: formatTime(facts.describedAt),
  };
}
