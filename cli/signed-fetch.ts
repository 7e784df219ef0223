import { Sha256 } from '@smithy/core/checksum';
import { SignatureV4, type SignatureV4Init } from '@smithy/signature-v4';

export interface ApiRequest {
  url: string | URL;
  method: string;
  /** JSON text, sent unchanged. */
  body?: string | undefined;
}

export interface Signing {
  /** Credentials, or a function that finds them. */
  credentials: SignatureV4Init['credentials'];
  /** The Region for a host whose name does not contain one, such as a custom domain. Default: us-east-1. */
  region?: string | undefined;
}

/** API Gateway ends every request after 30 seconds (apigateway/latest/developerguide/http-api-quotas.html). */
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
  const { host: _, ...rest } = headers; // fetch sets this header itself, from the same URL
  return send({ method, body, url }, rest);
}

/** The same without a signature, for the local region of `npm start`. */
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

/** The Region to sign for in a request to this host, if the caller's own Region is `own`. */
export const signingRegion = (hostname: string, own: string | undefined): string =>
  regionOf(hostname) ?? own ?? 'us-east-1';

/** The Region in a host name of API Gateway, in any partition. Undefined for other hosts. */
export const regionOf = (hostname: string): string | undefined =>
  /^[^.]+\.execute-api\.([a-z]{2,4}(?:-[a-z]+)+-\d)\./.exec(hostname)?.[1];

/** Encodes the query in one way: some programs read `+` as a space and others as a plus, and both sides must sign the same text. */
function plainlyEncoded(url: string | URL): URL {
  const plain = new URL(url);
  plain.search = [...plain.searchParams].map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
  return plain;
}

function queryOf({ searchParams }: URL): Record<string, string[]> {
  return Object.fromEntries([...new Set(searchParams.keys())].map((name) => [name, searchParams.getAll(name)]));
}
