import type { DomainEvent } from '#shared/domain/events/events.ts';

/** An event as consumers get it; `meta.id` is the same however often it is delivered. */
export interface PublishedEvent {
  detailType: string;
  detail: {
    meta: { id: string; version: 1; time: string; stage: string };
    data: DomainEvent['data'];
  };
}

/** Why the bus did not take an event. `passes`: it refused this one alone, and may take it the next time. */
export interface Refusal {
  error: unknown;
  passes: boolean;
}

export interface EventBus {
  /** Sends events side by side. Answers for each, in their order: undefined if the bus took it. */
  send(events: readonly PublishedEvent[]): Promise<readonly (Refusal | undefined)[]>;
}
