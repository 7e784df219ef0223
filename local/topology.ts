import rows from '../infra/functions.cjs';

/** The functions that a queue feeds, with the queue: from the table that the deployed stack is made of. */
export const queueFunctions = rows.flatMap(({ name, queue }) => (queue ? [{ name: name as FunctionName, queue }] : []));

/** How the main table's stream feeds its function. */
export const streamSettings = rows
  .flatMap(({ stream }) => stream ?? [])
  .map(({ batchSize, maximumRetryAttempts }) => ({ batchSize, maximumRetryAttempts }))[0] as {
  batchSize: number;
  maximumRetryAttempts: number;
};

/** The files of the functions in functions/, by name. */
export const functionFiles: ReadonlyMap<string, string> = new Map(rows.map(({ name, handler }) => [name, handler]));

/** A function's name in infra/functions.cjs; test/functions/table.test.ts holds the two together. */
export const functionNames = [
  'onInstanceChanged',
  'verify',
  'tick',
  'sweep',
  'sweepRegion',
  'enroll',
  'checkin',
  'launch',
  'operatorApi',
  'operatorChange',
  'operatorEc2',
  'onRecordChanged',
] as const;
export type FunctionName = (typeof functionNames)[number];
export const isFunctionName = (name: string): name is FunctionName => functionFiles.has(name);
