import { Sha256 } from '@smithy/core/checksum';
import { SignatureV4, type SignatureV4Init } from '@smithy/signature-v4';

export interface ApiRequest {
  url: string | URL;
  method: string;
  /** JSON text, sent as it is. */
  body?: string | undefined;
}

export interface Signing {
  /** Credentials, or a function that finds them. */
  credentials: SignatureV4Init['credentials'];
  /** Of a host that does not name its own, such as a custom domain; without it us-east-1. */
  region?: string | undefined;
}

/** API Gateway itself gives up after 30 seconds (apigateway/latest/developerguide/http-api-quotas.html). */
const timeoutMilliseconds = 30_000;

/** Sends one request to the operator API, signed with AWS Signature Version 4. Rejects on a redirect and after 30 s. */
export async function signedFetch({ credentials, region, ...request }: ApiRequest & Signing): Promise<Response> {
  const url = plainlyEncoded(request.url);
  const signer = new SignatureV4({
    service: 'execute-api',
    region: signingRegion(url.hostname, region),
    credentials,
    sha256: Sha256,
  });
  const { method, body } = request;
  const { headers } = await signer.sign({
    ...{ method, protocol: url.protocol, hostname: url.hostname, path: url.pathname, query: queryOf(url) },
    headers: { host: url.host, ...contentType(body) },
    ...(body !== undefined && { body }),
  });
  const { host: _, ...rest } = headers; // fetch sets it, from the same URL
  return send({ method, body, url }, rest);
}

/** The same without a signature: what `npm start` takes. */
export function unsignedFetch(request: ApiRequest): Promise<Response> {
  return send(request, contentType(request.body));
}

function send({ url, method, body }: ApiRequest, headers: Record<string, string>): Promise<Response> {
  return fetch(url, {
    ...{ method, headers, body: body ?? null, redirect: 'error' },
    signal: AbortSignal.timeout(timeoutMilliseconds),
  });
}

const contentType = (body: string | undefined): Record<string, string> =>
  body === undefined ? {} : { 'content-type': 'application/json' };

/** What a request to this host is signed for, if the caller's Region is `own`. */
export const signingRegion = (hostname: string, own: string | undefined): string =>
  regionOf(hostname) ?? own ?? 'us-east-1';

/** API Gateway's own host names say where they are, whatever the partition. */
export const regionOf = (hostname: string): string | undefined =>
  /^[^.]+\.execute-api\.([a-z]{2,4}(?:-[a-z]+)+-\d)\./.exec(hostname)?.[1];

/** A `+` in a query means a space to some and itself to others: both sides must sign the same. */
function plainlyEncoded(url: string | URL): URL {
  const plain = new URL(url);
  plain.search = [...plain.searchParams].map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
  return plain;
}

function queryOf({ searchParams }: URL): Record<string, string[]> {
  return Object.fromEntries([...new Set(searchParams.keys())].map((name) => [name, searchParams.getAll(name)]));
}
