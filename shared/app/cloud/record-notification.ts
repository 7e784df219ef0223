import { firstTry } from '#shared/domain/cloud/first-try.ts';
import { orderOf, readEntry } from '#shared/domain/cloud/ledger.ts';
import { disbelief, mergeEvent, type StateChange } from '#shared/domain/cloud/merge-event.ts';
import { readNotification, sourceOfType } from '#shared/domain/cloud/notification.ts';
import { type Outcome, unchanged } from '#shared/domain/cloud/transition.ts';
import { mergeWarning, type Warning } from '#shared/domain/cloud/warnings.ts';
import { type Instance, type InstanceKey, keyOf, newInstance } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import type { Outbox, Store, VerifyMessage } from '../ports.ts';
import { questionOf } from './question.ts';
import { readAndSaveMerged, saveMerged } from './save-merged.ts';

export interface NotificationPorts {
  store: Store;
  verify: Outbox<VerifyMessage>;
  /** EventBridge's `source` of what EC2 tells: `aws.ec2` wherever AWS itself sends. There AWS Health's is `aws.health`. */
  eventSource: string;
  isRegistered: (account: string, region: string) => boolean;
  /** Muster's own. Events of any other Region have EventBridge's stamps. */
  homeRegion: string;
  timing: Timing;
}

/** What Muster did with a notification, in one word for the log. */
export type NotificationOutcome =
  | { what: 'ignored'; why: string; key?: InstanceKey }
  | { what: 'applied' | 'merged' | 'unchanged'; key: InstanceKey }
  /** Muster or AWS failed: the queue delivers the notification again. */
  | { what: 'failed'; key: InstanceKey; error: unknown };

/** What one notification says of one instance. */
type Counted = { kind: 'state'; change: StateChange } | { kind: 'warning'; key: InstanceKey; warning: Warning };
type Ignored = Extract<NotificationOutcome, { what: 'ignored' }>;

/**
 * Records the EC2 notifications of one batch. Those of different instances do not wait for each other. Those of one instance
 * are merged in the order of their stamps and cost one read and one write; a single one in order costs one blind write.
 * Answers in the order of `bodies`. A notification that does not count is `ignored`, which is no failure.
 */
export async function recordNotifications(
  bodies: readonly unknown[],
  receivedAt: Instant,
  ports: NotificationPorts,
): Promise<NotificationOutcome[]> {
  const read = bodies.map((body) => readCounted(body, receivedAt, ports));
  const counted = read.flatMap((one) => ('what' in one ? [] : one));
  const outcomes = new Map<object, NotificationOutcome>();
  const recordGroup = async (group: readonly Counted[]) => {
    const outcome = await outcomeOf(group, receivedAt, ports);
    for (const one of group) outcomes.set(one, outcome);
  };
  await Promise.all([...Map.groupBy(counted, (one) => keyOf(subjectOf(one))).values()].map(recordGroup));
  return read.map((one) => ('what' in one ? one : worstOf(one.map((it) => outcomes.get(it) as NotificationOutcome))));
}

/** A notification about several instances is delivered again if it failed for one of them. */
const worstOf = (outcomes: readonly NotificationOutcome[]): NotificationOutcome =>
  outcomes.find(({ what }) => what === 'failed') ??
  outcomes.find(({ what }) => what === 'merged') ??
  (outcomes[0] as NotificationOutcome);

const subjectOf = (one: Counted): InstanceKey => (one.kind === 'state' ? one.change : one.key);
const stampOf = (one: Counted): Instant => (one.kind === 'state' ? one.change.at : one.warning.at);

/** What the notification says of each instance, if it counts; else why Muster ignores it. */
function readCounted(
  body: unknown,
  receivedAt: Instant,
  { eventSource, isRegistered, homeRegion, timing }: NotificationPorts,
): Counted[] | Ignored {
  if (memberOf(body, 'source') !== sourceOfType(memberOf(body, 'detail-type'), eventSource)) {
    return { what: 'ignored', why: 'foreign_source' };
  }
  const notification = readNotification(body, receivedAt);
  if (notification.kind === 'ignored') return { what: 'ignored', why: notification.why };
  const counted: Counted[] =
    notification.kind === 'state'
      ? [notification]
      : notification.keys.map((key) => ({ kind: 'warning', key, warning: notification.warning }));
  const [first] = counted as [Counted, ...Counted[]];
  const { account, region, instanceId } = subjectOf(first);
  if (!isRegistered(account, region)) return { what: 'ignored', why: 'not_registered' };
  const why = disbelief({ at: stampOf(first), receivedAt }, timing);
  if (why) return { what: 'ignored', why, key: { account, region, instanceId } };
  return region === homeRegion ? counted : counted.map(asCrossed);
}

