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

/** One sweep of a pair: everything that was read before its first page was asked for, and all pages, or not all. */
export interface Sweep {
  pair: AccountRegion;
  records: readonly Instance[];
  /** Records of instances that the listing shows and that `records` lacks, read after the listing. They are merged, and never missed. */
  others?: readonly Instance[];
  /** When each agent was last heard of, by instance id. */
  lastHeardAt: ReadonlyMap<string, Instant>;
  sentAt: Instant;
  complete: boolean;
  sights: readonly DescribedState[];
  /** Instances that the listing shows and that cannot be read: they are seen, and nothing changes. */
  unreadableIds: readonly string[];
}

export interface SweepPlan {
  pair: AccountRegion;
  changes: readonly { before: Instance | undefined; outcome: Outcome }[];
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

/** A sweep that would end more records than this count and more than this share of the pair ends none (docs/design/merging.md, "absence is not death"). */
const massRemoval = { count: 5, share: 0.1 } as const;

/** Merges what the sweep saw. Only a complete sweep says anything about instances that it lacks (docs/design/merging.md, "absence is not death"). */
export function planSweep(sweep: Sweep, timing: Timing): SweepPlan {
  const known = new Map([...sweep.records, ...(sweep.others ?? [])].map((record) => [record.instanceId, record]));
  const seen = sweep.sights.map((sight) => {
    const before = known.get(sight.instanceId);
    return { before, outcome: before ? mergeDescribed(before, sight, timing) : found(sight, timing) };
  });
  if (!sweep.complete) return finish(sweep, sweep.pair, seen, []);
  const sighted = new Set([...sweep.sights.map((sight) => sight.instanceId), ...sweep.unreadableIds]);
  const missed = sweep.records
    .filter((record) => !sighted.has(record.instanceId))
    .map((before) => ({
      before,
      outcome: before.cloud.state === 'terminated' ? forgotten(before, sweep, timing) : miss(before, sweep, timing),
    }));
  return guarded(sweep, seen, missed, timing);
}

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
function miss(record: Instance, sweep: Sweep, timing: Timing): Outcome {
  // A record without a mark was listed by the sweep before, or made since; that sight is not worth a write each time.
  const seenAt = Math.max(
    record.cloud.at ?? record.management.notBefore,
    record.cloud.seenAt ?? 0,
    record.cloud.absent ? record.cloud.absent.seenAt : (sweep.pair.lastSweepAt ?? 0),
    sweep.lastHeardAt.get(record.instanceId) ?? 0,
  );
  const countsFrom = seenAt + seconds(timing.stalenessSeconds);
  const counts = sweep.sentAt > countsFrom;
  const since = record.cloud.absent?.since ?? null;
  const stillMissing = since !== null && since > countsFrom;
  if (counts && stillMissing && sweep.sentAt > since) return gone(record, since, sweep.sentAt, timing);
  const mark = { seenAt, since: stillMissing ? since : counts ? sweep.sentAt : null };
  if (record.cloud.absent?.seenAt === mark.seenAt && record.cloud.absent.since === mark.since) return unchanged(record);
  return { instance: { ...record, cloud: { ...record.cloud, absent: mark } }, changed: true, needsDescribe: false };
}

/** EC2 forgets what has ended: a doubt about the end that outlasts S is settled by its absence. */
function forgotten(record: Instance, sweep: Sweep, timing: Timing): Outcome {
  const doubtedAt = Math.max(record.cloud.verify?.since ?? 0, sweep.lastHeardAt.get(record.instanceId) ?? 0);
  if (!record.cloud.verify || sweep.sentAt <= doubtedAt + seconds(timing.stalenessSeconds)) return unchanged(record);
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

type Change = SweepPlan['changes'][number];

const removes = ({ before, outcome }: Change): boolean =>
  before?.cloud.state !== 'terminated' && outcome.instance.cloud.state === 'terminated';

function guarded(sweep: Sweep, seen: Change[], missed: Change[], timing: Timing): SweepPlan {
  const removals = missed.filter(removes);
  const alive = sweep.records.filter((record) => record.cloud.state !== 'terminated').length;
  const tooMany = removals.length > Math.max(massRemoval.count, massRemoval.share * alive);
  const { withheld } = sweep.pair;
  // An hour of complete sweeps that agree: on every record that would end, not only on there being too many.
  const releaseMs = seconds(timing.massRemovalReleaseSeconds);
  const since = withheld?.since ?? sweep.sentAt;
  const missedSince = (change: Change) => change.before?.cloud.absent?.since ?? sweep.sentAt;
  const agreedLongEnough = [since, ...removals.map(missedSince)].every((from) => sweep.sentAt >= from + releaseMs);
  if (!tooMany || withheld?.released || agreedLongEnough) {
    return finish(sweep, { ...sweep.pair, withheld: null }, [...seen, ...missed], []);
  }
  const kept = missed.filter((change) => !removes(change));
  const pair = { ...sweep.pair, withheld: { since, released: false } };
  return finish(
    sweep,
    pair,
    [...seen, ...kept],
    removals.map(({ outcome }) => outcome.instance.instanceId),
  );
}

function finish(sweep: Sweep, pair: AccountRegion, changes: Change[], withheldIds: string[]): SweepPlan {
  const alarms = changes.flatMap(({ outcome }) => (outcome.alarm ? [outcome.alarm] : []));
  return {
    pair: sweep.complete ? { ...pair, lastSweepAt: Math.max(pair.lastSweepAt ?? 0, sweep.sentAt) } : pair,
    changes,
    alarms: withheldIds.length > 0 ? [...alarms, 'mass_removal_withheld'] : alarms,
    withheldIds,
  };
}
