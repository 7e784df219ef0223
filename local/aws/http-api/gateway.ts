import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Problem } from '#shared/domain/problems.ts';
import { type HttpAnswer, problemAnswer } from '#shared/http/problem.ts';
import { gatewayRouteFor } from '#shared/http/routes/index.ts';
import { portTaken } from '../../region/start-error.ts';
import type { FunctionHost } from '../lambda/function-host.ts';
import { httpApiEvent } from './http-api-event.ts';

/** API Gateway's own limit (apigateway/latest/developerguide/http-api-quotas.html); the functions' are lower. */
const bodyLimitBytes = 10 * 1024 * 1024;

export interface GatewayOptions {
  port: number;
  functions: FunctionHost;
  newId: () => string;
  now: () => Date;
  /** What is shown at `/`. */
  page: () => string;
}

export interface Gateway {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Stands for the HTTP API, on 127.0.0.1. Unsigned, so it answers only what cannot come from a page of another site:
 * a foreign `Host` (DNS rebinding) gets 421, a foreign `Origin` is refused, and no CORS header is ever sent.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const server = createServer((request, response) => void answer(request, response, options));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(startErrorOf(error, options.port)));
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const startErrorOf = (error: NodeJS.ErrnoException, port: number): Error =>
  error.code === 'EADDRINUSE' ? portTaken(port, 'npm start') : error;

async function answer(request: IncomingMessage, response: ServerResponse, options: GatewayOptions): Promise<void> {
  const { statusCode, headers, body } = await route(request, options).catch((error: unknown) =>
    problemAnswer(error instanceof Problem ? error : new Problem('internal', 'the local gateway failed', {})),
  );
  response.writeHead(statusCode, headers).end(body);
}

/** What a request line asks for that holds no path. */
const nowhere = { pathname: '', searchParams: new URLSearchParams() };

async function route(request: IncomingMessage, options: GatewayOptions): Promise<HttpAnswer> {
  assertLocal(request);
  const { pathname, searchParams } = URL.parse(request.url ?? '/', 'http://localhost') ?? nowhere;
  if (pathname === '/' && request.method === 'GET') return html(options.page());
  const name = gatewayRouteFor(request.method ?? '', pathname)?.function;
  if (!name) throw new Problem('not_found', 'there is no such route', { path: pathname.slice(0, 200) });
  const event = httpApiEvent({
    method: request.method ?? '',
    path: pathname,
    query: searchParams,
    headers: headersOf(request),
    body: await readBody(request),
    requestId: options.newId(),
    now: options.now(),
  });
  try {
    return await options.functions.invoke<HttpAnswer>(name, event);
  } catch {
    throw new Problem('internal', `the function ${name} failed`, {});
  }
}

function assertLocal({ headers }: IncomingMessage): void {
  const host = headers.host ?? '';
  if (!/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(host)) {
    throw new Problem('foreign_host', 'only 127.0.0.1 and localhost are answered', { host: host.slice(0, 100) });
  }
  const { origin } = headers;
  if (origin !== undefined && origin !== `http://${host}`) {
    throw new Problem('foreign_origin', 'pages of other sites are refused', { origin: origin.slice(0, 100) });
  }
}

const html = (body: string): HttpAnswer => ({
  statusCode: 200,
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'",
    'x-content-type-options': 'nosniff',
  },
  body,
});

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > bodyLimitBytes)
      throw new Problem('body_too_large', 'the body is over the limit', { limitBytes: bodyLimitBytes });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A header that was sent more than once becomes one, joined by commas. */
const headersOf = (request: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : (value ?? ''),
    ]),
  );
