import { type CloudRecord, type Ec2State, type Instance, type InstanceKey, newInstance } from '../instance/instance.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import { entryId, type LedgerEntry } from './ledger.ts';
import { enter, entriesOf, type Outcome, unchanged } from './transition.ts';

/** One EC2 state-change notification, stamped in whole seconds (AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html). */
export interface StateChange extends InstanceKey {
  id: string;
  state: Ec2State;
  at: Instant;
  receivedAt: Instant;
  /** It came from another Region: EventBridge gave it another id and time, and the same event again has yet others. */
  crossed?: true;
}

/** Why an event's stamp makes it count for nothing, or null if it counts (docs/design/merging.md, "which events count"). */
export function disbelief(
  event: Pick<StateChange, 'at' | 'receivedAt'>,
  timing: Timing,
): 'too_old' | 'from_the_future' | null {
  if (event.at > event.receivedAt + seconds(timing.futureToleranceSeconds)) return 'from_the_future';
  return event.at < event.receivedAt - seconds(timing.oldestEventSeconds) ? 'too_old' : null;
}

/**
 * The record after an event. Events may arrive in any order: each takes its place in the ledger, and the record is read off
 * the ledger (docs/design/merging.md, "the ledger").
 */
export function mergeEvent(current: Instance | undefined, event: StateChange, given: Timing): Outcome {
  // The blind first write keeps the narrow window: it takes EC2's next step alone, which needs no other order.
  const timing = event.crossed ? { ...given, orderingWindowSeconds: given.crossRegionWindowSeconds } : given;
  const record = current ?? newInstance(event, event.receivedAt);
  if (disbelief(event, timing)) return unchanged(record);
  const { cloud } = record;
  const known = entriesOf(cloud);
  // A delivery that comes again may have died between the record and the question that it owed.
  if (known.some((entry) => isOf(event, entry)))
    return { ...unchanged(record), needsDescribe: cloud.verify !== null || !cloud.epochNamed };
  const { entries, alarm } = withoutInference(cloud, known, event);
  const estimate = entries.findLast((entry) => mayBe(event, entry, seconds(timing.orderingWindowSeconds)));
  // An instance ends once.
  if (!estimate && event.state === 'terminated' && entries.at(-1)?.state === 'terminated') return unchanged(record);
  const entry = entryOf(event, estimate);
  const all = estimate ? entries.map((other) => (other === estimate ? entry : other)) : [...entries, entry];
  const instance = enter(record, all, entry, { source: 'event', learntAt: event.receivedAt }, timing);
  const doubted = instance.cloud.verify !== null && cloud.verify === null;
  const maybeAgain = event.crossed === true && known.some((one) => isLike(event, one, timing));
  if (maybeAgain && doubted) return { ...unchanged(record), needsDescribe: true };
  const isNew = cloud.state === 'unknown' || alarm !== undefined;
  const needsDescribe = isNew || doubted || maybeAgain;
  return { instance, changed: true, needsDescribe, ...(alarm && { alarm }) };
}

const isOf = (event: StateChange, entry: LedgerEntry): boolean =>
  entry.id === entryId(event.id) || (entry.state === event.state && entry.at === event.at && entry.until === entry.at);

/** No id and no stamp tells that an event which crossed a Region came twice. One that fits nowhere beside one like it is the same; wherever it fits, EC2 is asked. */
const isLike = (event: StateChange, entry: LedgerEntry, timing: Timing): boolean =>
  entry.state === event.state && Math.abs(event.at - entry.at) <= seconds(timing.orderingWindowSeconds);

/** A describe showed this transition before the event told of it. The event brings the exact stamp. */
const mayBe = (event: StateChange, entry: LedgerEntry, windowMs: number): boolean =>
  entry.until > entry.at &&
  entry.state === event.state &&
  event.at >= entry.at - windowMs &&
  event.at <= entry.until + windowMs;

const entryOf = ({ state, at, id }: StateChange, estimate: LedgerEntry | undefined): LedgerEntry =>
  estimate ? { ...estimate, at, until: at } : { state, at, until: at, id: entryId(id), settled: false };

/** An end that Muster inferred from absence is no transition of EC2. A later event, or EC2's own `terminated`, takes its place. */
function withoutInference(
  { inferred, at }: CloudRecord,
  entries: readonly LedgerEntry[],
  event: StateChange,
): { entries: readonly LedgerEntry[]; alarm?: 'termination_inferred_wrongly' } {
  if (!inferred || at === null || (event.state !== 'terminated' && event.at <= at)) return { entries };
  const others = entries.filter(({ state }) => state !== 'terminated');
  if (event.state === 'terminated') return { entries: others };
  return { entries: others, alarm: 'termination_inferred_wrongly' };
}
