import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { askCallerIdentity } from '#shared/adapters/aws/sts.ts';
import { readCallerIdentity } from '#shared/identity/sts-answer.ts';
import { buildCallerIdentityRequest } from '#shared/identity/sts-request.ts';
import { claim, purpose, stsSetup } from '#test/identity/sts-setup.ts';
import { refusalOf } from '#test/identity/vectors.ts';

const request = buildCallerIdentityRequest({ ...purpose, sts: stsSetup().sign() });
const json = 'application/json';

interface Arrived {
  method: string | undefined;
  target: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A server in STS's place, behind Node's own `fetch`: all that is true of the network but the name and the certificate. */
async function startServer(answer: (response: ServerResponse) => void) {
  const arrived: Arrived[] = [];
  const server = createServer(async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk);
    const { method, url: target, headers } = message;
    arrived.push({ method, target, headers, body: Buffer.concat(chunks).toString() });
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const asked: string[] = [];
  const get: typeof fetch = (input, init) => {
    asked.push(String(input));
    return fetch(`http://127.0.0.1:${port}${new URL(String(input)).pathname}`, init);
  };
  return { arrived, asked, get, url: `http://127.0.0.1:${port}` };
}

const answering =
  (status: number, body: string | Buffer, headers: Record<string, string> = { 'content-type': json }) =>
  (response: ServerResponse) =>
    void response.writeHead(status, headers).end(body);

async function refusedWith(answer: (response: ServerResponse) => void) {
  const { get } = await startServer(answer);
  const { code, facts } = await refusalOf(() => askCallerIdentity(request, get));
  return [code, facts];
}

describe('askCallerIdentity', () => {
  it('sends what was built and returns what was answered', async () => {
    const { arrived, asked, get } = await startServer(
      answering(200, '{"a":1}', { 'content-type': `${json};charset=utf-8` }),
    );
    expect(Buffer.from(await askCallerIdentity(request, get)).toString()).toBe('{"a":1}');
    expect(asked).toEqual(['https://sts.us-east-1.amazonaws.com/']);
    const [{ method, target, headers, body } = {} as Arrived] = arrived;
    expect([method, target, body]).toEqual(['POST', '/', 'Action=GetCallerIdentity&Version=2011-06-15']);
    expect(headers).toMatchObject(request.headers);
    const others = Object.keys(headers).filter((name) => !(name in request.headers));
    // What Node adds; SigV4 leaves unsigned headers alone unless their names begin with x-amz-.
    expect(others.sort()).toEqual([
      'accept-language',
      'connection',
      'content-length',
      'host',
      'sec-fetch-mode',
      'user-agent',
    ]);
  });

  it('is answered by a STS that knows the credentials', async () => {
    const { sts, sign } = stsSetup();
    const signed = buildCallerIdentityRequest({ ...purpose, sts: sign() });
    expect(readCallerIdentity(await askCallerIdentity(signed, sts.fetch), purpose.region)).toEqual(claim);
    expect(sts.requests.map(({ url, redirect }) => [url, redirect])).toEqual([
      ['https://sts.us-east-1.amazonaws.com/', 'manual'],
    ]);
  });

  it('looks at no variable of the environment (attack 78)', async () => {
    for (const name of ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_STS', 'HTTPS_PROXY', 'HTTP_PROXY', 'AWS_REGION']) {
      vi.stubEnv(name, 'http://127.0.0.1:9');
    }
    onTestFinished(() => void vi.unstubAllEnvs());
    const { asked, get } = await startServer(answering(200, '{}'));
    await askCallerIdentity(buildCallerIdentityRequest({ ...purpose, sts: stsSetup().sign() }), get);
    expect(asked).toEqual(['https://sts.us-east-1.amazonaws.com/']);
  });

  it('asks once, whatever is answered', async () => {
    const { arrived, get } = await startServer(answering(503, '{}'));
    await refusalOf(() => askCallerIdentity(request, get));
    expect(arrived).toHaveLength(1);
  });
});

describe('an answer that is none', () => {
  it.each([301, 302, 303, 307, 308])('is a redirect: %s is not followed (attack 83)', async (status) => {
    const elsewhere = await startServer(answering(200, '{}'));
    const location = { location: `${elsewhere.url}/`, 'content-type': json };
    expect(await refusedWith(answering(status, '{}', location))).toEqual([
      'sts_unavailable',
      { reason: 'status', status },
    ]);
    expect(elsewhere.arrived).toEqual([]);
  });

  it.each([201, 204, 408, 429, 500, 502, 503])('has the status %s (attack 83)', async (status) => {
    const error = JSON.stringify({ Error: { Code: 'AccessDenied' } });
    expect(await refusedWith(answering(status, error))).toEqual(['sts_unavailable', { reason: 'status', status }]);
  });

  it.each([
    ['XML', 200, 'text/xml'],
    ['text', 200, 'text/plain'],
    ['a type that begins alike', 200, 'application/json5'],
    ['no type', 200, undefined],
    ['a refusal in XML', 403, 'text/xml'],
    ['a proxy’s page', 403, 'text/html'],
  ])('is of another content type: %s (attack 83)', async (_case, status, type) => {
    const headers = type === undefined ? {} : { 'content-type': type };
    expect(await refusedWith(answering(status, '{}', headers as Record<string, string>))).toEqual([
      'sts_unavailable',
      { reason: 'content_type', status },
    ]);
  });

  it('is longer than 64 KiB (attack 83)', async () => {
    const tooLong = ['sts_unavailable', { reason: 'too_long', maxBytes: 65_536 }];
    const { get } = await startServer(answering(200, 'x'.repeat(65_536)));
    expect(await askCallerIdentity(request, get)).toHaveLength(65_536);
    expect(await refusedWith(answering(200, 'x'.repeat(65_537)))).toEqual(tooLong);
    expect(await refusedWith(answering(403, 'x'.repeat(65_537)))).toEqual(tooLong);
    const endless = (response: ServerResponse) => {
      response.writeHead(200, { 'content-type': json });
      const more = () => response.write('x'.repeat(16_384), () => response.closed || more());
      more();
    };
    expect(await refusedWith(endless)).toEqual(tooLong);
  });

  it('is longer than 64 KiB once it is unpacked, though nothing packed was asked for', async () => {
    const packed = { 'content-type': json, 'content-encoding': 'gzip' };
    expect(await refusedWith(answering(200, gzipSync(Buffer.alloc(5_000_000)), packed))).toEqual([
      'sts_unavailable',
      { reason: 'too_long', maxBytes: 65_536 },
    ]);
  });

  it('breaks off', async () => {
    const broken = ['sts_unavailable', { reason: 'network' }];
    expect(await refusedWith((response) => void response.destroy())).toEqual(broken);
    const midway = (response: ServerResponse) => {
      response.writeHead(200, { 'content-type': json, 'content-length': '100' }).write('{');
      setTimeout(() => response.destroy(), 20);
    };
    expect(await refusedWith(midway)).toEqual(broken);
    const nobody: typeof fetch = () => Promise.reject(new TypeError('fetch failed'));
    expect((await refusalOf(() => askCallerIdentity(request, nobody))).facts).toEqual({ reason: 'network' });
  });

  it('does not come, or does not end, in time', async () => {
    const late = ['sts_unavailable', { reason: 'timeout' }];
    const silent = refusedWith(() => {});
    const slow = refusedWith((response) => void response.writeHead(200, { 'content-type': json }).write('{'));
    const startedAt = Date.now();
    expect(await Promise.all([silent, slow])).toEqual([late, late]);
    expect(Date.now() - startedAt).toBeLessThan(8000);
  });
});

describe('a refusal of STS’s own', () => {
  const error = (Code: string, Message = 'no') =>
    JSON.stringify({ Error: { Code, Message, Type: 'Sender' }, RequestId: 'r' });

  it.each([
    [403, 'InvalidClientTokenId'],
    [403, 'SignatureDoesNotMatch'],
    [403, 'ExpiredToken'],
    [403, 'AccessDenied'],
    [400, 'IncompleteSignature'],
  ])('%s %s is told by its code', async (status, code) => {
    expect(await refusedWith(answering(status, error(code)))).toEqual(['sts_refused', { stsCode: code }]);
  });

  it('is none when STS has too much to do', async () => {
    expect(await refusedWith(answering(400, error('Throttling', 'Rate exceeded')))).toEqual([
      'sts_unavailable',
      { reason: 'busy', stsCode: 'Throttling' },
    ]);
  });

  it('about the date is about the clock (attack 86)', async () => {
    const expired = error('SignatureDoesNotMatch', 'Signature expired: 20261126T094400Z is now earlier than …');
    expect(await refusedWith(answering(403, expired))).toEqual(['clock_skew', { stsCode: 'SignatureDoesNotMatch' }]);
  });

  it('is not believed of whoever answers JSON of another form', async () => {
    expect(await refusedWith(answering(403, '{"message":"Forbidden"}'))).toEqual([
      'sts_unavailable',
      { reason: 'malformed', where: 'Error' },
    ]);
  });
});
