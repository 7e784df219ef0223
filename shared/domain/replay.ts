import { mergeCheckin, replayEnrollment } from './agent/merge-agent.ts';
import { type DescribedState, mergeDescribed } from './cloud/merge-describe.ts';
import { disbelief, mergeEvent } from './cloud/merge-event.ts';
import { readNotification } from './cloud/notification.ts';
import { type AccountRegion, newAccountRegion, planSweep } from './cloud/sweep.ts';
import type { Outcome } from './cloud/transition.ts';
import { mergeWarning, presentWarnings } from './cloud/warnings.ts';
import { block, release, unblock } from './enrollment/ending.ts';
import { type DomainEvent, eventsOf } from './events/events.ts';
import { mergeTime } from './instance/deadline.ts';
import { type Instance, type InstanceKey, keyOf, newInstance } from './instance/instance.ts';
import { formatTimeOrNull, type Instant, seconds } from './time.ts';
import type { Timing } from './timing.ts';

/** One recorded observation of a timeline, already read from its line (docs/replay.md). */
export type RecordedObservation = { case: string; receivedAt: Instant } & (
  | { observe: 'event'; event: unknown }
  | {
      observe: 'describe';
      sentAt: Instant;
      complete: boolean;
      account: string;
      region: string;
      sights: readonly DescribedState[];
      /** Instances that the answer lists and that cannot be read. They exist, and nothing else is known. */
      unreadableIds: readonly string[];
    }
  | { observe: 'enroll' | 'checkin'; key: InstanceKey }
  | { observe: 'act'; key: InstanceKey; act: RecordedAct }
  | { observe: 'time' }
);

/** What an operator did, already accepted. `adopt` opens an instance for an enrollment and changes no record by itself. */
export const recordedActs = ['release', 'block', 'unblock', 'adopt'] as const;
export type RecordedAct = (typeof recordedActs)[number];

/** One case of a timeline: its records, its pairs, and the events that it emitted, as the store would hold them. */
export interface Case {
  name: string;
  instances: Map<string, Instance>;
  pairs: Map<string, AccountRegion>;
  lastHeardAt: Map<string, Instant>;
  events: DomainEvent[];
  /** By instance: the question about a doubt that waits, and how many were asked. */
  questions: Map<string, Questions>;
}

interface Questions {
  /** The doubt about which a question waits since this time; null while none waits. */
  waitsSince: Instant | null;
  asked: number;
  isDoubted: boolean;
}

export const newCase = (name: string): Case => ({
  name,
  instances: new Map(),
  pairs: new Map(),
  lastHeardAt: new Map(),
  events: [],
  questions: new Map(),
});

/** Feeds one observation through the same core that the handlers use; the case is changed in place. */
export function replay(state: Case, recorded: RecordedObservation, timing: Timing): void {
  askWhatWaited(state, recorded.receivedAt - seconds(timing.doubtSettlesSeconds));
  observe(state, recorded, timing);
  noteDoubts(state, recorded.receivedAt);
}

/** Questions that have waited since `until` or longer: a doubt that has ended by then is not asked about. */
function askWhatWaited(state: Case, until: Instant): void {
  for (const questions of state.questions.values()) {
    if (questions.waitsSince === null || questions.waitsSince > until) continue;
    questions.asked += 1;
    questions.waitsSince = null;
  }
}

/** A doubt asks one question. An instance that EC2 was never asked about is asked about anyway. */
function noteDoubts(state: Case, now: Instant): void {
  for (const [key, { cloud }] of state.instances) {
    const before = state.questions.get(key) ?? { waitsSince: null, asked: 0, isDoubted: false };
    const isDoubted = cloud.verify !== null;
    const begins = isDoubted && !before.isDoubted;
    state.questions.set(key, {
      ...before,
      isDoubted,
      waitsSince: !isDoubted ? null : begins ? now : before.waitsSince,
    });
  }
}

function observe(state: Case, recorded: RecordedObservation, timing: Timing): void {
  switch (recorded.observe) {
    case 'event':
      replayEvent(state, recorded.event, recorded.receivedAt, timing);
      break;
    case 'describe':
      if (recorded.complete) replaySweep(state, recorded, timing);
      else replaySights(state, recorded.sights, timing);
      break;
    case 'enroll':
      put(state, replayEnrollment(state.instances.get(keyOf(recorded.key)), recorded.key, recorded.receivedAt));
      break;
    case 'checkin':
      replayCheckin(state, recorded.key, recorded.receivedAt);
      break;
    case 'act':
      replayAct(state, recorded.key, recorded.act, recorded.receivedAt);
      break;
    case 'time':
      for (const instance of state.instances.values()) put(state, mergeTime(instance, recorded.receivedAt, timing));
  }
}

