import * as z from 'zod/mini';
import { AwsError } from '../error.ts';
import type { Bus } from './bus.ts';
import type { EntryResult } from './put-events.ts';

const text = z.optional(z.string());
const putEvents = z.object({
  Entries: z.array(
    z.object({
      EventBusName: text,
      Source: text,
      DetailType: text,
      Detail: text,
      Resources: z.optional(z.array(z.string())),
      /** Seconds since 1970, as AWS JSON 1.1 has it. */
      Time: z.optional(z.number()),
    }),
  ),
});

/** PutEvents, the one EventBridge operation that Muster uses. `account` is the caller's. Throws AwsError. */
export function eventBridgeOperation(
  buses: readonly Bus[],
  account: string,
  operation: string,
  input: unknown,
): object {
  if (operation !== 'PutEvents') {
    throw new AwsError('UnknownOperationException', `The local bus has no operation ${operation}.`);
  }
  const request = z.safeParse(putEvents, input);
  if (!request.success) throw new AwsError('SerializationException', 'The request is not of the expected shape.');
  const bus = busOf(buses, request.data.Entries);
  const entries = request.data.Entries.map(({ Source, DetailType, Detail, Resources, Time }) => {
    const time = Time === undefined ? undefined : new Date(Time * 1000);
    return { source: Source, detailType: DetailType, detail: Detail, resources: Resources, time };
  });
  const results = bus.putEvents(entries, account);
  return { FailedEntryCount: results.filter((result) => 'errorCode' in result).length, Entries: results.map(shaped) };
}

/** One request may name several buses on AWS; Muster's never does, and here it is refused rather than half done. */
function busOf(buses: readonly Bus[], entries: readonly { EventBusName?: string | undefined }[]): Bus {
  const names = new Set(entries.map(({ EventBusName }) => EventBusName ?? 'default'));
  const bus = buses.find(({ name }) => names.has(name));
  if (names.size > 1) throw new AwsError('UnsupportedOperation', 'The local buses take one bus per request.');
  if (!bus) throw new AwsError('ResourceNotFoundException', `Event bus ${[...names].join()} does not exist.`);
  return bus;
}

function shaped(result: EntryResult): object {
  if ('eventId' in result) return { EventId: result.eventId };
  return { ErrorCode: result.errorCode, ErrorMessage: result.errorMessage };
}
