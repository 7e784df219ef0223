import { keyDeadline, warnOfEnd } from '#shared/domain/enrollment/enrollment-key.ts';
import { enrollmentDeadline, mergeTime } from '#shared/domain/instance/deadline.ts';
import { launchDeadline, nextNudge } from '#shared/domain/launch/launch.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { readAndSaveMerged } from './cloud/save-merged.ts';
import type { DueRecord, Outbox, Store } from './ports.ts';

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

async function handleOne(record: DueRecord, now: Instant, ports: DuePorts): Promise<void> {
  if (record.launchId !== undefined) return handleLaunch(record.launchId, record, now, ports);
  if (record.keyId !== undefined) return handleKey(record.keyId, record, now, ports);
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
  if (!launch || deadline === null) return ports.store.putOff(record, now + seconds(ports.timing.putOffSeconds));
  if (deadline > now) return ports.store.putOff(record, deadline);
  await ports.launch.send([{ launchId }]);
  await ports.store.putOff(record, nextNudge(launch, now, ports.timing));
}

/** Notes on a key that its end is near; the stream tells the world. Whoever changed it meanwhile has moved its entry too. */
async function handleKey(keyId: string, record: DueRecord, now: Instant, { store, timing }: DuePorts): Promise<void> {
  const before = await store.getKey(keyId);
  const after = before && warnOfEnd(before, now, timing);
  if (after) return void (await store.commit([{ kind: 'key', before, after }]));
  const deadline = before ? keyDeadline(before, timing) : null;
  await store.putOff(record, deadline ?? now + seconds(timing.putOffSeconds));
}
