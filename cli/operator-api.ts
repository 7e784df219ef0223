import { STATUS_CODES } from 'node:http';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { loadConfig } from '@smithy/core/config';
import { Option } from 'commander';
import { Problem } from '#shared/domain/problems.ts';
import { type ApiRequest, type Signing, signedFetch, signingRegion, unsignedFetch } from './signed-fetch.ts';

/** Muster refused: its answer as it came, and in the message the code and what to do. */
export class ApiRefusal extends Error {
  override readonly name = 'Refusal';
  readonly answer: object;

  constructor(answer: { code: string; todo?: unknown; detail?: unknown }) {
    const { code, todo, detail } = answer;
    // What to do depends on which member is wrong
    const what = code === 'malformed_request' && typeof detail === 'string' ? `${printable(detail)}. ` : '';
    super(`${code}: ${what}${typeof todo === 'string' ? printable(todo) : 'See docs/api.md.'}`);
    this.answer = answer;
  }
}

/** Where Muster is; the flag outranks the variable. */
export const urlOption = (): Option => new Option('--url <url>', 'the base URL of the operator API').env('MUSTER_URL');

/** The base URL without a slash at its end: agents sign it letter by letter. Throws Problem `usage`. */
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
 * Asks the operator API and answers its JSON. Signed with the credentials of the AWS chain; on loopback, where there are none,
 * unsigned. Throws a Refusal if Muster refused, an Error of one sentence if there was no answer of Muster's.
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
  // For this machine nobody shall wait for, or send the credentials of, an instance’s role.
  if (loopback) process.env.AWS_EC2_METADATA_DISABLED = 'true';
  try {
    return await defaultProvider()();
  } catch {
    if (loopback) return undefined;
    // The cause is left out: it may quote what a credential process printed.
    throw new Error(
      'No AWS credentials were found: sign in (aws sso login) or set AWS_PROFILE; aws sts get-caller-identity says whether it worked.',
    );
  }
}

/** As the AWS CLI finds it. */
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

/** Undefined if it is longer; then the rest is not awaited. */
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

/** fetch says no more than that it failed; why is in its cause. */
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

/** RFC 9457 with a code; API Gateway's own refusals, and a proxy's, have none. */
const isProblem = (json: object): json is { code: string } =>
  'code' in json && typeof json.code === 'string' && /^[a-z_]{1,64}$/.test(json.code);

function hint(status: number, region: string | undefined): string {
  if (status !== 403) return 'that is not Muster’s word; check the URL, or try again.';
  if (!region) return 'the request went unsigned, because no AWS credentials were found.';
  return `these credentials need execute-api:Invoke on this API, a clock that is right, and the API’s Region: signed for ${printable(region)} (AWS_REGION).`;
}

/** 127.0.0.0/8, ::1 and the one name that always means them; URL has made every spelling one. */
const isLoopback = (hostname: string): boolean =>
  /^127(?:\.\d+){3}$/.test(hostname) || hostname === '[::1]' || hostname === 'localhost';

/** What came over the network never steers the terminal. */
const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');

const usage = (detail: string): Problem => new Problem('usage', detail);
