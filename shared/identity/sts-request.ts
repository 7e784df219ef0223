import {
  callerIdentityBody,
  credentialScope,
  type StsPurpose,
  type StsSignature,
  signedHeaders,
  sigV4Algorithm,
} from '#protocol/sts.ts';
import { requireFresh } from './clock.ts';
import { stsHostOf } from './sts-hosts.ts';
import { parseRfc3339 } from './timestamp.ts';

/** A request as `fetch` takes it. */
export interface CallerIdentityRequest {
  url: string;
  method: 'POST';
  headers: Readonly<Record<string, string>>;
  body: string;
}

/**
 * The request that Muster sends, whole: nothing of it is the agent's but the four members of `sts`. Throws
 * `sts_unknown_region`.
 */
export function buildCallerIdentityRequest({
  sts,
  ...purpose
}: StsPurpose & { sts: StsSignature }): CallerIdentityRequest {
  const signed = signedHeaders(stsHostOf(purpose.region).host, purpose, sts);
  const credential = [sts.accessKeyId, ...credentialScope(sts.date, purpose.region)].join('/');
  const names = signed.map(([name]) => name).join(';');
  const { host = '', ...headers } = Object.fromEntries(signed); // `fetch` writes it, from the same table's URL
  return {
    url: `https://${host}/`,
    method: 'POST',
    headers: {
      ...headers,
      accept: 'application/json',
      'accept-encoding': 'identity',
      authorization: `${sigV4Algorithm} Credential=${credential}, SignedHeaders=${names}, Signature=${sts.signature}`,
    },
    body: callerIdentityBody,
  };
}

/** SigV4's form of a time, on a day that exists. Null for anything else. */
export function parseAmzDate(text: string): Date | null {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  return year === undefined ? null : parseRfc3339(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** Refuses a signature made more than `skewSeconds` from `now`: `clock_skew` with both times. STS itself takes 15 minutes. */
export function requireFreshDate({ date }: StsSignature, now: Date, skewSeconds: number): void {
  const signedAt = parseAmzDate(date)?.getTime() ?? 0; // the payload's shape has refused a date that is none
  requireFresh(signedAt / 1000, now, skewSeconds);
}
