import { mergePrediction } from '#shared/domain/agent/merge-agent.ts';
import { firstTry } from '#shared/domain/cloud/first-try.ts';
import { disbelief, mergeEvent, type StateChange } from '#shared/domain/cloud/merge-event.ts';
import { readNotification } from '#shared/domain/cloud/notification.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import type { Outbox, Store, VerifyMessage } from '../ports.ts';
import { readAndSaveMerged, saveMerged } from './save-merged.ts';

export interface NotificationPorts {
  store: Store;
  verify: Outbox<VerifyMessage>;
  /** EventBridge's `source` that counts: `aws.ec2` wherever AWS itself sends. */
  eventSource: string;
  isRegistered: (account: string, region: string) => boolean;
  timing: Timing;
}

/** What became of a notification, in one word for the log. */
export type NotificationOutcome = {
  what: 'applied' | 'merged' | 'unchanged' | 'ignored';
  why?: string;
  key?: InstanceKey;
};

/**
 * Records one EC2 notification: in order it is one blind write and no read. A notification that does not count is
 * acknowledged and said to be ignored; only a failure of Muster's own throws.
 */
export async function recordNotification(
  json: unknown,
  receivedAt: Instant,
  ports: NotificationPorts,
): Promise<NotificationOutcome> {
  if (sourceOf(json) !== ports.eventSource) return { what: 'ignored', why: 'foreign_source' };
  const notification = readNotification(json, receivedAt);
  if (notification.kind === 'ignored') return { what: 'ignored', why: notification.why };
  const key = notification.kind === 'state' ? notification.change : notification.key;
  if (!ports.isRegistered(key.account, key.region)) return { what: 'ignored', why: 'not_registered' };
  if (notification.kind === 'state') return recordChange(notification.change, ports);
  const why = disbelief({ at: notification.at, receivedAt }, ports.timing);
  if (why) return { what: 'ignored', why, key };
  const merged = await readAndSaveMerged(ports.store, key, (current) =>
    current ? mergePrediction(current, notification.what, notification.at) : undefined,
  );
  return { what: merged?.outcome.changed ? 'merged' : 'unchanged', key };
}

const sourceOf = (json: unknown): unknown =>
  typeof json === 'object' && json !== null ? (json as Record<string, unknown>).source : undefined;

async function recordChange(change: StateChange, ports: NotificationPorts): Promise<NotificationOutcome> {
  const why = disbelief(change, ports.timing);
  if (why) return { what: 'ignored', why, key: change };
  const step = firstTry(change, ports.timing);
  const tried = step ? await ports.store.tryFirst(step) : { saved: false as const, current: undefined };
  if (tried.saved) return { what: 'applied', key: change };
  // Before the record: a crash in between leaves none that no listing and no sweep would find.
  if (!tried.current) await ports.store.ensurePair(change.account, change.region);
  const merged = await saveMerged(ports.store, tried.current, (current) => mergeEvent(current, change, ports.timing));
  if (!merged) return { what: 'unchanged', key: change };
  const { account, region, instanceId } = change;
  if (merged.outcome.needsDescribe) await ports.verify.send([{ account, region, instanceId, attempt: 0 }]);
  return { what: merged.outcome.changed ? 'merged' : 'unchanged', key: change };
}
