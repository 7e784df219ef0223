import { AwsError } from '../error.ts';

/** SQSDeveloperGuide/quotas-messages.html */
const longestBodyBytes = 1_048_576;
const longestDelaySeconds = 900;
const longestVisibilitySeconds = 43_200;

/** Throws AwsError unless the body has between 1 byte and 1 MiB. */
export function assertBody(body: string): void {
  const bytes = Buffer.byteLength(body);
  if (bytes === 0) throw new AwsError('MissingParameter', 'The request must contain the parameter MessageBody.');
  if (bytes > longestBodyBytes) throw invalid('MessageBody', `must be shorter than ${longestBodyBytes} bytes`);
}

/** Throws AwsError unless it is whole seconds, up to 15 minutes. */
export function assertDelay(seconds: number): void {
  assertSeconds('DelaySeconds', seconds, longestDelaySeconds);
}

/** Throws AwsError unless it is whole seconds, up to 12 hours. */
export function assertVisibility(seconds: number): void {
  assertSeconds('VisibilityTimeout', seconds, longestVisibilitySeconds);
}

function assertSeconds(parameter: string, seconds: number, longest: number): void {
  if (!(Number.isInteger(seconds) && seconds >= 0 && seconds <= longest)) {
    throw invalid(parameter, `must be between 0 and ${longest}`);
  }
}

function invalid(parameter: string, reason: string): AwsError {
  return new AwsError('InvalidParameterValue', `The value for parameter ${parameter} is invalid. It ${reason}.`);
}
