import { Logger } from '@aws-lambda-powertools/logger';

/** One structured line per unit of work: the message is constant, the facts are fields. Never a body, token or document. */
export const log = new Logger({ serviceName: 'muster' });

export type Fields = Readonly<Record<string, unknown>>;

/** An error as a log may hold it: its name and words, and the stack that leads to the line. */
export const errorFields = (error: unknown): Fields =>
  error instanceof Error
    ? { error: error.name, errorMessage: error.message, stack: error.stack }
    : { error: 'not an Error', errorMessage: String(error) };
