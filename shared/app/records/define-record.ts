import type { DomainEvent } from '#shared/domain/events/events.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';

/** The primary key of an item. */
export interface ItemKey {
  pk: string;
  sk: string;
}

/** Where a kind's records lie in the table. */
export interface Place {
  keyOf(id: string): ItemKey;
  /** The id of the record that has this key. Undefined for the key of any other item. */
  idOf(key: ItemKey): string | undefined;
  /** The partition that holds all records of the kind, in the order of their ids. Null where they cannot be listed. */
  list: string | null;
}

/** All records of the kind in one partition: they can be listed, and share its throughput. */
export const inOneList = (list: string): Place => ({
  keyOf: (id) => ({ pk: list, sk: id }),
  idOf: ({ pk, sk }) => (pk === list ? sk : undefined),
  list,
});

/** Each record in a partition of its own: it can only be read by its id. */
export const eachAlone = (name: string): Place => ({
  keyOf: (id) => ({ pk: `${name}#${id}`, sk: name }),
  idOf: ({ pk, sk }) => (sk === name && pk.startsWith(`${name}#`) ? pk.slice(name.length + 1) : undefined),
  list: null,
});

/** What the tick does with a record that is due. */
interface DuePlan<R> {
  /** The record to write. Its write computes the next due time. */
  after?: R;
  /** The launch to ask for again. */
  launchId?: string;
  /** Where nothing is written: when the record is due next. Null: nothing waits, so the index looks again later. */
  next: Instant | null;
}

/** One kind of record: all that Muster knows of it beyond its type. The registry holds one line for each. */
export interface RecordKind<R extends { version: number }> {
  idOf(record: R): string;
  place: Place;
  /** When time alone changes the record. Absent or null: never. */
  dueAt?(record: R, timing: Timing): Instant | null;
  onDue?(record: R, now: Instant, timing: Timing): DuePlan<R>;
  /** What consumers are told of a change. Absent: nothing, so the filter of the table's stream stops the kind. */
  events?(before: R | undefined, after: R): DomainEvent[];
  /** Attributes that stand beside the record in its item, because conditions or updates need them. */
  beside?(record: R): Readonly<Record<string, string | number>>;
  /** What the item keeps of the record, where that differs from the record. */
  pack?(record: R): object;
  /** The record of an item's content and attributes. It fills in what an older version of Muster did not write. */
  read?(content: R, attributes: Readonly<Record<string, unknown>>): R;
}

/** Declares a kind of record. */
export const defineRecord = <R extends { version: number }>(kind: RecordKind<R>): RecordKind<R> => kind;
