import type { Act } from '../act.ts';
import { readEntry } from '../cloud/ledger.ts';
import type { EnrollmentKey } from '../enrollment/enrollment-key.ts';
import { type Instance, keyOf } from '../instance/instance.ts';
import { effectiveState } from '../server/server.ts';
import { formatTime, formatTimeOrNull, type Instant } from '../time.ts';

export type DetailType =
  | 'Instance State Changed'
  | 'Instance Enrolled'
  | 'Instance Discovered-Only'
  | 'Instance Identity Conflict'
  | 'Instance Start Failed'
  | 'Instance Surplus'
  | 'Agent Silent'
  | 'Agent Heard'
  | 'Server State Changed'
  | 'Enrollment Key Expiring';

/** A domain event that follows from a change of a record. `entry` makes its id: same change, same id, however often. */
export interface DomainEvent {
  detailType: DetailType;
  /** The record that changed. */
  record: string;
  /** What in the record the event tells of. */
  entry: string;
  data: Readonly<Record<string, string | boolean | number | null | Act>>;
}

/**
 * The events that a change of an instance's record owes to the world: one per ledger entry and per condition that the
 * new image has and the old has not, so that merged writes lose none (docs/design/events.md, "one event per entry").
 */
export function eventsOf(before: Instance | undefined, after: Instance): DomainEvent[] {
  return [
    ...stateEvents(before, after),
    ...conditionEvents(before, after),
    ...silenceEvents(before, after),
    ...serverEvents(before, after),
  ];
}

/** The events that a change of an enrollment key owes: one for each warning that was noted on it. */
export function keyEventsOf(before: EnrollmentKey | undefined, after: EnrollmentKey): DomainEvent[] {
  const { id: keyId, warnedAt, expiresAt, createdBy, lastUsedAt, lastUsedBy } = after;
  if (warnedAt === null || expiresAt === null || before?.warnedAt === warnedAt) return [];
  const at = formatTime(warnedAt);
  const use = { lastUsedAt: formatTimeOrNull(lastUsedAt), lastUsedBy };
  const data = { keyId, sequence: sequenceOf(after), expiresAt: formatTime(expiresAt), createdBy, ...use, at };
  return [{ detailType: 'Enrollment Key Expiring', record: keyId, entry: at, data }];
}

const base = (instance: Instance) => ({
  account: instance.account,
  region: instance.region,
  instanceId: instance.instanceId,
  serverId: instance.assignment.serverId,
  sequence: sequenceOf(instance),
});

/**
 * The place of an event among those of its record. One write may tell of several transitions: each has the place of its ledger
 * entry. A ledger has at most nine entries, so what else the write tells of comes after them.
 */
const sequenceOf = ({ version }: { version: number }, index = 9): number => version * 10 + index;

function stateEvents(before: Instance | undefined, after: Instance): DomainEvent[] {
  const told = new Set(before?.cloud.ledger.map((entry) => readEntry(entry).id));
  const entries = after.cloud.ledger.map(readEntry);
  return entries.flatMap(({ state, at, id }, index) => {
    if (told.has(id)) return [];
    const inferred = after.cloud.inferred && state === 'terminated';
    const late = index < entries.length - 1;
    const data = {
      ...{ ...base(after), sequence: sequenceOf(after, index) },
      ...{ state, at: formatTime(at), inferred, ...(late && { late }) },
    };
    return [{ detailType: 'Instance State Changed' as const, record: keyOf(after), entry: `${state}#${id}`, data }];
  });
}

function conditionEvents(before: Instance | undefined, after: Instance): DomainEvent[] {
  const events: DomainEvent[] = [];
  const add = (detailType: DetailType, entry: string, data: DomainEvent['data']) =>
    events.push({ detailType, record: keyOf(after), entry, data: { ...base(after), ...data } });
  const since = formatTime(after.management.since);
  const told =
    before?.management.status === after.management.status && before.management.since === after.management.since;
  if (after.management.status === 'enrolled' && before?.agent?.id !== after.agent?.id && after.agent) {
    const at = formatTime(after.agent.enrolledAt);
    add('Instance Enrolled', `${after.agent.id}@${at}`, {
      reason: after.management.reason,
      agentId: after.agent.id,
      replaces: before?.agent?.id ?? before?.identity.reenroll?.replaces ?? null,
      at,
    });
  }
  if (after.identity.conflict && after.agent && before?.identity.conflict?.since !== after.identity.conflict.since) {
    const at = formatTime(after.identity.conflict.since);
    add('Instance Identity Conflict', at, { agentId: after.agent.id, reason: after.identity.conflict.reason, at });
  }
  if (after.management.status === 'discovered-only' && !told) {
    add('Instance Discovered-Only', `${after.management.reason}@${since}`, {
      reason: after.management.reason,
      at: since,
      ...(after.management.act && { by: after.management.act }),
    });
  }
  const { failedStart } = after.cloud;
  const toldStart = before?.cloud.failedStart;
  // Told again when EC2 names the reason.
  if (failedStart && (toldStart?.at !== failedStart.at || toldStart.reason !== failedStart.reason)) {
    const at = formatTime(failedStart.at);
    add('Instance Start Failed', `${at} ${failedStart.reason}`, { reason: failedStart.reason, at });
  }
  if (after.assignment.surplusSince !== null && (before?.assignment.surplusSince ?? null) === null) {
    const at = formatTime(after.assignment.surplusSince);
    add('Instance Surplus', at, { launchId: after.assignment.launchId, at });
  }
  return events;
}

/** One event where a silence begins, and one where the same agent is heard again. A new agent in its place ends it without a word. */
function silenceEvents(before: Instance | undefined, after: Instance): DomainEvent[] {
  const was = before?.agent?.id === after.agent?.id ? before?.agent?.silentSince : undefined;
  const is = after.agent?.silentSince;
  if (was === is) return [];
  const tell = (detailType: DetailType, since: Instant): DomainEvent => {
    const agentId = after.agent?.id ?? null;
    const data = { ...base(after), agentId, silentSince: formatTime(since) };
    return { detailType, record: keyOf(after), entry: `${agentId}@${since}`, data };
  };
  const heard = was === undefined ? [] : [tell('Agent Heard', was)];
  return is === undefined ? heard : [...heard, tell('Agent Silent', is)];
}

/** A server's word follows from its instance's record, which a termination writes alone. */
function serverEvents(before: Instance | undefined, after: Instance): DomainEvent[] {
  if (after.assignment.serverId === null) return [];
  const was = before?.assignment.serverId === after.assignment.serverId ? effectiveState(before) : null;
  const state = effectiveState(after);
  if (was === state) return [];
  const at = Math.max(after.cloud.at ?? 0, after.agent?.stateAt ?? 0, after.management.since);
  const data = { ...base(after), state, previousState: was, at: formatTime(at) };
  return [
    {
      detailType: 'Server State Changed',
      record: after.assignment.serverId,
      entry: `${keyOf(after)}@${after.version}`,
      data,
    },
  ];
}
