import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AwsError } from './error.ts';
import type { Bus } from './events/bus.ts';
import { eventBridgeOperation } from './events/eventbridge-operations.ts';
import type { Queues } from './sqs/queues.ts';
import { queueUrl, sqsOperation } from './sqs/sqs-operations.ts';

export interface AwsEndpoints {
  /** For AWS_ENDPOINT_URL_SQS and AWS_ENDPOINT_URL_EVENTBRIDGE alike. */
  readonly url: string;
  queueUrl(name: string): string;
  close(): Promise<void>;
}

export interface EndpointOptions {
  queues: Queues;
  buses: readonly Bus[];
  /** Stands for callers whose access key id is not an account's number. */
  account: string;
  /** 0 takes a free one. */
  port: number;
  /** Gets what the stand-in itself fails with; the caller is told InternalFailure. */
  onError: (error: unknown) => void;
}

/** Over SQS's and EventBridge's own limit of 1 MiB, to leave room for what JSON escapes. */
const longestRequestBytes = 8 * 1024 * 1024;

const internalFailure = { code: 'InternalFailure', message: 'The local region failed.', status: 500 };

/**
 * Serves SQS and EventBridge to the unmodified SDK, on 127.0.0.1. Signatures are not checked: whoever reaches loopback
 * may call; pages of other sites may not, so a foreign Host or any Origin is refused.
 */
export async function startAwsEndpoints(options: EndpointOptions): Promise<AwsEndpoints> {
  let base = '';
  const server = createServer((request, response) => void answer(request, response, options, base));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: base,
    queueUrl: (name) => queueUrl(base, name),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: EndpointOptions, url: string) {
  try {
    assertLocal(request);
    send(response, 200, dispatch(request, await readJson(request), options, url));
  } catch (error) {
    if (!(error instanceof AwsError)) options.onError(error);
    const { code, message, status } = error instanceof AwsError ? error : internalFailure;
    // SQS clients take the code from this header where they came from the query protocol.
    response.setHeader('x-amzn-query-error', `${code};${status < 500 ? 'Sender' : 'Receiver'}`);
    send(response, status, { __type: code, message });
  }
}

function dispatch(request: IncomingMessage, input: unknown, options: EndpointOptions, url: string): object {
  const [service, operation = ''] = String(request.headers['x-amz-target']).split('.');
  if (service === 'AmazonSQS') return sqsOperation(options.queues, url, operation, input);
  if (service === 'AWSEvents') {
    return eventBridgeOperation(options.buses, callerAccount(request) ?? options.account, operation, input);
  }
  throw new AwsError('UnknownOperationException', 'This endpoint speaks SQS and EventBridge.', 404);
}

function assertLocal({ headers }: IncomingMessage): void {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  if (host !== '127.0.0.1' && host !== 'localhost') {
    throw new AwsError('MisdirectedRequest', 'The request names another host.', 421);
  }
  if (headers.origin !== undefined) throw new AwsError('AccessDenied', 'The request comes from a web page.', 403);
}

/** In the local region an account's access key id is the account's number. */
function callerAccount(request: IncomingMessage): string | undefined {
  return /Credential=(\d{12})\//.exec(request.headers.authorization ?? '')?.[1];
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Kept open, so that whoever sent too much can still be told so.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > longestRequestBytes) throw new AwsError('RequestEntityTooLarge', 'The request is too large.', 413);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new AwsError('SerializationException', 'The request is not JSON.');
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
}
