import {
  type CloudRecord,
  type Instance,
  type ManagementReason,
  type VerifyReason,
  withCloud,
  withManagement,
} from '../instance/instance.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import { historyOf } from './history.ts';
import { entryId, type LedgerEntry, ledgerKept, ledgerLimit, readEntry, writeEntry } from './ledger.ts';
import { epochOf, epochToleranceMs, startIn } from './start.ts';

/** What one observation changed. `instance` is the input itself where nothing changed. */
export interface Outcome {
  instance: Instance;
  /** The record has to be written. */
  changed: boolean;
  /** Muster has to ask EC2: the instance is new, or its state is in doubt. */
  needsDescribe: boolean;
  alarm?: 'terminated_undone' | 'termination_inferred_wrongly';
}

export const unchanged = (instance: Instance): Outcome => ({ instance, changed: false, needsDescribe: false });

/** Notes a doubt. The first reason and its time stay. */
export function withDoubt(instance: Instance, reason: VerifyReason | null, since: Instant): Instance {
  if (reason === null || instance.cloud.verify) return instance;
  return withCloud(instance, { verify: { reason, since } });
}

/** The ledger's entries. A record whose ledger lacks its state (an older version wrote it) gets an entry for that state. */
export function entriesOf({ ledger, state, at, source, seenAt }: CloudRecord): LedgerEntry[] {
  const entries = ledger.map(readEntry);
  if (entries.at(-1)?.state === state || state === 'unknown' || at === null) return entries;
  const until = source === 'event' ? at : Math.max(at, seenAt ?? 0);
  return [...entries, { state, at, until, id: unnamed, settled: true }];
}

/** The id of an entry that no ledger keeps. */
const unnamed = '';

/** The observation that told of a transition. */
export interface Evidence {
  source: CloudRecord['source'];
  /** When Muster learnt of the transition. A doubt counts from this time. */
  learntAt: Instant;
  /** EC2's LaunchTime of the start that the entry belongs to, where a describe or a launch told it. */
  launchTime?: Instant;
}

/**
 * The record whose ledger has `entries`, of which `entry` is new or corrected. It reads off the ledger what depends on it: state, stamp, doubt,
 * epoch, failed start, and why an instance without an agent waits (docs/design/merging.md, "the ledger").
 */
export function enter(
  before: Instance,
  entries: readonly LedgerEntry[],
  entry: LedgerEntry,
  evidence: Evidence,
  timing: Timing,
): Instance {
  const { order, doubt } = historyOf(entries, seconds(timing.orderingWindowSeconds));
  const end = order.at(-1) ?? entry;
  const isEnd = end === entry;
  const ledger = cut(tellAgain(order, before.cloud), entry, isEnd);
  const start = startIn(order);
  const cloud: CloudRecord = {
    ...before.cloud,
    state: end.state,
    at: Math.max(before.cloud.at ?? 0, ...(end.state === 'terminated' ? [end] : order).map(({ at }) => at)),
    source: isEnd ? evidence.source : before.cloud.source,
    ...(isEnd ? { absent: null, inferred: false } : { inferred: before.cloud.inferred && end.state === 'terminated' }),
    ledger: ledger.filter(({ id }) => id !== unnamed).map(writeEntry),
    verify: verifyOf(before.cloud, doubt, end, evidence.learntAt),
    stoppedAt: start?.stoppedAt ?? order.findLast(isStop)?.at ?? before.cloud.stoppedAt,
    ...(start && epochOf(before.cloud, start, evidence.launchTime)),
  };
  if (!start && evidence.launchTime !== undefined) nameEpoch(before.cloud, cloud, evidence.launchTime);
  return withReason({ ...before, cloud }, isEnd ? entry.at : evidence.learntAt);
}

const isStop = ({ state }: LedgerEntry): boolean => state === 'stopping' || state === 'stopped';

/**
 * Gives the last entry a new id where consumers were told of it as passed and the record goes back to it: they are told
 * of it once more, and believe again what the record says.
 */
function tellAgain(order: readonly LedgerEntry[], before: CloudRecord): readonly LedgerEntry[] {
  const end = order.at(-1);
  const told = before.ledger.map((text) => readEntry(text).id);
  if (!end || !told.includes(end.id) || told.at(-1) === end.id) return order;
  return order.with(-1, { ...end, id: entryId(`${end.id} after ${told.at(-1)}`) });
}

/**
 * A ledger of more than eight entries keeps the new one, because consumers have yet to be told of it. It also keeps the last
 * four where the new one is the last, so that the next events are blind updates again; else the last eight.
 */
function cut(order: readonly LedgerEntry[], entry: LedgerEntry, isEnd: boolean): readonly LedgerEntry[] {
  if (order.length <= ledgerLimit) return order;
  const kept = isEnd ? ledgerKept + 1 : ledgerLimit;
  return order.filter(({ id }, index) => index >= order.length - kept || id === entry.id);
}

/** A doubt ends when the ledger has one reading. A sign of life after the end stays a contradiction until EC2 answers. */
function verifyOf(
  { verify }: CloudRecord,
  doubt: VerifyReason | null,
  end: LedgerEntry,
  since: Instant,
): CloudRecord['verify'] {
  if (doubt !== null) return verify ?? { reason: doubt, since };
  const ended = end.state === 'stopped' || end.state === 'terminated';
  return verify?.reason === 'alive_when_ended' && ended ? verify : null;
}

/** Sets the LaunchTime that EC2 told. A provisional start keeps its running time. Another start has none yet. */
export function nameEpoch(before: CloudRecord, next: CloudRecord, launchTime: Instant): void {
  const another = before.epochNamed && launchTime - (before.epoch ?? launchTime) > epochToleranceMs;
  const afterStop = !before.epochNamed && before.runningAt !== null && launchTime > before.runningAt;
  if (another || afterStop) next.runningAt = null;
  if (before.epochNamed && !another) return;
  next.epoch = launchTime;
  next.epochNamed = true;
}

/** Why an instance without an agent waits follows from its last start. */
function withReason(instance: Instance, at: Instant): Instance {
  if (instance.management.status !== 'pending') return instance;
  if (instance.cloud.failedStart) return waitingFor(instance, 'start_failed', at);
  return waitingFor(instance, instance.cloud.state === 'terminated' ? 'ended_unenrolled' : 'awaiting_enrollment', at);
}

/** Changes why a pending record waits. `since` is the time of the change, not of a repetition. */
export function waitingFor(instance: Instance, reason: ManagementReason, since: Instant): Instance {
  return instance.management.reason === reason ? instance : withManagement(instance, { reason, since });
}
