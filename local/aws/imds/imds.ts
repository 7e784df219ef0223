import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DocumentSignatures } from '../ec2/identity-document.ts';
import { type LoopbackServer, serveOnLoopback } from '../ec2/loopback.ts';
import { type CredentialsOf, readMetadata } from '../ec2/metadata-tree.ts';
import { presentOf, type SimulatedInstance } from '../ec2/simulated-instance.ts';

export interface ImdsOptions {
  /** The instance as it is at the moment of asking; undefined if it is no more. */
  instance: () => Readonly<SimulatedInstance> | undefined;
  sign: (document: string) => DocumentSignatures;
  /** The credentials of the instance's own role; without it there are none. */
  credentials?: CredentialsOf;
  now: () => Date;
  newToken: () => string;
}

/** What the metadata service reads of a request. `url` is the path, with a query or without. */
type ImdsRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers'>;

interface Answer {
  status: number;
  body: string | Buffer;
  ttlSeconds?: number;
}

/** Session tokens by text, with the moment each ends (ms). */
type Tokens = Map<string, number>;

/** AWSEC2/latest/UserGuide/instancedata-data-retrieval.html: a token lives one second to six hours. */
const longestTtlSeconds = 21_600;
const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds';

/**
 * One instance's metadata service, for AWS_EC2_METADATA_SERVICE_ENDPOINT. Version 2, and version 1 where the
 * instance's HttpTokens is `optional`. An instance that is stopped or terminated has nobody who could ask: it is cut off.
 */
export function startImds({ port = 0, ...options }: ImdsOptions & { port?: number }): Promise<LoopbackServer> {
  const ask = openImds(options);
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const answer = ask(request);
    if (!answer) {
      request.socket.destroy();
      return;
    }
    const { status, body, ttlSeconds } = answer;
    if (ttlSeconds !== undefined) response.setHeader(ttlHeader, ttlSeconds);
    response.writeHead(status, { 'content-type': 'text/plain' }).end(body);
  };
  return serveOnLoopback(handle, port);
}

/** The same service without a server: answers a request, or undefined where the instance is cut off. */
export function openImds(options: ImdsOptions): (request: ImdsRequest) => Answer | undefined {
  const tokens: Tokens = new Map();
  return (request) => {
    const instance = options.instance();
    const state = instance && presentOf(instance).state;
    if (!instance || state === 'stopped' || state === 'terminated') return undefined;
    return answer(instance, request, tokens, options);
  };
}

function answer(
  instance: Readonly<SimulatedInstance>,
  request: ImdsRequest,
  tokens: Tokens,
  options: ImdsOptions,
): Answer {
  const { httpEndpoint, httpTokens } = instance.configuration.metadataOptions;
  const path = readPath(request.url ?? '/');
  if (httpEndpoint === 'disabled') return refusal(403, 'Forbidden');
  if (!path) return refusal(400, 'Bad Request');
  if (request.method === 'PUT') return putToken(request, path, tokens, options);
  if (request.method !== 'GET') return refusal(405, 'Method Not Allowed');
  const endsAt = tokenEnd(request, tokens);
  const now = options.now().getTime();
  if (endsAt === undefined ? httpTokens === 'required' : endsAt <= now) return refusal(401, 'Unauthorized');
  const found = get(instance, path, options);
  return {
    ...(found === undefined ? refusal(404, 'Not Found') : { status: 200, body: found }),
    ...(endsAt !== undefined && { ttlSeconds: Math.floor((endsAt - now) / 1000) }),
  };
}

/** The segments of a path, decoded; undefined if it cannot be read. Trailing and doubled slashes mean nothing. */
function readPath(url: string): string[] | undefined {
  const [path = ''] = url.split('?');
  try {
    return path.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** A PUT that came through a proxy is refused, and so is one to a dated version (same page). */
function putToken(request: ImdsRequest, path: string[], tokens: Tokens, options: ImdsOptions): Answer {
  const [version, ...rest] = path;
  if (rest.join('/') !== 'api/token') return refusal(404, 'Not Found');
  if (version !== 'latest' || request.headers['x-forwarded-for'] !== undefined) return refusal(403, 'Forbidden');
  const ttl = String(request.headers[ttlHeader] ?? '');
  const ttlSeconds = /^\d{1,5}$/.test(ttl) ? Number(ttl) : 0;
  if (ttlSeconds < 1 || ttlSeconds > longestTtlSeconds) return refusal(400, 'Bad Request');
  const token = options.newToken();
  tokens.set(token, options.now().getTime() + ttlSeconds * 1000);
  return { status: 200, body: token, ttlSeconds };
}

/** When the request's token ends: undefined without one, long ago if it was never given out here. */
function tokenEnd(request: ImdsRequest, tokens: Tokens): number | undefined {
  const token = request.headers['x-aws-ec2-metadata-token'];
  return token === undefined ? undefined : (tokens.get(String(token)) ?? 0);
}

function get(
  instance: Readonly<SimulatedInstance>,
  [version, ...segments]: string[],
  { sign, credentials }: ImdsOptions,
): string | Buffer | undefined {
  if (version === undefined) return '1.0\nlatest';
  return version === 'latest' || version === '1.0' || /^\d{4}-\d{2}-\d{2}$/.test(version)
    ? readMetadata(instance, segments, sign, credentials)
    : undefined;
}

const refusal = (status: number, body: string): Answer => ({ status, body });
