import { hashBucket, type Instance, keyOf, newInstance } from '../instance/instance.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import { entryId } from './ledger.ts';
import { type DescribedState, mergeDescribed } from './merge-describe.ts';
import { enter, entriesOf, type Outcome, unchanged } from './transition.ts';
import type { Untold } from './untold.ts';

/** What is known of one account and region: when it was last swept, and whether a mass removal is withheld. */
export interface AccountRegion {
  account: string;
  region: string;
  lastSweepAt: Instant | null;
  /** A complete sweep missed more than max(5, 10 %) of the pair: since when, until an operator or an hour releases it. */
  withheld: { since: Instant; released: boolean } | null;
  /** Changes that sweeps found since the last event of the pair. Absent where there are none. */
  untold?: Untold;
}

export const newAccountRegion = (account: string, region: string): AccountRegion => ({
  account,
  region,
  lastSweepAt: null,
  withheld: null,
});

/** What a sweep knows of its pair: as it was read before the first page was asked for, and when that was sent. */
export interface SweepOf {
  pair: AccountRegion;
  sentAt: Instant;
}

/** One sweep of a pair: everything that was read before its first page was asked for, and all pages, or not all. */
export interface Sweep extends SweepOf {
  records: readonly Instance[];
  /** When each agent was last heard of, by instance id. */
  lastHeardAt: ReadonlyMap<string, Instant>;
  complete: boolean;
  sights: readonly DescribedState[];
  /** Instances that the listing shows and that cannot be read: they are seen, and nothing changes. */
  unreadableIds: readonly string[];
}

/** What a sweep makes of one instance. */
export interface SweepChange {
  before: Instance | undefined;
  outcome: Outcome;
}

export interface SweepPlan {
  pair: AccountRegion;
  changes: readonly SweepChange[];
  alarms: readonly ('mass_removal_withheld' | NonNullable<Outcome['alarm']>)[];
  withheldIds: readonly string[];
}

/** A sweep has nothing to do with a record that ended so long before the sweep before it, unless EC2 shows the instance. */
const endedSeconds = 86_400;

/** Records that ended before this moment need not be read for the next sweep. Null: no sweep has looked at the pair yet. */
export const readsEndedSince = (pair: AccountRegion | undefined): Instant | null =>
  pair?.lastSweepAt ? pair.lastSweepAt - seconds(endedSeconds) : null;

/** Whether the instance terminated before that moment and nobody doubts it. */
export const isOver = ({ cloud }: Instance, endedBefore: Instant): boolean =>
  cloud.state === 'terminated' && cloud.verify === null && (cloud.at ?? 0) < endedBefore;

/** Whether the record's facts and lease have served their time: the instance has been over for a day. */
export const isOverForADay = (instance: Instance, now: Instant): boolean =>
  isOver(instance, now - seconds(endedSeconds));

/** A sweep that would end more records than this count and more than this share of the pair ends none (docs/design/merging.md, "absence is not death"). */
const massRemoval = { count: 5, share: 0.1 } as const;

/** A whole sweep at once, where everything that it read is at hand. Only a complete one says anything about instances that it lacks. */
export function planSweep(sweep: Sweep, timing: Timing): SweepPlan {
  const known = new Map(sweep.records.map((record) => [record.instanceId, record]));
  const seen = sweep.sights.map((sight) => mergeSight(known.get(sight.instanceId), sight, timing));
  if (!sweep.complete) return { pair: sweep.pair, changes: seen, alarms: alarmsOf(seen), withheldIds: [] };
  const sighted = new Set([...sweep.sights.map((sight) => sight.instanceId), ...sweep.unreadableIds]);
  const missed = sweep.records
    .filter((record) => !sighted.has(record.instanceId))
    .map((record) => mergeMissed(record, sweep.lastHeardAt.get(record.instanceId), sweep, timing));
  const alive = sweep.records.filter(isAlive).length;
  const { pair, withheld } = judgeMissed(missed, alive, sweep, timing);
  const changes = [...seen, ...missed.filter((change) => withheld === 0 || !removes(change))];
  const withheldIds = withheld === 0 ? [] : missed.filter(removes).map(({ outcome }) => outcome.instance.instanceId);
  const alarms = alarmsOf(changes);
  return { pair, changes, alarms: withheld === 0 ? alarms : [...alarms, 'mass_removal_withheld'], withheldIds };
}

export const isAlive = ({ cloud }: Instance): boolean => cloud.state !== 'terminated';

const alarmsOf = (changes: readonly SweepChange[]): NonNullable<Outcome['alarm']>[] =>
  changes.flatMap(({ outcome }) => (outcome.alarm ? [outcome.alarm] : []));

/** Merges one instance that a page shows. */
export const mergeSight = (before: Instance | undefined, sight: DescribedState, timing: Timing): SweepChange => ({
  before,
  outcome: before ? mergeDescribed(before, sight, timing) : found(sight, timing),
});

