import { accountRecord } from '../account/record.ts';
import { restoreRecord } from '../agent/restore-record.ts';
import { bindingRecord } from '../enrollment/binding-record.ts';
import { enrollmentKeyRecord } from '../enrollment/key-record.ts';
import { instanceRecord } from '../instance/record.ts';
import { launchRecord } from '../launch/record.ts';
import { serverRecord } from '../server/record.ts';
import type { ItemKey, RecordKind } from './define-record.ts';

/** Every kind of record. An item names its kind by the word here. The stores, the due index and the stream follow from this table. */
export const records = {
  instance: instanceRecord,
  server: serverRecord,
  launch: launchRecord,
  key: enrollmentKeyRecord,
  binding: bindingRecord,
  account: accountRecord,
  restore: restoreRecord,
} as const;

export type Kind = keyof typeof records;
export type RecordOf<K extends Kind> = (typeof records)[K] extends RecordKind<infer R> ? R : never;

/** One record's change in a transaction, on condition that the record is still `before` (by version) or still absent. */
export type RecordChange = { [K in Kind]: { kind: K; before: RecordOf<K> | undefined; after: RecordOf<K> } }[Kind];

export const kinds = Object.keys(records) as readonly Kind[];

const isKind = (word: unknown): word is Kind => typeof word === 'string' && Object.hasOwn(records, word);

/** Whether consumers are told of changes of this kind. The filter of the table's stream (infra/functions.cjs) lets no other through. */
export const isTold = (word: unknown): word is Kind => isKind(word) && records[word].events !== undefined;

/** The definition of a kind, for code that treats all kinds alike. */
export const definitionOf = <K extends Kind>(kind: K): RecordKind<RecordOf<K>> =>
  records[kind] as unknown as RecordKind<RecordOf<K>>;

export type AnyRecord = RecordChange['after'];

/** The same, for code that holds a record of whichever kind. */
export const definitionOfAny = (kind: Kind): RecordKind<AnyRecord> => records[kind] as unknown as RecordKind<AnyRecord>;

export const idOfChange = ({ kind, after }: RecordChange): string => definitionOfAny(kind).idOf(after);

/** The record that an item's key belongs to. Undefined for items that are no records: facts, leases, marks. */
export function subjectOfKey(key: ItemKey): { kind: Kind; id: string } | undefined {
  for (const kind of kinds) {
    const id = records[kind].place.idOf(key);
    if (id !== undefined) return { kind, id };
  }
  return undefined;
}
