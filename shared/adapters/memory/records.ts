import type { DueRecord, RecordChange } from '#shared/app/ports.ts';
import { keyDeadline } from '#shared/domain/enrollment/enrollment-key.ts';
import { enrollmentDeadline } from '#shared/domain/instance/deadline.ts';
import { type Instance, type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import { launchDeadline } from '#shared/domain/launch/launch.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';

type Kind = RecordChange['kind'];
type RecordOf<K extends Kind> = Extract<RecordChange, { kind: K }>['after'];

/** A record, and when it is due: as its last write left it, which need not have known whether anything waits. */
interface Held<K extends Kind = Kind> {
  record: RecordOf<K>;
  due: Instant | null;
}

/** The versioned records by kind and id. */
export type Records = { [K in Kind]: Map<string, Held<K>> };

export const noRecords = (): Records => ({
  instance: new Map(),
  server: new Map(),
  launch: new Map(),
  key: new Map(),
  binding: new Map(),
});

/**
 * Makes the changes, each one version on, if every record is still the one that its change was decided on; otherwise
 * none, and undefined. Returns the changes as made.
 */
export function change(records: Records, changes: readonly RecordChange[], timing: Timing): RecordChange[] | undefined {
  const named = new Set(changes.map((one) => `${one.kind} ${idOf(one)}`));
  if (named.size < changes.length) throw new Error('a transaction changes a record once at most');
  if (!changes.every((one) => isStill(records, one))) return undefined;
  return changes.map((one) => hold(records, one, timing));
}

function idOf({ kind, after }: RecordChange): string {
  if (kind === 'instance') return keyOf(after);
  return kind === 'binding' ? after.agentId : after.id;
}

const isStill = (records: Records, one: RecordChange): boolean =>
  records[one.kind].get(idOf(one))?.record.version === one.before?.version;

function hold(records: Records, one: RecordChange, timing: Timing): RecordChange {
  const made = { ...one, after: { ...one.after, version: (one.before?.version ?? 0) + 1 } } as RecordChange;
  (records[made.kind] as Map<string, Held>).set(idOf(made), { record: made.after, due: deadlineOf(made, timing) });
  return made;
}

function deadlineOf({ kind, after }: RecordChange, timing: Timing): Instant | null {
  if (kind === 'instance') return enrollmentDeadline(after, timing);
  if (kind === 'key') return keyDeadline(after, timing);
  return kind === 'launch' ? launchDeadline(after, timing) : null;
}

/** What is due by `now`, earliest first: of the instances only those that wait for an enrollment. */
export function dueBy(records: Records, now: Instant): DueRecord[] {
  const instances = [...records.instance.values()].flatMap(({ record, due }): DueRecord[] =>
    record.management === 'pending' && due !== null ? [{ kind: 'instance', instance: instanceKeyOf(record), due }] : [],
  );
  const launches = [...records.launch.values()].flatMap(({ record, due }): DueRecord[] =>
    due !== null ? [{ kind: 'launch', launchId: record.id, due }] : [],
  );
  const keys = [...records.key.values()].flatMap(({ record, due }): DueRecord[] =>
    due !== null ? [{ kind: 'key', keyId: record.id, due }] : [],
  );
  return [...instances, ...launches, ...keys].filter(({ due }) => due <= now).sort((a, b) => a.due - b.due);
}

const instanceKeyOf = ({ account, region, instanceId }: Instance): InstanceKey => ({ account, region, instanceId });

/** Moves an entry that still is the one that was read. */
export function putOff(records: Records, { instance, launchId, keyId, due }: DueRecord, until: Instant): void {
  const other = keyId === undefined ? records.launch.get(launchId ?? '') : records.key.get(keyId);
  const held = instance ? records.instance.get(keyOf(instance)) : other;
  if (held?.due === due) held.due = until;
}

/** In the record alone, beside its version. */
export function noteKeyUse(records: Records, id: string, use: { at: Instant; by: string }, timing: Timing): void {
  const held = records.key.get(id);
  if (!held || (held.record.lastUsedAt ?? 0) >= use.at - seconds(timing.keyUseNoteSeconds)) return;
  held.record = { ...held.record, lastUsedAt: use.at, lastUsedBy: use.by };
}
