import { Problem } from '../domain/problems.ts';
import { isJsonObject, parseStrictJson } from './strict-json.ts';
import { stsHostOf } from './sts-hosts.ts';

/** Whose credentials signed, on STS's word. */
export interface Caller {
  account: string;
  instanceId: string;
}

/** `aws:ec2-instance` is AWS's own: the name of a customer's role has no colon (IAM/latest/UserGuide/reference_iam-quotas.html). */
const instanceArn =
  /^arn:([a-z-]+):(?:iam|sts)::(\d{12}):assumed-role\/aws:ec2-instance\/(i-(?:[0-9a-f]{8}|[0-9a-f]{17}))$/;

/**
 * Reads STS's JSON answer to GetCallerIdentity in a Region. Only the reserved role names an instance: anybody who may assume
 * another role can choose `i-…` for its session. Throws `sts_unavailable` for what is no answer of STS's form,
 * `sts_not_instance_role` for any other caller.
 */
export function readCallerIdentity(body: Uint8Array, region: string): Caller {
  const { Account, Arn } = member(member(parse(body), 'GetCallerIdentityResponse'), 'GetCallerIdentityResult');
  if (typeof Account !== 'string' || typeof Arn !== 'string') throw unreadable('Account or Arn');
  const [, partition, account = '', instanceId = ''] = instanceArn.exec(Arn) ?? [];
  if (partition !== stsHostOf(region).partition) {
    const facts = { caller: printable(Arn) };
    throw new Problem('sts_not_instance_role', 'STS names a caller that is no instance’s own role.', facts);
  }
  if (account !== Account) throw unreadable('Account');
  return { account, instanceId };
}

/** The caller is the instance that the document speaks of, in the same account; else `sts_other_instance`. */
export function requireCaller({ account, instanceId }: Caller, claim: Caller): void {
  if (account === claim.account && instanceId === claim.instanceId) return;
  throw new Problem('sts_other_instance', 'STS names another instance than the document does.', {
    caller: `${account}/${instanceId}`,
    document: `${claim.account}/${claim.instanceId}`,
  });
}

/** Codes that say nothing about the signature (STS/latest/APIReference/CommonErrors.html and the SDKs' lists of throttles). */
const passing = new Set([
  ...['Throttling', 'ThrottlingException', 'ThrottledException', 'RequestThrottled', 'RequestThrottledException'],
  ...['TooManyRequestsException', 'RequestLimitExceeded', 'PriorRequestNotComplete', 'SlowDown', 'LimitExceeded'],
  ...['RequestTimeout', 'RequestTimeoutException', 'ServiceUnavailable', 'InternalFailure', 'InternalError'],
]);

/** STS puts a date out of its 15 minutes into the message of SignatureDoesNotMatch. */
const outOfTime = /^Signature (?:expired|not yet current)\b/;

/**
 * What STS's JSON error means: `clock_skew` if it is about the time, `sts_refused` with STS's own code if it is about the
 * signature or the credentials, `sts_unavailable` if it is about neither, or no error of STS's form.
 */
export function readStsError(body: Uint8Array): Problem {
  const error = errorIn(body);
  const code = error?.Code;
  if (typeof code !== 'string' || !/^[A-Za-z][A-Za-z0-9.]{0,63}$/.test(code)) return unreadable('Error');
  if (passing.has(code)) return unavailable('busy', { stsCode: code });
  const message = typeof error?.Message === 'string' ? error.Message : '';
  if (code === 'RequestExpired' || code === 'RequestTimeTooSkewed' || outOfTime.test(message)) {
    return new Problem('clock_skew', 'STS finds the signature’s date out of its time.', { stsCode: code });
  }
  return new Problem('sts_refused', 'STS refused the signed request.', { stsCode: code });
}

/** Why nothing is known of the caller, in one word of ours. */
type Reason = 'network' | 'timeout' | 'status' | 'content_type' | 'too_long' | 'malformed' | 'busy';

/** STS was not heard: nothing is proven, and nothing is refuted. */
export function unavailable(reason: Reason, facts: Record<string, string | number> = {}): Problem {
  return new Problem('sts_unavailable', 'STS could not be asked, or gave no answer of its own.', { reason, ...facts });
}

const unreadable = (where: string): Problem => unavailable('malformed', { where });

function member(value: unknown, name: string): Record<string, unknown> {
  const found = isJsonObject(value) ? value[name] : undefined;
  if (!isJsonObject(found)) throw unreadable(name);
  return found;
}

function errorIn(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    return member(parse(body), 'Error');
  } catch {
    return undefined;
  }
}

function parse(body: Uint8Array): unknown {
  try {
    return parseStrictJson(body, 'sts_unavailable');
  } catch {
    throw unreadable('JSON');
  }
}

/** Safe in a log line, whatever STS said. */
const printable = (text: string): string => text.slice(0, 256).replace(/[^\x21-\x7e]/g, '?');
