/** A queue that feeds a function, with what infra/functions.cjs says of each member. */
interface QueueRow {
  id: string;
  name: string;
  batch: number;
  window?: number;
  concurrency: number;
  visibility: number;
  receives: number;
  ageAlarm: number;
}

/** A row of the table of functions (infra/functions.cjs). It has one of the four triggers. */
interface FunctionRow {
  name: string;
  handler: string;
  timeout: number;
  memory?: number;
  retries?: number;
  eventAge?: number;
  reserved?: string;
  environment: Record<string, unknown>;
  errorPeriod?: number;
  queue?: QueueRow;
  schedule?: string;
  stream?: { batchSize: number; maximumRetryAttempts: number; [setting: string]: unknown };
  api?: true;
}

declare const rows: FunctionRow[];
export = rows;
