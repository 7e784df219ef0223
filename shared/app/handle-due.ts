import { type Instant, seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import type { DueRecord, Outbox, Store } from './ports.ts';
import { definitionOf, type RecordChange } from './records/registry.ts';

export interface LaunchMessage {
  launchId: string;
}

export interface DuePorts {
  store: Store;
  launch: Outbox<LaunchMessage>;
  /** Told of every record that could not be handled. */
  failed: (record: DueRecord, error: unknown) => void;
  timing: Timing;
}

/** One tick reads this many at most; what is left is due still at the next. */
const perTick = 1000;
const atOnce = 20;

/** Handles what is due by now. The index is a hint; a record that fails is put off and counted, and holds up no other. */
export async function handleDue(now: Instant, ports: DuePorts): Promise<{ due: number; failed: number }> {
  const due = await ports.store.listDue(now, perTick);
  let failed = 0;
  for (let start = 0; start < due.length; start += atOnce) {
    const batch = due.slice(start, start + atOnce);
    const fates = await Promise.all(batch.map((record) => handleOrPutOff(record, now, ports)));
    failed += fates.filter((fate) => fate === 'failed').length;
  }
  return { due: due.length, failed };
}

async function handleOrPutOff(record: DueRecord, now: Instant, ports: DuePorts): Promise<'handled' | 'failed'> {
  try {
    await handleOne(record, now, ports);
    return 'handled';
  } catch (error) {
    ports.failed(record, error);
    const until = now + seconds(ports.timing.putOffSeconds);
    // What cannot even be put off is due still at the next tick.
    await ports.store.putOff(record, until).catch((unwritten: unknown) => ports.failed(record, unwritten));
    return 'failed';
  }
}

/** The index is a hint: the record itself says what is due, and its write computes the next due time. */
async function handleOne(entry: DueRecord, now: Instant, { store, launch, timing }: DuePorts): Promise<void> {
  const { onDue } = definitionOf(entry.kind);
  const before = await store.get(entry.kind, entry.id);
  const plan = before && onDue?.(before, now, timing);
  if (plan?.after) {
    // Another writer that was faster has moved the entry too.
    await store.commit([{ kind: entry.kind, before, after: plan.after } as RecordChange]);
    return;
  }
  if (plan?.launchId !== undefined) await launch.send([{ launchId: plan.launchId }]);
  await store.putOff(entry, plan?.next ?? now + seconds(timing.putOffSeconds));
}
