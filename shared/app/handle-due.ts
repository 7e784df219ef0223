import { enrollmentDeadline, mergeTime } from '#shared/domain/deadline.ts';
import { launchDeadline } from '#shared/domain/launch.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import type { DueRecord, Outbox, Store } from './ports.ts';
import { readAndSaveMerged } from './save-merged.ts';

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
    await Promise.all(
      due.slice(start, start + atOnce).map(async (record) => {
        try {
          await handleOne(record, now, ports);
        } catch (error) {
          failed += 1;
          ports.failed(record, error);
          await ports.store.putOff(record, now + seconds(ports.timing.putOffSeconds));
        }
      }),
    );
  }
  return { due: due.length, failed };
}

async function handleOne(record: DueRecord, now: Instant, ports: DuePorts): Promise<void> {
  if (record.launchId !== undefined) return handleLaunch(record.launchId, record, now, ports);
  if (!record.instance) return;
  const merged = await readAndSaveMerged(ports.store, record.instance, (current) =>
    current ? mergeTime(current, now, ports.timing) : undefined,
  );
  if (!merged || merged.outcome.changed) return;
  // The entry came early or late: the record itself says when it is due, and a write computes that anew.
  const deadline = enrollmentDeadline(merged.outcome.instance, ports.timing);
  await ports.store.putOff(record, deadline ?? now + seconds(ports.timing.putOffSeconds));
}

async function handleLaunch(launchId: string, record: DueRecord, now: Instant, ports: DuePorts): Promise<void> {
  const launch = await ports.store.getLaunch(launchId);
  const deadline = launch ? launchDeadline(launch, ports.timing) : null;
  if (deadline !== null && deadline <= now) await ports.launch.send([{ launchId }]);
  await ports.store.putOff(record, Math.max(deadline ?? 0, now + seconds(ports.timing.putOffSeconds)));
}
