import type { DueRecord } from '#shared/app/ports.ts';
import {
  definitionOf,
  idOfChange,
  type Kind,
  kinds,
  type RecordChange,
  type RecordOf,
} from '#shared/app/records/registry.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';

/** A record, and when it is due: as its last write left it, which need not have known whether anything waits. */
interface Held<K extends Kind = Kind> {
  record: RecordOf<K>;
  due: Instant | null;
}

/** The versioned records by kind and id. */
export type Records = { [K in Kind]: Map<string, Held<K>> };

export const noRecords = (): Records => Object.fromEntries(kinds.map((kind) => [kind, new Map()])) as Records;

/**
 * Makes the changes, each one version on, if every record is still the one that its change was decided on; otherwise
 * none, and undefined. Returns the changes as made.
 */
export function change(held: Records, changes: readonly RecordChange[], timing: Timing): RecordChange[] | undefined {
  const named = new Set(changes.map((one) => `${one.kind} ${idOfChange(one)}`));
  if (named.size < changes.length) throw new Error('a transaction changes a record once at most');
  if (!changes.every((one) => isStill(held, one))) return undefined;
  return changes.map((one) => hold(held, one, timing));
}

const isStill = (held: Records, one: RecordChange): boolean =>
  held[one.kind].get(idOfChange(one))?.record.version === one.before?.version;

function hold(held: Records, one: RecordChange, timing: Timing): RecordChange {
  const made = { ...one, after: { ...one.after, version: (one.before?.version ?? 0) + 1 } } as RecordChange;
  const due = definitionOf(made.kind).dueAt?.(made.after, timing) ?? null;
  (held[made.kind] as Map<string, Held>).set(idOfChange(made), { record: made.after, due });
  return made;
}

/** What is due by `now`, earliest first: of the instances only those that wait for an enrollment. */
export function dueBy(held: Records, now: Instant): DueRecord[] {
  const due = kinds.flatMap((kind) => [...held[kind].entries()].flatMap(([id, one]) => entryOf(kind, id, one)));
  return due.filter((entry) => entry.due <= now).sort((a, b) => a.due - b.due);
}

function entryOf(kind: Kind, id: string, { record, due }: Held): DueRecord[] {
  // As in DynamoDB, an update without a read may set `due` on a record that does not wait.
  const waits = !('management' in record) || record.management.status === 'pending';
  return waits && due !== null ? [{ kind, id, due }] : [];
}

/** Moves an entry that still is the one that was read. */
export function putOff(held: Records, { kind, id, due }: DueRecord, until: Instant): void {
  const one = held[kind].get(id);
  if (one?.due === due) one.due = until;
}

/** In the record alone, beside its version. */
export function noteKeyUse(held: Records, id: string, use: { at: Instant; by: string }, timing: Timing): void {
  const one = held.key.get(id);
  if (!one || (one.record.lastUsedAt ?? 0) >= use.at - seconds(timing.keyUseNoteSeconds)) return;
  one.record = { ...one.record, lastUsedAt: use.at, lastUsedBy: use.by };
}