/** Merges one record that a complete listing lacks. `heardAt`: when its agent was last heard of. */
export const mergeMissed = (
  before: Instance,
  heardAt: Instant | undefined,
  sweep: SweepOf,
  timing: Timing,
): SweepChange => ({
  before,
  outcome: isAlive(before) ? miss(before, heardAt, sweep, timing) : forgotten(before, heardAt, sweep, timing),
});

/** An instance that a sweep finds gets up to half an hour more to enroll, by hash: a new account must not fall due at once. */
function found(sight: DescribedState, timing: Timing): Outcome {
  const grace = timing.sweepGraceSeconds > 0 ? hashBucket(keyOf(sight), timing.sweepGraceSeconds) : 0;
  const blank = newInstance(sight, sight.sentAt);
  return mergeDescribed(
    { ...blank, management: { ...blank.management, notBefore: sight.sentAt + seconds(grace) } },
    sight,
    timing,
  );
}

/** The first miss leaves a mark with the last sight; "gone" needs two sweeps that both started more than S after it. */
function miss(record: Instance, heardAt: Instant | undefined, { pair, sentAt }: SweepOf, timing: Timing): Outcome {
  // A record without a mark was listed by the sweep before, or made since; that sight is not worth a write each time.
  const seenAt = Math.max(
    record.cloud.at ?? record.management.notBefore,
    record.cloud.seenAt ?? 0,
    record.cloud.absent ? record.cloud.absent.seenAt : (pair.lastSweepAt ?? 0),
    heardAt ?? 0,
  );
  const countsFrom = seenAt + seconds(timing.stalenessSeconds);
  const counts = sentAt > countsFrom;
  const since = record.cloud.absent?.since ?? null;
  const stillMissing = since !== null && since > countsFrom;
  if (counts && stillMissing && sentAt > since) return gone(record, since, sentAt, timing);
  const mark = { seenAt, since: stillMissing ? since : counts ? sentAt : null };
  if (record.cloud.absent?.seenAt === mark.seenAt && record.cloud.absent.since === mark.since) return unchanged(record);
  return { instance: { ...record, cloud: { ...record.cloud, absent: mark } }, changed: true, needsDescribe: false };
}

/** EC2 forgets what has ended: a doubt about the end that outlasts S is settled by its absence. */
function forgotten(record: Instance, heardAt: Instant | undefined, { sentAt }: SweepOf, timing: Timing): Outcome {
  const doubtedAt = Math.max(record.cloud.verify?.since ?? 0, heardAt ?? 0);
  if (!record.cloud.verify || sentAt <= doubtedAt + seconds(timing.stalenessSeconds)) return unchanged(record);
  return { instance: { ...record, cloud: { ...record.cloud, verify: null } }, changed: true, needsDescribe: false };
}

function gone(record: Instance, since: Instant, sentAt: Instant, timing: Timing): Outcome {
  const at = Math.max(since, record.cloud.at ?? 0);
  const id = entryId(`absence@${sentAt}`);
  const entry = { state: 'terminated', at, until: at, id, settled: true } as const;
  const known = entriesOf(record.cloud).map((other) => ({ ...other, settled: true }));
  const ended = enter(record, [...known, entry], entry, { source: 'absence', learntAt: sentAt }, timing);
  return {
    instance: { ...ended, cloud: { ...ended.cloud, inferred: true, absent: record.cloud.absent, verify: null } },
    changed: true,
    needsDescribe: false,
  };
}

/** Whether the change ends a record that was alive. */
export const removes = ({ before, outcome }: SweepChange): boolean =>
  before !== undefined && isAlive(before) && !isAlive(outcome.instance);

/**
 * What a complete sweep says of its pair, by all that its listing lacks. `withheld`: so many records would end and do not, since they are too
 * many at once; 0 if all of `missed` is to be applied. `alive`: of how many living records the pair was.
 */
export function judgeMissed(
  missed: Iterable<SweepChange>,
  alive: number,
  { pair, sentAt }: SweepOf,
  timing: Timing,
): { pair: AccountRegion; withheld: number } {
  const since = pair.withheld?.since ?? sentAt;
  let removals = 0;
  // An hour of complete sweeps that agree: on every record that would end, not only on there being too many.
  let agreedSince = since;
  for (const change of missed) {
    if (!removes(change)) continue;
    removals += 1;
    agreedSince = Math.max(agreedSince, change.before?.cloud.absent?.since ?? sentAt);
  }
  const tooMany = removals > Math.max(massRemoval.count, massRemoval.share * alive);
  const agreedLongEnough = sentAt >= agreedSince + seconds(timing.massRemovalReleaseSeconds);
  const swept = { ...pair, lastSweepAt: Math.max(pair.lastSweepAt ?? 0, sentAt) };
  if (!tooMany || pair.withheld?.released || agreedLongEnough) {
    return { pair: { ...swept, withheld: null }, withheld: 0 };
  }
  return { pair: { ...swept, withheld: { since, released: false } }, withheld: removals };
}
