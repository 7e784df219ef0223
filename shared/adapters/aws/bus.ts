import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { PublishedEvent, PublishPorts } from '#shared/app/events/publish-changes.ts';

/** EventBridge takes ten entries in one request (eventbridge/latest/userguide/eb-quota.html). */
const perRequest = 10;

/** The bus that tells the world; an entry that it refuses makes the whole batch fail, and the stream gives it again. */
export function openBus(busName: string): PublishPorts['bus'] {
  const client = new EventBridgeClient({});
  const publish = async (events: readonly PublishedEvent[]) => {
    for (let start = 0; start < events.length; start += perRequest) {
      const entries = events.slice(start, start + perRequest).map(({ detailType, detail }) => ({
        EventBusName: busName,
        Source: 'muster',
        DetailType: detailType,
        Detail: JSON.stringify(detail),
      }));
      const { FailedEntryCount, Entries } = await client.send(new PutEventsCommand({ Entries: entries }));
      if (FailedEntryCount)
        throw new Error(`the bus refused ${FailedEntryCount} events: ${Entries?.find((e) => e.ErrorCode)?.ErrorCode}`);
    }
  };
  return { publish };
}
