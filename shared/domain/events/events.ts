import type { EnrollmentKey } from '../enrollment/enrollment-key.ts';
import { type Instance, keyOf, readLedgerEntry } from '../instance/instance.ts';
import { effectiveState } from '../server/server.ts';
import { formatTime, formatTimeOrNull } from '../time.ts';

export type DetailType =
  | 'Instance State Changed'
  | 'Instance Enrolled'
  | 'Instance Discovered-Only'
  | 'Instance Identity Conflict'
  | 'Instance Start Failed'
  | 'Instance Surplus'
  | 'Server State Changed'
  | 'Enrollment Key Expiring';

/** A domain event that follows from a change of a record. `entry` makes its id: same change, same id, however often. */
export interface DomainEvent {
  detailType: DetailType;
  /** The record that changed. */
  record: string;
  /** What in the record the event tells of. */
  entry: string;
  data: Readonly<Record<string, string | boolean | null>>;
}

/**
 * The events that a change of an instance's record owes to the world: one per ledger entry and per condition that the
 * new image has and the old has not, so that merged writes lose none (docs/design/events.md, "one event per entry").
 */
export function eventsOf(before: Instance | undefined, after: Instance): DomainEvent[] {
  return [...stateEvents(before, after), ...conditionEvents(before, after), ...serverEvents(before, after)];
}

/** The events that a change of an enrollment key owes: one for each warning that was noted on it. */
export function keyEventsOf(before: EnrollmentKey | undefined, after: EnrollmentKey): DomainEvent[] {
  const { id: keyId, warnedAt, expiresAt, createdBy, lastUsedAt, lastUsedBy } = after;
  if (warnedAt === null || expiresAt === null || before?.warnedAt === warnedAt) return [];
  const at = formatTime(warnedAt);
  const use = { lastUsedAt: formatTimeOrNull(lastUsedAt), lastUsedBy };
  const data = { keyId, expiresAt: formatTime(expiresAt), createdBy, ...use, at };
  return [{ detailType: 'Enrollment Key Expiring', record: keyId, entry: at, data }];
}

const base = (instance: Instance) => ({
  account: instance.account,
  region: instance.region,
  instanceId: instance.instanceId,
  serverId: instance.serverId,
});

function stateEvents(before: Instance | undefined, after: Instance): DomainEvent[] {
  const told = new Set(before?.ledger);
  return after.ledger
    .filter((entry) => !told.has(entry))
    .map((entry) => {
      const { state, at } = readLedgerEntry(entry);
      const inferred = after.inferred && state === 'terminated';
      return {
        detailType: 'Instance State Changed',
        record: keyOf(after),
        entry,
        data: { ...base(after), state, at: formatTime(at), inferred },
      };
    });
}

function conditionEvents(before: Instance | undefined, after: Instance): DomainEvent[] {
  const events: DomainEvent[] = [];
  const add = (detailType: DetailType, entry: string, data: DomainEvent['data']) =>
    events.push({ detailType, record: keyOf(after), entry, data: { ...base(after), ...data } });
  const since = formatTime(after.managementSince);
  const told = before?.management === after.management && before.managementSince === after.managementSince;
  if (after.management === 'enrolled' && before?.agent?.id !== after.agent?.id && after.agent) {
    const at = formatTime(after.agent.enrolledAt);
    add('Instance Enrolled', `${after.agent.id}@${at}`, {
      reason: after.managementReason,
      agentId: after.agent.id,
      replaces: before?.agent?.id ?? before?.reenroll?.replaces ?? null,
      at,
    });
  }
  if (after.conflict && after.agent && before?.conflict?.since !== after.conflict.since) {
    const at = formatTime(after.conflict.since);
    add('Instance Identity Conflict', at, { agentId: after.agent.id, reason: after.conflict.reason, at });
  }
  if (after.management === 'discovered-only' && !told) {
    add('Instance Discovered-Only', `${after.managementReason}@${since}`, {
      reason: after.managementReason,
      at: since,
    });
  }
  if (after.failedStart && before?.failedStart?.at !== after.failedStart.at) {
    const at = formatTime(after.failedStart.at);
    add('Instance Start Failed', at, { reason: after.failedStart.reason, at });
  }
  if (after.surplusSince !== null && (before?.surplusSince ?? null) === null) {
    const at = formatTime(after.surplusSince);
    add('Instance Surplus', at, { launchId: after.launchId, at });
  }
  return events;
}

/** A server's word follows from its instance's record, which a termination writes alone. */
function serverEvents(before: Instance | undefined, after: Instance): DomainEvent[] {
  if (after.serverId === null) return [];
  const was = before?.serverId === after.serverId ? effectiveState(before) : null;
  const state = effectiveState(after);
  if (was === state) return [];
  const at = Math.max(after.at ?? 0, after.agent?.stateAt ?? 0, after.managementSince);
  const data = { ...base(after), state, previousState: was, at: formatTime(at) };
  return [
    { detailType: 'Server State Changed', record: after.serverId, entry: `${keyOf(after)}@${after.version}`, data },
  ];
}
