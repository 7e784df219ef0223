import {
  EventBridgeClient,
  type EventBridgeClientConfig,
  PutEventsCommand,
  type PutEventsRequestEntry,
  type PutEventsResultEntry,
} from '@aws-sdk/client-eventbridge';
import type { EventBus, PublishedEvent, Refusal } from '#shared/app/events/event-bus.ts';
import { readCallLimits } from '#shared/config.ts';

/** EventBridge takes ten entries and 256 KB in one request (eventbridge/latest/userguide/eb-quota.html, eb-putevent-size.html). */
const perRequest = { entries: 10, bytes: 256 * 1024 };

/** Of one entry's errors these pass by themselves (eventbridge/latest/APIReference/API_PutEventsResultEntry.html). */
const passing: readonly (string | undefined)[] = ['ThrottlingException', 'InternalFailure'];

/** The bus that tells the world. `settings` are for the client: a transport other than the network. */
export function openBus(busName: string, settings: EventBridgeClientConfig = {}): EventBus {
  const client = new EventBridgeClient({ requestHandler: readCallLimits(), ...settings });
  const put = async (Entries: PutEventsRequestEntry[]): Promise<(Refusal | undefined)[]> => {
    try {
      const answer = await client.send(new PutEventsCommand({ Entries }));
      return Entries.map((_, index) => refusalIn(answer.Entries?.[index]));
    } catch (error) {
      // The SDK has tried it several times.
      return Entries.map(() => ({ error, passes: false }));
    }
  };
  return {
    async send(events) {
      const requests = inRequests(events.map((event) => entryOf(busName, event)));
      return (await Promise.all(requests.map(put))).flat();
    },
  };
}

/** An answer that says nothing of an entry does not say that the bus took it. */
function refusalIn(result: PutEventsResultEntry | undefined): Refusal | undefined {
  if (result?.EventId !== undefined && result.ErrorCode === undefined) return undefined;
  const error = new Error(`the bus refused an event: ${result?.ErrorCode ?? 'its answer has none'}`);
  return { error, passes: passing.includes(result?.ErrorCode) };
}

const entryOf = (EventBusName: string, { detailType, detail }: PublishedEvent): PutEventsRequestEntry => ({
  ...{ EventBusName, Source: 'muster', DetailType: detailType, Detail: JSON.stringify(detail) },
});

/** As EventBridge counts: source, detail type and detail in UTF-8 (eventbridge/latest/userguide/eb-putevent-size.html). */
const bytesOf = ({ Source = '', DetailType = '', Detail = '' }: PutEventsRequestEntry): number =>
  Buffer.byteLength(Source) + Buffer.byteLength(DetailType) + Buffer.byteLength(Detail);

function inRequests(entries: readonly PutEventsRequestEntry[]): PutEventsRequestEntry[][] {
  const requests: PutEventsRequestEntry[][] = [];
  let [request, bytes]: [PutEventsRequestEntry[], number] = [[], 0];
  for (const entry of entries) {
    const size = bytesOf(entry);
    const isFull = request.length === perRequest.entries || bytes + size >= perRequest.bytes;
    if (isFull || request.length === 0) {
      [request, bytes] = [[], 0];
      requests.push(request);
    }
    request.push(entry);
    bytes += size;
  }
  return requests;
}
