import { AwsError } from '../error.ts';

/** One event of PutEvents as the caller gives it. `time` is when it happened, else the bus's own. */
export interface Entry {
  source?: string | undefined;
  detailType?: string | undefined;
  /** A JSON object, as text. */
  detail?: string | undefined;
  resources?: readonly string[] | undefined;
  time?: Date | undefined;
}

export type EntryResult = { eventId: string } | { errorCode: string; errorMessage: string };

/** PutEvents takes this many: eventbridge/latest/APIReference/API_PutEvents.html. */
const mostEntries = 10;

export function assertCount(entries: readonly Entry[]): void {
  if (entries.length > 0 && entries.length <= mostEntries) return;
  const bound = entries.length === 0 ? 'greater than or equal to 1' : `less than or equal to ${mostEntries}`;
  throw new AwsError(
    'ValidationException',
    `1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length ${bound}`,
  );
}

/** The codes that PutEvents answers per entry: eventbridge/latest/APIReference/API_PutEventsResultEntry.html. */
export function refusalOf({
  source,
  detailType,
  detail,
  time,
}: Entry): { errorCode: string; errorMessage: string } | null {
  for (const [parameter, value] of Object.entries({ Source: source, DetailType: detailType, Detail: detail })) {
    if (!value) return { errorCode: 'InvalidArgument', errorMessage: `Parameter ${parameter} is not valid.` };
  }
  if (time && Number.isNaN(time.getTime())) {
    return { errorCode: 'InvalidArgument', errorMessage: 'Parameter Time is not valid.' };
  }
  if (source?.startsWith('aws.')) {
    return { errorCode: 'NotAuthorizedForSource', errorMessage: 'Not authorized for the source.' };
  }
  return isJsonObject(detail ?? '') ? null : { errorCode: 'MalformedDetail', errorMessage: 'Detail is malformed.' };
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value);
  } catch {
    return false;
  }
}
