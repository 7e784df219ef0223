import { requireFresh } from './clock.ts';
import { stsHostOf } from './sts-hosts.ts';
import { parseRfc3339 } from './timestamp.ts';

/** What an agent supplies of a signed GetCallerIdentity request; all else of that request is Muster's to write. */
export interface StsSignature {
  /** `20261126T100000Z` */
  date: string;
  accessKeyId: string;
  sessionToken: string;
  /** SigV4's, 64 lower-case hexadecimal digits. */
  signature: string;
}

/** What the signature is bound to: a request made for any other of these does not verify at STS. */
export interface StsPurpose {
  /** The verified document's. */
  region: string;
  /** The enrollment's audience, its agent's thumbprint and its id. */
  aud: string;
  jkt: string;
  jti: string;
}

/** A request as `fetch` takes it. */
export interface CallerIdentityRequest {
  url: string;
  method: 'POST';
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** The one body that is ever signed or sent (STS/latest/APIReference/API_GetCallerIdentity.html). */
export const callerIdentityBody = 'Action=GetCallerIdentity&Version=2011-06-15';

/** SigV4's name for itself (IAM/latest/UserGuide/reference_sigv-create-signed-request.html). */
export const sigV4Algorithm = 'AWS4-HMAC-SHA256';

/** The headers that are signed, all of them, in SigV4's order. */
export function signedHeaders(
  { region, aud, jkt, jti }: StsPurpose,
  { date, sessionToken }: Pick<StsSignature, 'date' | 'sessionToken'>,
): [name: string, value: string][] {
  return [
    ['content-type', 'application/x-www-form-urlencoded'],
    ['host', stsHostOf(region).host],
    ['x-amz-date', date],
    ['x-amz-security-token', sessionToken],
    ['x-muster-aud', aud],
    ['x-muster-jkt', jkt],
    ['x-muster-jti', jti],
  ];
}

/** SigV4's credential scope, part by part: the signing key is derived from the same. */
export function credentialScope(date: string, region: string): string[] {
  return [date.slice(0, 8), region, 'sts', 'aws4_request'];
}

/**
 * The request that Muster sends, whole: nothing of it is the agent's but the four members of `sts`. Throws
 * `sts_unknown_region`.
 */
export function buildCallerIdentityRequest({
  sts,
  ...purpose
}: StsPurpose & { sts: StsSignature }): CallerIdentityRequest {
  const signed = signedHeaders(purpose, sts);
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

/** A time in SigV4's form. */
export function formatAmzDate(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

/** Refuses a signature made more than `skewSeconds` from `now`: `clock_skew` with both times. STS itself takes 15 minutes. */
export function requireFreshDate({ date }: StsSignature, now: Date, skewSeconds: number): void {
  const signedAt = parseAmzDate(date)?.getTime() ?? 0; // the payload's shape has refused a date that is none
  requireFresh(signedAt / 1000, now, skewSeconds);
}
