import type { DomainEvent } from '#shared/domain/events/events.ts';
import { formatTime, type Instant, parseTime } from '#shared/domain/time.ts';
import type { HistoryEntry, HistoryStore } from '../ports.ts';
import { definitionOf, idOfChange, type RecordChange } from '../records/registry.ts';
import type { EventBus, PublishedEvent } from './event-bus.ts';
import { tellInOrder } from './tell-in-order.ts';

export interface PublishPorts {
  bus: EventBus;
  history: HistoryStore;
  /** SHA-256, hexadecimal. */
  hash: (text: string) => string;
  stage: string;
  pause: (milliseconds: number) => Promise<unknown>;
}

/** A change of a record, as the stream tells of it. */
export type PublishedChange = RecordChange & { changedAt: Instant };

/** A change that cannot be read: no later one of its record is told before it. */
export interface UnreadableChange {
  record: string;
  error: unknown;
}

/** What became of a change: it was told as so many events and is in the history, or the stream has to give it again. */
export type ChangeResult = { events: number } | { error: unknown };

/**
 * Publishes what changes of records owe to the world, then keeps it as history; both may be repeated. The changes of one record are
 * told in their order, those of different records side by side. Answers in the order of `changes`. A change that fails holds up the
 * later ones of its record and no other.
 */
export async function publishChanges(
  changes: readonly (PublishedChange | UnreadableChange)[],
  ports: PublishPorts,
): Promise<ChangeResult[]> {
  const owed = changes.map((change) => owedBy(change, ports));
  const results = await tellAll(changes.map(recordOf), owed, ports);
  const entries = changes.flatMap((change, index) => {
    const events = eventsIn(owed[index]);
    return 'error' in change || 'error' in (results[index] ?? {}) ? [] : entriesOf(change, events, index);
  });
  const refusals = await ports.history.put(entries.map(({ entry }) => entry));
  for (const [nth, { index }] of entries.entries()) {
    const error = refusals[nth];
    if (error !== undefined) results[index] = { error };
  }
  return results;
}

type Owed = { events: PublishedEvent[] } | { error: unknown };

const eventsIn = (owed: Owed | undefined): PublishedEvent[] => (owed && 'events' in owed ? owed.events : []);

const recordOf = (change: PublishedChange | UnreadableChange): string =>
  'error' in change ? change.record : idOfChange(change);

/** What a change owes to the world, or why that cannot be known. */
function owedBy(change: PublishedChange | UnreadableChange, ports: PublishPorts): Owed {
  if ('error' in change) return { error: change.error };
  const { kind, before, after, changedAt } = change;
  try {
    return {
      events: (definitionOf(kind).events?.(before, after) ?? []).map((event) => publishedOf(event, changedAt, ports)),
    };
  } catch (error) {
    return { error };
  }
}

/** Tells what is owed, one line for each record. A line ends at the first change that cannot be read. */
async function tellAll(
  records: readonly string[],
  owed: readonly Owed[],
  ports: PublishPorts,
): Promise<ChangeResult[]> {
  const groups = [...Map.groupBy(owed.keys(), (index) => records[index]).values()];
  const lines = groups.map((indexes) => {
    const unreadable = indexes.findIndex((index) => 'error' in (owed[index] ?? {}));
    return (unreadable < 0 ? indexes : indexes.slice(0, unreadable)).flatMap((index) => eventsIn(owed[index]));
  });
  const told = await tellInOrder(lines, ports);
  const results = owed.map((): ChangeResult => ({ events: 0 }));
  for (const [line, indexes] of groups.entries()) {
    let left = told[line]?.told ?? 0;
    let error: unknown;
    for (const index of indexes) {
      const one = owed[index] as Owed;
      const { length } = eventsIn(one);
      if ('error' in one) error ??= one.error;
      else if (length > left) error ??= told[line]?.error;
      left -= length;
      results[index] = error === undefined ? { events: length } : { error };
    }
  }
  return results;
}

function publishedOf(event: DomainEvent, changedAt: Instant, { hash, stage }: PublishPorts): PublishedEvent {
  const id = `evt_${hash(`${event.record}|${event.detailType}|${event.entry}`).slice(0, 32)}`;
  return {
    detailType: event.detailType,
    detail: { meta: { id, version: 1, time: formatTime(changedAt), stage }, data: event.data },
  };
}

/** What history keeps of a change: one entry for each moment that it tells of, mostly one, and one more where an instance and its server part. */
function entriesOf(
  change: PublishedChange,
  events: readonly PublishedEvent[],
  index: number,
): { entry: HistoryEntry; index: number }[] {
  const record = idOfChange(change);
  const { version } = change.after;
  const { changedAt } = change;
  const { serverId, leaves } = serversIn(change);
  const told = [...Map.groupBy(events, ({ detail }) => detail.data.at)].map(
    ([at, ofMoment]): HistoryEntry => ({
      kind: 'told',
      ...{ record, serverId, version, changedAt },
      at: parseTime(at) ?? changedAt,
      events: ofMoment,
    }),
  );
  const parted: HistoryEntry[] = leaves === null ? [] : [{ kind: 'link', record, serverId: leaves, changedAt }];
  return [...told, ...parted].map((entry) => ({ entry, index }));
}

/** The server that an instance is with this change, and the one whose history its record no longer leads to: it left, or it ended. */
function serversIn(change: PublishedChange): { serverId: string | null; leaves: string | null } {
  if (change.kind !== 'instance') return { serverId: null, leaves: null };
  const { before, after } = change;
  const { serverId } = after.assignment;
  const was = before?.assignment.serverId ?? null;
  if (was !== null && was !== serverId) return { serverId, leaves: was };
  const hasEnded = after.cloud.state === 'terminated' && before?.cloud.state !== 'terminated';
  return { serverId, leaves: hasEnded ? serverId : null };
}
