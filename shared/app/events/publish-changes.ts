import type { DomainEvent } from '#shared/domain/events/events.ts';
import { formatTime, type Instant } from '#shared/domain/time.ts';
import type { HistoryStore } from '../ports.ts';
import { definitionOf, type RecordChange } from '../records/registry.ts';

/** An event as consumers get it; `meta.id` is the same however often it is delivered. */
export interface PublishedEvent {
  detailType: string;
  detail: {
    meta: { id: string; version: 1; time: string; stage: string };
    data: DomainEvent['data'];
  };
}

export interface PublishPorts {
  bus: { publish(events: readonly PublishedEvent[]): Promise<void> };
  history: HistoryStore;
  /** SHA-256, hexadecimal. */
  hash: (text: string) => string;
  stage: string;
}

/** A change of a record, as the stream tells of it. */
export type PublishedChange = RecordChange & { changedAt: Instant };

/** Publishes what a change of records owes to the world, then keeps it as history; both may be repeated. */
export async function publishChanges(changes: readonly PublishedChange[], ports: PublishPorts): Promise<number> {
  const owed = changes.flatMap((change) =>
    owedBy(change).map((event) => ({
      event,
      published: publishedOf(event, change.changedAt, ports),
      change,
    })),
  );
  await ports.bus.publish(owed.map(({ published }) => published));
  await ports.history.put(
    owed.flatMap(({ event, published, change }) =>
      subjectsOf(event).map((record) => ({
        record,
        eventId: published.detail.meta.id,
        detailType: event.detailType,
        detail: published.detail,
        writtenAt: change.changedAt,
      })),
    ),
  );
  return owed.length;
}

const owedBy = ({ kind, before, after }: PublishedChange): DomainEvent[] =>
  definitionOf(kind).events?.(before, after) ?? [];

function publishedOf(event: DomainEvent, changedAt: Instant, { hash, stage }: PublishPorts): PublishedEvent {
  const id = `evt_${hash(`${event.record}|${event.detailType}|${event.entry}`).slice(0, 32)}`;
  return {
    detailType: event.detailType,
    detail: { meta: { id, version: 1, time: formatTime(changedAt), stage }, data: event.data },
  };
}

/** An event belongs to the history of its instance, and of the server that the instance is; a key's to that of the key. */
function subjectsOf(event: DomainEvent): string[] {
  if (event.data.instanceId === undefined) return [event.record];
  const { account, region, instanceId, serverId } = event.data;
  const instance = `${account}/${region}/${instanceId}`;
  return typeof serverId === 'string' ? [instance, serverId] : [instance];
}
