import { Problem } from '#shared/domain/problems.ts';
import { readStsError, unavailable } from '#shared/identity/sts-answer.ts';
import type { CallerIdentityRequest } from '#shared/identity/sts-request.ts';

/** The function that asks has 10 seconds in all, and the agent comes back. */
const timeoutMilliseconds = 2500;

/** A genuine answer has under 600 bytes. */
const maxAnswerBytes = 65_536;

/**
 * Sends the request to exactly the host that it names and returns STS's answer, unread: no SDK, no endpoint variable, no
 * redirect, no second try. Throws `sts_refused` or `clock_skew` where STS itself says no, `sts_unavailable` for all else.
 */
export async function askCallerIdentity(request: CallerIdentityRequest, get: typeof fetch): Promise<Uint8Array> {
  const { url, ...init } = request;
  try {
    const signal = AbortSignal.timeout(timeoutMilliseconds);
    const response = await get(url, { ...init, redirect: 'manual', signal });
    return await readAnswer(response);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw unavailable(error instanceof DOMException && error.name === 'TimeoutError' ? 'timeout' : 'network');
  }
}

async function readAnswer(response: Response): Promise<Uint8Array> {
  const { status, headers } = response;
  const isJson = /^application\/json(?:;|$)/i.test(headers.get('content-type') ?? '');
  const isOfSts = status === 200 || (status >= 400 && status < 500 && status !== 408 && status !== 429);
  if (!isOfSts || !isJson) {
    await response.body?.cancel();
    throw isOfSts ? unavailable('content_type', { status }) : unavailable('status', { status });
  }
  const body = await readAtMost(maxAnswerBytes, response);
  if (status === 200) return body;
  throw readStsError(body);
}

async function readAtMost(maxBytes: number, { body }: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw unavailable('too_long', { maxBytes }); // leaving the loop cancels the rest
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
