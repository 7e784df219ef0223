import middy, { type MiddlewareObj } from '@middy/core';
import type {
  APIGatewayProxyEventV2,
  Context,
  DynamoDBRecord,
  DynamoDBStreamEvent,
  SQSBatchResponse,
  SQSEvent,
  SQSRecord,
} from 'aws-lambda';
import { newId } from '#shared/adapters/ids.ts';
import { readConfig } from '#shared/config.ts';
import { Problem } from '#shared/domain/problems.ts';
import type { Instant } from '#shared/domain/time.ts';
import { asProblem, type HttpAnswer, problemAnswer } from '#shared/http/problem.ts';
import { errorFields, type Fields, log } from '#shared/observe/log.ts';
import { count, type MetricName } from '#shared/observe/metrics.ts';

/** Handlers are composed here and in make-routes-handler.ts, and nowhere else; what they export is the wrapped function. */

/** What a handler takes from the process that it runs in. */
export interface Runtime {
  now: () => Instant;
  /** A new id with this prefix. */
  newId: (prefix: string) => string;
  log: Readonly<Record<'info' | 'warn' | 'error', (message: string, fields: Fields) => void>>;
  count: (name: MetricName, stage: string, value?: number) => void;
  /** The deployment's stage, for failures of a function that has no ports yet. */
  stage: () => string;
}

/** A process of Lambda: the clock of the machine, and the log of the function. */
export const lambda: Runtime = { now: Date.now, newId, log, count, stage: () => readConfig().stage };

/** A failure leaves a line with all that is known; the caller learns a stable code and a reference, never a stack. */
const problemsToAnswers = ({
  newId,
  log,
  count,
  stage,
}: Runtime): MiddlewareObj<APIGatewayProxyEventV2, HttpAnswer> => ({
  onError: (request) => {
    const reference = newId('ref');
    const error = isNoRoute(request.error) ? new Problem('not_found', 'there is no such route', {}) : request.error;
    const problem = asProblem(error, reference);
    if (problem.code === 'internal') {
      log.error('request failed', { reference, ...errorFields(error) });
      count('RequestFailed', stage());
    } else log.info('request refused', { code: problem.code, ...problem.facts });
    request.response = problemAnswer(problem);
  },
});

/** @middy/http-router says so when no route fits. */
const isNoRoute = (error: unknown): boolean =>
  !(error instanceof Problem) && (error as { statusCode?: number } | null)?.statusCode === 404;

type Api = (event: APIGatewayProxyEventV2, context: Context) => Promise<HttpAnswer>;

/** A handler behind the HTTP API (payload format 2.0). */
export const makeApiHandler = (run: Api, runtime: Runtime) =>
  middy<APIGatewayProxyEventV2, HttpAnswer>().use(problemsToAnswers(runtime)).handler(run);

/** One line for each invocation that Lambda itself will retry or drop. */
const failuresToLog = (unit: string, { log }: Runtime): MiddlewareObj => ({
  onError: (request) => {
    log.error(`${unit} failed`, errorFields(request.error));
  },
});

/** A handler on a schedule. The next run does what this one did not. */
export const makeScheduleHandler = (unit: string, run: () => Promise<Fields>, runtime: Runtime) =>
  middy()
    .use(failuresToLog(unit, runtime))
    .handler(async () => {
      const fields = await run();
      runtime.log.info(`${unit} done`, fields);
      return fields;
    });

/** What became of one message: facts for its log line, or the error for which the queue delivers it again. */
type MessageResult = Fields | { error: unknown };

/**
 * A handler of a queue whose messages are handled together. What fails is given again (ReportBatchItemFailures) and holds up
 * no other. A body that is not JSON or not of its form can never succeed: it is acknowledged and logged.
 */
export const makeMessagesHandler = (
  unit: string,
  run: (bodies: readonly unknown[], records: readonly SQSRecord[]) => Promise<readonly MessageResult[]>,
  runtime: Runtime,
) =>
  middy<SQSEvent, SQSBatchResponse>()
    .use(failuresToLog(unit, runtime))
    .handler(async ({ Records }) => {
      const parsed = Records.flatMap((record) => {
        const body = bodyOf(record);
        if (body.error === undefined) return [{ record, body: body.value }];
        report(unit, record, body, runtime);
        return [];
      });
      const records = parsed.map(({ record }) => record);
      const results = await run(
        parsed.map(({ body }) => body),
        records,
      );
      const failed = records.filter((record, index) => report(unit, record, results[index] ?? {}, runtime));
      return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    });

/** The same, message by message. */
export const makeQueueHandler = (
  unit: string,
  each: (body: unknown, record: SQSRecord) => Promise<Fields>,
  runtime: Runtime,
) =>
  makeMessagesHandler(
    unit,
    (bodies, records) =>
      Promise.all(records.map((record, index) => each(bodies[index], record).catch((error: unknown) => ({ error })))),
    runtime,
  );

function bodyOf(record: SQSRecord): { value?: unknown; error?: unknown } {
  try {
    return { value: parseBody(record) };
  } catch (error) {
    return { error };
  }
}

/** Logs what became of a message. True if the queue has to deliver it again. */
function report(unit: string, { messageId }: SQSRecord, result: MessageResult, { log }: Runtime): boolean {
  if (!('error' in result)) {
    log.info(`${unit} handled`, { messageId, ...result });
    return false;
  }
  const { error } = result;
  if (error instanceof Problem && error.code === 'malformed_request') {
    log.warn(`${unit} ignored a message`, { messageId, code: error.code, ...error.facts });
    return false;
  }
  log.error(`${unit} failed`, { messageId, ...errorFields(error) });
  return true;
}

export function parseBody({ body }: SQSRecord): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Problem('malformed_request', 'the message is not JSON', {});
  }
}

/** A handler of a queue that works on the batch as a whole. `run` returns the ids of the messages to give again. */
export const makeBatchHandler = (
  unit: string,
  run: (records: readonly SQSRecord[]) => Promise<string[]>,
  runtime: Runtime,
) =>
  middy<SQSEvent, SQSBatchResponse>()
    .use(failuresToLog(unit, runtime))
    .handler(async ({ Records }) => {
      const failed = await run(Records);
      runtime.log.info(`${unit} handled`, { messages: Records.length, failed: failed.length });
      return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
    });

/**
 * A handler of a stream. `run` answers what became of each record, in their order; the first that failed is where Lambda starts again.
 * `run` sees to the order of what it does.
 */
export const makeStreamHandler = (
  unit: string,
  run: (records: readonly DynamoDBRecord[]) => Promise<readonly MessageResult[]>,
  runtime: Runtime,
) =>
  middy<DynamoDBStreamEvent, SQSBatchResponse>()
    .use(failuresToLog(unit, runtime))
    .handler(async ({ Records }) => {
      const results = await run(Records);
      const failures = results.flatMap((result, index) => ('error' in result ? [{ index, error: result.error }] : []));
      runtime.log.info(`${unit} handled`, { records: Records.length, failed: failures.length });
      const [first] = failures;
      if (!first) return { batchItemFailures: [] };
      const itemIdentifier = Records[first.index]?.dynamodb?.SequenceNumber ?? '';
      runtime.log.error(`${unit} failed`, { itemIdentifier, ...errorFields(first.error) });
      return { batchItemFailures: [{ itemIdentifier }] };
    });

/** Made at the first invocation, kept for the life of the process. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