function put(state: Case, outcome: Outcome): void {
  const { instance } = outcome;
  const key = keyOf(instance);
  const before = state.instances.get(key);
  if (instance === before) return;
  // As a store does: each write is a version of its own.
  const after = outcome.changed ? { ...instance, version: (before?.version ?? 0) + 1 } : instance;
  if (outcome.changed) state.events.push(...eventsOf(before, after));
  state.instances.set(key, after);
}

const endings = { release, block, unblock };

/** The same rules as for an operator's request. One that they refuse changes nothing. */
function replayAct(state: Case, key: InstanceKey, act: RecordedAct, at: Instant): void {
  const instance = state.instances.get(keyOf(key));
  if (!instance || act === 'adopt') return;
  const ending = endings[act](instance, at);
  if (ending.do === 'change') put(state, { instance: ending.instance, changed: true, needsDescribe: false });
}

function replayEvent(state: Case, event: unknown, receivedAt: Instant, timing: Timing): void {
  const notification = readNotification(event, receivedAt);
  if (notification.kind === 'ignored') return;
  if (notification.kind === 'warning') {
    const { keys, warning } = notification;
    if (disbelief({ at: warning.at, receivedAt }, timing)) return;
    for (const key of keys) {
      put(state, mergeWarning(state.instances.get(keyOf(key)) ?? newInstance(key, receivedAt), warning));
    }
    return;
  }
  const { change } = notification;
  const known = state.instances.get(keyOf(change));
  const outcome = mergeEvent(known, change, timing);
  if (outcome.changed) put(state, outcome);
}

function replaySights(state: Case, sights: readonly DescribedState[], timing: Timing): void {
  for (const sight of sights) put(state, mergeDescribed(state.instances.get(keyOf(sight)), sight, timing));
}

function replaySweep(
  state: Case,
  recorded: Extract<RecordedObservation, { observe: 'describe' }>,
  timing: Timing,
): void {
  const { account, region, sentAt, sights, unreadableIds } = recorded;
  const pairKey = `${account}/${region}`;
  const pair = state.pairs.get(pairKey) ?? newAccountRegion(account, region);
  const records = [...state.instances.values()].filter((it) => it.account === account && it.region === region);
  const lastHeardAt = new Map(
    records.flatMap((it) => {
      const heard = state.lastHeardAt.get(keyOf(it));
      return heard === undefined ? [] : [[it.instanceId, heard] as const];
    }),
  );
  const plan = planSweep({ pair, records, lastHeardAt, sentAt, complete: true, sights, unreadableIds }, timing);
  state.pairs.set(pairKey, plan.pair);
  for (const { outcome } of plan.changes) put(state, outcome);
}

function replayCheckin(state: Case, key: InstanceKey, receivedAt: Instant): void {
  const known = state.instances.get(keyOf(key));
  // A check-in is accepted only of an enrolled agent; one without a record tells of nothing that could be kept.
  if (!known) return;
  const heard = state.lastHeardAt.get(keyOf(key)) ?? 0;
  state.lastHeardAt.set(keyOf(key), Math.max(heard, receivedAt));
  put(state, mergeCheckin(known, receivedAt));
}

interface Summary {
  case: string;
  instances: (Record<string, unknown> & { questions: number })[];
  events: Record<string, unknown>[];
}

/** The line that `muster replay` prints for a case: instances sorted by key, events in order of emission. The case ends here: what waits is asked. */
export function summarize(state: Case): Summary {
  askWhatWaited(state, Number.POSITIVE_INFINITY);
  const keys = [...state.instances.keys()].sort();
  return {
    case: state.name,
    instances: keys.flatMap((key) => {
      const instance = state.instances.get(key);
      return instance ? [{ ...summarizeInstance(instance), questions: state.questions.get(key)?.asked ?? 0 }] : [];
    }),
    events: state.events.map(({ detailType, data }) => ({ detailType, ...data })),
  };
}

function summarizeInstance(instance: Instance): Record<string, unknown> {
  const {
    account,
    region,
    instanceId,
    cloud: { state, verify, inferred },
    management: { status: management },
  } = instance;
  return {
    account,
    region,
    instanceId,
    state,
    epoch: formatTimeOrNull(instance.cloud.epoch),
    at: formatTimeOrNull(instance.cloud.at),
    verify: verify && { reason: verify.reason, since: formatTimeOrNull(verify.since) },
    management,
    inferred,
    warnings: presentWarnings(instance.cloud).map(({ since, deadline, ...warning }) => ({
      ...warning,
      since: formatTimeOrNull(since),
      deadline: formatTimeOrNull(deadline),
    })),
  };
}
