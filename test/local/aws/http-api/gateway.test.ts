import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '#local/aws/http-api/gateway.ts';
import { FunctionHost } from '#local/aws/lambda/function-host.ts';
import { disabled, Faults } from '#local/faults.ts';
import { random } from '#local/random.ts';

const folder = mkdtempSync(join(tmpdir(), 'muster-gateway-'));
const newId = () => 'id';
/** Enough for whatever a function does before it asks AWS. */
const env = {
  ...{
    AWS_REGION: 'us-east-1',
    AUDIENCES: 'http://127.0.0.1',
    HOME_ACCOUNT: '111122223333',
    TABLE_NAME: 'table',
    PRIVATE_TABLE_NAME: 'private',
    POLICY: '{"proofKinds":["iid-rsa2048"]}',
  },
  ...{ LAUNCH_QUEUE_URL: 'http://127.0.0.1:9/launch', VERIFY_QUEUE_URL: 'http://127.0.0.1:9/verify' },
};
let functions: FunctionHost;
let gateway: Gateway;

beforeAll(async () => {
  const faults = new Faults({ random: random(1), now: Date.now });
  faults.add(disabled('checkin'));
  functions = new FunctionHost({ env, logFile: join(folder, 'functions.log'), faults, newId });
  const now = () => new Date('2026-11-02T10:00:00Z');
  gateway = await startGateway({ port: 0, functions, newId, now, page: () => '<title>Muster</title>' });
});
afterAll(async () => {
  await gateway.close();
  await functions.close();
  rmSync(folder, { recursive: true });
});

interface Sent {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** A request as any program could send it; fetch would not let us choose Host and Origin. */
function send({ method = 'GET', path = '/v1/openapi.json', headers = {}, body }: Sent) {
  return new Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
    const { hostname, port } = new URL(gateway.url);
    const outgoing = request({ hostname, port, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function refusedBy(sent: Sent): Promise<[number, string]> {
  const { status, headers, body } = await send(sent);
  expect(headers['content-type']).toBe('application/problem+json');
  expect(body).not.toMatch(/at .*\.ts|node_modules/);
  return [status, JSON.parse(body).code];
}

describe('the gateway', () => {
  it('hands a request to its function, and the answer back', async () => {
    const { status, headers, body } = await send({});
    expect([status, headers['content-type'], JSON.parse(body).openapi]).toEqual([200, 'application/json', '3.1.0']);
  });

  it('shows the console at its root, which no other page may script', async () => {
    const { status, headers, body } = await send({ path: '/' });
    expect([status, body]).toEqual([200, '<title>Muster</title>']);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'/);
  });

  it('listens on loopback alone', () => {
    expect(new URL(gateway.url).hostname).toBe('127.0.0.1');
  });

  it('hands over an enrollment as API Gateway does, in base64', async () => {
    const headers = { 'content-type': 'application/jose' };
    const sent = { method: 'POST', path: '/v1/enroll', headers, body: 'a.b.c' };
    expect(await refusedBy(sent)).toEqual([400, 'malformed_jws']);
  });
});

describe('a page of another site', () => {
  it.each([
    'evil.example',
    'evil.example:4000',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '127.0.0.2',
    '[::1]',
  ])('cannot come by a name of its own: Host %j', async (host) => {
    expect(await refusedBy({ headers: { host } })).toEqual([421, 'foreign_host']);
    expect(await refusedBy({ path: '/', headers: { host } })).toEqual([421, 'foreign_host']);
  });

  it.each(['http://evil.example', 'https://127.0.0.1', 'http://127.0.0.1:1', 'null', ''])(
    'cannot ask: Origin %j',
    async (origin) => {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        expect(await refusedBy({ method, headers: { origin } })).toEqual([403, 'foreign_origin']);
      }
    },
  );

  it('is never told that it may read an answer', async () => {
    const { host } = new URL(gateway.url);
    for (const sent of [
      {},
      { path: '/' },
      { headers: { origin: `http://${host}` } },
      { headers: { host: 'evil.example' } },
    ]) {
      const { headers } = await send(sent);
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  it('is not the console itself, whose Origin is this address', async () => {
    const { host } = new URL(gateway.url);
    expect((await send({ headers: { origin: `http://${host}` } })).status).toBe(200);
    expect((await send({ headers: { host: 'localhost', origin: 'http://localhost' } })).status).toBe(200);
  });
});

describe('the gateway refuses', () => {
  const json = { 'content-type': 'application/json' };
  it.each<[string, Sent, number, string]>([
    ['a route that is none', { path: '/v2/instances' }, 404, 'not_found'],
    ['a route of the API that is none', { path: '/v1/instance' }, 404, 'not_found'],
    ['a method that nothing takes', { method: 'PUT' }, 404, 'not_found'],
    ['a path that is no URL', { path: '//' }, 404, 'not_found'],
    [
      'one megabyte',
      { method: 'POST', path: '/v1/servers', headers: json, body: ' '.repeat(1_048_576) },
      413,
      'body_too_large',
    ],
    [
      'more than API Gateway takes',
      { method: 'POST', path: '/v1/servers', headers: json, body: Buffer.alloc(10_485_761) },
      413,
      'body_too_large',
    ],
    [
      'what a disabled function would answer',
      { method: 'POST', path: '/v1/checkin', headers: json, body: '{}' },
      500,
      'internal',
    ],
  ])('%s', async (_case, sent, status, code) => {
    expect(await refusedBy(sent)).toEqual([status, code]);
  });

  it('a port that is taken, in a sentence for a person', async () => {
    const port = Number(new URL(gateway.url).port);
    const second = startGateway({ port, functions, newId, now: () => new Date(), page: () => '' });
    await expect(second).rejects.toThrow(`Port ${port} is taken`);
  });
});
