import { mergeCheckin, mergePrediction, replayEnrollment } from './agent/merge-agent.ts';
import { type DescribedState, mergeDescribed } from './cloud/merge-describe.ts';
import { disbelief, mergeEvent } from './cloud/merge-event.ts';
import { readNotification } from './cloud/notification.ts';
import { type AccountRegion, newAccountRegion, planSweep } from './cloud/sweep.ts';
import type { Outcome } from './cloud/transition.ts';
import { type DomainEvent, eventsOf } from './events/events.ts';
import { mergeTime } from './instance/deadline.ts';
import { type Instance, type InstanceKey, keyOf } from './instance/instance.ts';
import { formatTimeOrNull, type Instant } from './time.ts';
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
    }
  | { observe: 'enroll' | 'checkin'; key: InstanceKey }
  | { observe: 'time' }
);

/** One case of a timeline: its records, its pairs, and the events that it emitted, as the store would hold them. */
export interface Case {
  name: string;
  instances: Map<string, Instance>;
  pairs: Map<string, AccountRegion>;
  lastHeardAt: Map<string, Instant>;
  events: DomainEvent[];
}

export const newCase = (name: string): Case => ({
  name,
  instances: new Map(),
  pairs: new Map(),
  lastHeardAt: new Map(),
  events: [],
});

/** Feeds one observation through the same core that the handlers use; the case is changed in place. */
export function replay(state: Case, recorded: RecordedObservation, timing: Timing): void {
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
    case 'time':
      for (const instance of state.instances.values()) put(state, mergeTime(instance, recorded.receivedAt, timing));
  }
}

function put(state: Case, outcome: Outcome): void {
  const { instance } = outcome;
  const key = keyOf(instance);
  const before = state.instances.get(key);
  if (instance === before) return;
  if (outcome.changed) state.events.push(...eventsOf(before, instance));
  state.instances.set(key, instance);
}

function replayEvent(state: Case, event: unknown, receivedAt: Instant, timing: Timing): void {
  const notification = readNotification(event, receivedAt);
  if (notification.kind === 'ignored') return;
  if (notification.kind === 'prediction') {
    const known = state.instances.get(keyOf(notification.key));
    const believed = !disbelief({ at: notification.at, receivedAt }, timing);
    if (known && believed) put(state, mergePrediction(known, notification.what, notification.at));
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
  const { account, region, sentAt, sights } = recorded;
  const pairKey = `${account}/${region}`;
  const pair = state.pairs.get(pairKey) ?? newAccountRegion(account, region);
  const records = [...state.instances.values()].filter((it) => it.account === account && it.region === region);
  const lastHeardAt = new Map(
    records.flatMap((it) => {
      const heard = state.lastHeardAt.get(keyOf(it));
      return heard === undefined ? [] : [[it.instanceId, heard] as const];
    }),
  );
  const plan = planSweep({ pair, records, lastHeardAt, sentAt, complete: true, sights }, timing);
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

/** The line that `muster replay` prints for a case: instances sorted by key, events in order of emission. */
export function summarize(state: Case): Record<string, unknown> {
  const keys = [...state.instances.keys()].sort();
  return {
    case: state.name,
    instances: keys.flatMap((key) => {
      const instance = state.instances.get(key);
      return instance ? [summarizeInstance(instance)] : [];
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
  };
}
