import type { IncomingMessage, ServerResponse } from 'node:http';
import { dispatch, errorXml } from './dispatch.ts';
import { Ec2Error, LostAnswer } from './ec2-error.ts';
import { type LoopbackServer, serveOnLoopback } from './loopback.ts';
import { Query } from './query.ts';
import type { Ec2Region } from './region.ts';
import type { Place } from './simulated-instance.ts';

/** A thousand ids or the largest user data, several times over. */
const bodyLimitBytes = 1_048_576;

/** What stands behind an EC2 endpoint, however its calls arrive. */
export interface Ec2EndpointOptions {
  region: Ec2Region;
  /** Whose calls those are whose access key id is not twelve digits. */
  defaultAccount: string;
  newRequestId: () => string;
  /** Told of every call that is understood: the caller's access key id and the operation. */
  onCall?: (accessKeyId: string, operation: string) => void;
}

export interface Ec2ServerOptions extends Ec2EndpointOptions {
  /** 0, the default, takes any free port. */
  port?: number;
}

/**
 * The region as an endpoint for any EC2 client: `endpoint: url`, any secret. The access key id, if it is twelve
 * digits, is the account; the region is that of the signature's scope. Signatures are not verified.
 */
export function startEc2Server(options: Ec2ServerOptions): Promise<LoopbackServer> {
  return serveOnLoopback((request, response) => void answer(options, request, response), options.port ?? 0);
}

async function answer(options: Ec2ServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const read = () => readBody(request);
    const { status, headers, body } = await answerCall(options, request.headers.authorization, read);
    response.writeHead(status, headers).end(body);
  } catch (error) {
    if (!(error instanceof LostAnswer)) throw error;
    request.socket.destroy();
  }
}

/** An HTTP answer of EC2's. */
export interface Ec2Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/**
 * Answers one call: its `authorization` header says which account calls and in which Region, its body is the query. A
 * refusal is an answer too. Throws LostAnswer where the caller gets none.
 */
export async function answerCall(
  options: Ec2EndpointOptions,
  authorization: string | undefined,
  readBody: () => string | Promise<string>,
): Promise<Ec2Answer> {
  const requestId = options.newRequestId();
  const headers = { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': requestId };
  const answer = (status: number, xml: string): Ec2Answer => ({
    status,
    headers,
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${xml}`,
  });
  try {
    const query = Query.parse(await readBody());
    const { accessKeyId, ...place } = readCaller(authorization, options.defaultAccount);
    options.onCall?.(accessKeyId, query.text('Action') ?? '');
    return answer(200, dispatch(options.region, place, query, requestId));
  } catch (error) {
    if (error instanceof LostAnswer) throw error;
    const refusal = error instanceof Ec2Error ? error : new Ec2Error('InternalError', String(error));
    return answer(refusal.status, errorXml(refusal, requestId));
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const type = request.headers['content-type'] ?? '';
  if (request.method !== 'POST' || !type.startsWith('application/x-www-form-urlencoded')) {
    throw new Ec2Error('InvalidAction', 'Calls are POSTed as application/x-www-form-urlencoded.');
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyLimitBytes) throw new Ec2Error('MalformedQueryString', `A query is at most ${bodyLimitBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** `Credential=<access key id>/<date>/<region>/ec2/aws4_request`: IAM/latest/UserGuide/create-signed-request.html */
function readCaller(authorization: string | undefined, defaultAccount: string): Place & { accessKeyId: string } {
  const scope = /^AWS4-HMAC-SHA256 .*?Credential=([\w]+)\/\d{8}\/([a-z0-9-]+)\/ec2\/aws4_request\b/.exec(
    authorization ?? '',
  );
  const [, accessKeyId, region] = scope ?? [];
  if (accessKeyId === undefined || region === undefined) {
    throw new Ec2Error('AuthFailure', 'AWS was not able to validate the provided access credentials');
  }
  return { accessKeyId, account: /^\d{12}$/.test(accessKeyId) ? accessKeyId : defaultAccount, region };
}
