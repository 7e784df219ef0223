import { Logger } from '@aws-lambda-powertools/logger';
import { Problem } from '#shared/domain/problems.ts';

/** One structured line per unit of work: the message is constant, the facts are fields. Never a body, token or document. */
export const log = new Logger({ serviceName: 'muster' });

export type Fields = Readonly<Record<string, unknown>>;

/** An error as a log may hold it: its name and words, and the stack that leads to the line. */
export const errorFields = (error: unknown): Fields =>
  error instanceof Error
    ? { ...factsOf(error), error: error.name, errorMessage: error.message, stack: error.stack }
    : { error: 'not an Error', errorMessage: String(error) };

/** The code and the facts of a Problem, so that its line is found by them, for example by a launch's id. */
const factsOf = (error: Error): Fields => (error instanceof Problem ? { code: error.code, ...error.facts } : {});
