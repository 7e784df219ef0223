import { STATUS_CODES } from 'node:http';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { loadConfig } from '@smithy/core/config';
import { Option } from 'commander';
import { Problem } from '#shared/domain/problems.ts';
import { type ApiRequest, type Signing, signedFetch, signingRegion, unsignedFetch } from './signed-fetch.ts';

/** A refusal by Muster. `answer` is the whole answer; the message has its code and the next step. */
export class ApiRefusal extends Error {
  override readonly name = 'Refusal';
  readonly answer: object;

  constructor(answer: { code: string; todo?: unknown; detail?: unknown }) {
    const { code, todo, detail } = answer;
    // For a malformed request, the next step depends on the member that is wrong.
    const what = code === 'malformed_request' && typeof detail === 'string' ? `${printable(detail)}. ` : '';
    super(`${code}: ${what}${typeof todo === 'string' ? printable(todo) : 'See docs/api.md.'}`);
    this.answer = answer;
  }
}

/** The option for the base URL. The flag has precedence over the environment variable. */
export const urlOption = (): Option => new Option('--url <url>', 'the base URL of the operator API').env('MUSTER_URL');

/** The base URL without a slash at its end, because agents sign exactly this text. Throws Problem `usage`. */
export function readBaseUrl(given: string | undefined): string {
  if (!given) {
    throw usage(
      'Say where Muster is, with --url or MUSTER_URL: HttpApiUrl in the stack’s outputs, or http://127.0.0.1:4000 for npm start.',
    );
  }
  const url = URL.parse(given);
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (!url || !safe || url.username || url.password || url.search || url.hash) {
    throw usage('The base URL is https://host/path without anything after it; http:// is for this machine alone.');
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}

/**
 * Sends a request to the operator API and returns the JSON of its answer. Signs it with the credentials that the AWS CLI would use;
 * a request to this machine goes unsigned if there are none. Throws an ApiRefusal if Muster refuses, and an Error of one sentence
 * if the answer is not from Muster or there is no answer.
 */
export async function askApi(base: string, method: string, path: string, body?: string): Promise<object> {
  const request = { url: new URL(base + path), method, body };
  const credentials = await findCredentials(request.url);
  const signing = credentials && { credentials, region: await findRegion() };
  const { status, ok, json } = await send(request, signing);
  if (ok && json) return json;
  if (json && isProblem(json)) throw new ApiRefusal(json);
  const region = signing && signingRegion(request.url.hostname, signing.region);
  throw new Error(`${request.url.origin} answered ${status} ${STATUS_CODES[status] ?? ''}: ${hint(status, region)}`);
}

type Credentials = Awaited<ReturnType<ReturnType<typeof defaultProvider>>>;

async function findCredentials({ hostname }: URL): Promise<Credentials | undefined> {
  const loopback = isLoopback(hostname);
  // A request to this machine must not wait for the credentials of an instance's role, nor send them.
  if (loopback) process.env.AWS_EC2_METADATA_DISABLED = 'true';
  try {
    return await defaultProvider()();
  } catch {
    if (loopback) return undefined;
    // Without the cause: it may quote the output of a credential process.
    throw new Error(
      'No AWS credentials were found: sign in (aws sso login) or set AWS_PROFILE; aws sts get-caller-identity says whether it worked.',
    );
  }
}

/** The Region that the AWS CLI would use. */
const findRegion = loadConfig({
  environmentVariableSelector: (env) => env.AWS_REGION || env.AWS_DEFAULT_REGION,
  configFileSelector: (profile) => profile.region,
  default: 'us-east-1',
});

async function send(request: ApiRequest & { url: URL }, signing: Signing | undefined) {
  const { origin } = request.url;
  let text: string | undefined;
  let answer: Response;
  try {
    answer = await (signing ? signedFetch({ ...request, ...signing }) : unsignedFetch(request));
    text = await readText(answer);
  } catch (error) {
    throw new Error(`${origin} cannot be reached: ${reason(error)}.`);
  }
  if (text === undefined)
    throw new Error(`${origin} answered more than 10 MB: that is not Muster’s word; check the URL.`);
  return { status: answer.status, ok: answer.ok, json: readObject(text) };
}

/** API Gateway itself lets nothing larger through (apigateway/latest/developerguide/http-api-quotas.html). */
const longestAnswer = 10 * 1024 * 1024;

/** The answer's text. Undefined if it is longer than the limit; the rest is not read then. */
async function readText({ body }: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length > longestAnswer) return undefined;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/** The reason of a failed fetch, which is in the error's cause. */
function reason(error: unknown): string {
  const { cause = error } = error as { cause?: unknown };
  const { code, message } = cause as { code?: unknown; message?: unknown };
  return printable(String(message || code || cause));
}

function readObject(text: string): object | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? json : undefined;
  } catch {
    return undefined;
  }
}

/** True for a refusal by Muster (RFC 9457 with a code). Errors of API Gateway or of a proxy have no code. */
const isProblem = (json: object): json is { code: string } =>
  'code' in json && typeof json.code === 'string' && /^[a-z_]{1,64}$/.test(json.code);

function hint(status: number, region: string | undefined): string {
  if (status !== 403) return 'that is not Muster’s word; check the URL, or try again.';
  if (!region) return 'the request went unsigned, because no AWS credentials were found.';
  return `these credentials need execute-api:Invoke on this API, a clock that is right, and the API’s Region: signed for ${printable(region)} (AWS_REGION).`;
}

/** 127.0.0.0/8, ::1 or localhost. The URL parser has normalized every other spelling of these addresses. */
const isLoopback = (hostname: string): boolean =>
  /^127(?:\.\d+){3}$/.test(hostname) || hostname === '[::1]' || hostname === 'localhost';

/** Text from the network without control characters, so that it cannot control the terminal. */
const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');

const usage = (detail: string): Problem => new Problem('usage', detail);