const asCrossed = (one: Counted): Counted =>
  one.kind === 'state' ? { ...one, change: { ...one.change, crossed: true } } : one;

const memberOf = (json: unknown, member: string): unknown =>
  typeof json === 'object' && json !== null ? (json as Record<string, unknown>)[member] : undefined;

async function outcomeOf(
  group: readonly Counted[],
  receivedAt: Instant,
  ports: NotificationPorts,
): Promise<NotificationOutcome> {
  const [first] = group as [Counted, ...Counted[]];
  const { account, region, instanceId } = subjectOf(first);
  const key = { account, region, instanceId };
  try {
    const alone = group.length === 1 && first.kind === 'state' ? first.change : undefined;
    return { what: alone ? await recordOne(alone, ports) : await recordMany(key, group, receivedAt, ports), key };
  } catch (error) {
    return { what: 'failed', key, error };
  }
}

/** In order this is one blind write and no read. */
async function recordOne(change: StateChange, ports: NotificationPorts) {
  const step = firstTry(change, ports.timing);
  const tried = step ? await ports.store.tryFirst(step) : { saved: false as const, current: undefined };
  if (tried.saved) return 'applied';
  // Before the record: a crash in between would leave a record that no listing and no sweep finds.
  if (!tried.current) await ports.store.ensurePair(change.account, change.region);
  return finish(
    await saveMerged(ports.store, tried.current, (current) => mergeEvent(current, change, ports.timing)),
    ports,
  );
}

async function recordMany(key: InstanceKey, group: readonly Counted[], receivedAt: Instant, ports: NotificationPorts) {
  let rest: readonly Counted[] = group.toSorted((a, b) => stampOf(a) - stampOf(b) || rankOrder(a, b));
  await ports.store.ensurePair(key.account, key.region);
  let what: 'merged' | 'unchanged' = 'unchanged';
  while (rest.length > 0) {
    let taken = 0;
    const merge = (current: Instance | undefined) => {
      const merged = mergeAll(current, key, rest, receivedAt, ports.timing);
      taken = merged.taken;
      return merged.outcome;
    };
    const finished = await finish(await readAndSaveMerged(ports.store, key, merge), ports);
    if (finished === 'merged') what = 'merged';
    rest = rest.slice(taken);
  }
  return what;
}

const rankOrder = (a: Counted, b: Counted): number =>
  a.kind === 'state' && b.kind === 'state' ? orderOf(a.change, b.change) : 0;

/**
 * One outcome for as many as one write can hold: what any of them changed is written, and EC2 is asked if the last one leaves
 * a question. A ledger that grows too long is cut; an entry that was not written yet must not be lost by that.
 */
function mergeAll(
  current: Instance | undefined,
  key: InstanceKey,
  group: readonly Counted[],
  receivedAt: Instant,
  timing: Timing,
): { outcome: Outcome; taken: number } {
  const written = new Set(current?.cloud.ledger.map(idOf));
  let outcome = unchanged(current ?? newInstance(key, receivedAt));
  for (const [taken, one] of group.entries()) {
    const before = outcome.instance;
    const next = one.kind === 'state' ? mergeEvent(before, one.change, timing) : mergeWarning(before, one.warning);
    const kept = new Set(next.instance.cloud.ledger.map(idOf));
    if (before.cloud.ledger.map(idOf).some((id) => !written.has(id) && !kept.has(id))) return { outcome, taken };
    const alarm = next.alarm ?? outcome.alarm;
    outcome = {
      ...next,
      ...(alarm && { alarm }),
      changed: next.changed || outcome.changed,
      needsDescribe: next.needsDescribe || stillAsks(outcome, next),
    };
  }
  return { outcome, taken: group.length };
}

const idOf = (text: string): string => readEntry(text).id;

/** A question about a doubt ends with the doubt; one about a new instance stays. */
const stillAsks = (before: Outcome, next: Outcome): boolean =>
  before.needsDescribe &&
  (before.instance.cloud.verify === null || next.instance.cloud.verify !== null || next.instance.cloud.seenAt === null);

async function finish(
  merged: Awaited<ReturnType<typeof saveMerged>>,
  { verify, timing }: NotificationPorts,
): Promise<'merged' | 'unchanged'> {
  if (!merged) return 'unchanged';
  const question = questionOf(merged.outcome, timing);
  if (question) await verify.send([question.message], question.delaySeconds);
  return merged.outcome.changed ? 'merged' : 'unchanged';
}
