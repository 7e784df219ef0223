import { type Ec2State, rankOf, shortHash } from '../instance/instance.ts';
import type { Instant } from '../time.ts';

/** At most this many entries; a full ledger is cut to `ledgerKept`, so that a blind update can append again. */
export const ledgerLimit = 8;
export const ledgerKept = 4;

/** One transition of an instance, as far as Muster knows it. */
export interface LedgerEntry {
  state: Ec2State;
  /** EC2's stamp, whole seconds. Of an estimated entry: the earliest moment at which the transition can have happened. */
  at: Instant;
  /** The latest moment: `at` where EC2 stamped the transition, the time of the request where a describe showed it. */
  until: Instant;
  /** A short hash of the observation that told of it first. Consumers are told of an entry once by this id, whatever becomes of its stamp. */
  id: string;
  /** A describe confirmed the record when this entry was in the ledger: no question remains about its place. */
  settled: boolean;
}

/** An entry as the record keeps it: `<state>@<seconds>[~<seconds of uncertainty>]#<id>[!]`. */
export function writeEntry({ state, at, until, id, settled }: LedgerEntry): string {
  // EC2 cuts its stamps to whole seconds; so is the end of an estimate cut.
  const width = until > at ? Math.max(1, Math.floor((until - at) / 1000)) : 0;
  return `${state}@${at / 1000}${width > 0 ? `~${width}` : ''}#${id}${settled ? '!' : ''}`;
}

/** Entries are written by `writeEntry` alone. */
export function readEntry(text: string): LedgerEntry {
  const settled = text.endsWith('!');
  const hash = text.indexOf('#');
  const [what = '', width] = text.slice(0, hash).split('~');
  const [state, seconds] = what.split('@');
  const at = Math.round(Number(seconds) * 1000);
  const until = at + (width === undefined ? 0 : Number(width) * 1000);
  return { state: state as Ec2State, at, until, id: text.slice(hash + 1, settled ? -1 : undefined), settled };
}

/** The id of an entry by what told of it: an event's id, or a describe's source and time. */
export const entryId = (origin: string): string => shortHash(origin).slice(0, 7);

/** The entry of an event, as text: what a blind update appends. */
export const ledgerEntry = (state: Ec2State, at: Instant, origin: string): string =>
  writeEntry({ state, at, until: at, id: entryId(origin), settled: false });

/** Transitions are in the order of (at, rank). Negative where `a` comes first; a comparator for `sort`. */
export function orderOf(a: { state: Ec2State; at: Instant }, b: { state: Ec2State; at: Instant }): number {
  return a.at - b.at || rankOf(a.state) - rankOf(b.state);
}
