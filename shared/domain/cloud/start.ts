import type { CloudRecord } from '../instance/instance.ts';
import type { Instant } from '../time.ts';
import type { LedgerEntry } from './ledger.ts';

/** One start of an instance, as a ledger holds it. */
export interface Start {
  /** The stamp of the first entry: `pending`, or `running` where `pending` is missing. */
  at: Instant;
  opensWith: 'pending' | 'running';
  /** The stop before this start, where the ledger holds it. */
  afterStopAt: Instant | null;
  runningAt: Instant | null;
  stoppedAt: Instant | null;
  /** When the start ended, in whichever state. */
  endedAt: Instant | null;
}

/** The last start that a ledger holds. Undefined where it holds no `pending` and no `running`. */
export function startIn(order: readonly LedgerEntry[]): Start | undefined {
  let start: Start | undefined;
  for (const [index, entry] of order.entries()) {
    const before = order[index - 1];
    if (opens(entry, before)) start = newStart(entry, before);
    if (start) note(start, entry);
  }
  return start;
}

/** `running` after `running` opens a start only where a describe showed it: its LaunchTime told of a stop in between. */
function opens({ state, settled }: LedgerEntry, before: LedgerEntry | undefined): boolean {
  if (state === 'pending') return true;
  return state === 'running' && before?.state !== 'pending' && (before?.state !== 'running' || settled);
}

function newStart({ state, at }: LedgerEntry, before: LedgerEntry | undefined): Start {
  const afterStop = before?.state === 'stopping' || before?.state === 'stopped';
  return {
    at,
    opensWith: state === 'pending' ? 'pending' : 'running',
    afterStopAt: afterStop ? before.at : null,
    runningAt: null,
    stoppedAt: null,
    endedAt: null,
  };
}

function note(start: Start, { state, at }: LedgerEntry): void {
  // EC2 goes to `stopping` from `running` alone. The start did not fail even if `running` is missing.
  if (state === 'running' || state === 'stopping') start.runningAt ??= at;
  if (state === 'stopping' || state === 'stopped') start.stoppedAt = at;
  if (state === 'stopped' || state === 'shutting-down' || state === 'terminated') start.endedAt ??= at;
}

/** LaunchTime and the stamp of `pending` of one start differ by less than this. A property of EC2, not a setting. */
export const epochToleranceMs = 10_000;

/** The epoch of a start, when it ran, and whether it failed (docs/design/merging.md, "order and epochs" and "failed starts"). */
export function epochOf(
  before: CloudRecord,
  start: Start,
  launchTime: Instant | undefined,
): Pick<CloudRecord, 'epoch' | 'epochNamed' | 'runningAt' | 'failedStart'> {
  const named = namedBy(before, start, launchTime);
  const epoch = named ?? start.at;
  const isKnown =
    before.epoch !== null && !isAfterStop(start, before.epoch) && Math.abs(before.epoch - epoch) <= epochToleranceMs;
  const runningAt = start.runningAt ?? (isKnown ? before.runningAt : null);
  const failedAt = runningAt === null ? start.endedAt : null;
  const known = isKnown ? before.failedStart : null;
  const failedStart = failedAt === null ? null : (known ?? { at: failedAt, reason: 'unknown' });
  return { epoch, epochNamed: named !== null, runningAt, failedStart };
}

/** The start came after a stop that ended the given epoch. */
const isAfterStop = ({ afterStopAt }: Start, epoch: Instant): boolean => afterStopAt !== null && afterStopAt >= epoch;

/** The LaunchTime of this start, where EC2 has told it. */
function namedBy(before: CloudRecord, start: Start, launchTime: Instant | undefined): Instant | null {
  const known = before.epochNamed ? before.epoch : null;
  if (launchTime !== undefined) return known !== null && launchTime - known <= epochToleranceMs ? known : launchTime;
  if (known === null || isAfterStop(start, known)) return null;
  const another = start.opensWith === 'pending' && start.at > known + epochToleranceMs;
  return another ? null : known;
}
