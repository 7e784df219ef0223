import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '#shared/domain/problems.ts';
import { problemAnswer } from '#shared/http/problem.ts';
import { type Api, json, openApi } from './an-api.ts';
import { muster } from './muster.ts';
import { authorizationOf } from './signature.ts';

const folder = mkdtempSync(join(tmpdir(), 'muster-api-'));
const keys = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI' };
const page = { items: [{ instanceId: 'i-0123456789abcdef0' }], nextPageToken: null };
let api: Api;
beforeAll(async () => {
  api = await openApi();
});
beforeEach(() => {
  api.arrived = [];
  api.answer = json(200, page);
});
afterAll(() => {
  api.close();
  rmSync(folder, { recursive: true });
});

function file(name: string, contents: string | Uint8Array): string {
  writeFileSync(join(folder, name), contents);
  return join(folder, name);
}

describe('muster api, answered', () => {
  it('prints the answer’s JSON, indented', async () => {
    const { status, stdout, stderr } = await muster(['api', 'GET', '/v1/instances?pageSize=1', '--url', api.url], keys);
    expect([status, stdout, stderr]).toEqual([0, `${JSON.stringify(page, null, 2)}\n`, '']);
    expect(api.arrived).toMatchObject([{ method: 'GET', target: '/v1/instances?pageSize=1', body: '' }]);
  });

  it('sends the reason in the body of a POST and in the query of a DELETE', async () => {
    const why = ['--reason', 'it sends spam & more', '--url', api.url];
    const data = file('server.json', '{"name":"web-1"}');
    await muster(['api', 'POST', '/v1/instances/1/r/i/block', ...why], keys);
    await muster(['api', 'POST', '/v1/servers', '--data', data, ...why], keys);
    await muster(['api', 'DELETE', '/v1/enrollment-keys/key_1', ...why], keys);
    const reason = 'it sends spam & more';
    expect(api.arrived.map(({ body }) => body && JSON.parse(body))).toEqual([
      { reason },
      { name: 'web-1', reason },
      '',
    ]);
    expect(api.arrived[2]?.target).toBe('/v1/enrollment-keys/key_1?reason=it%20sends%20spam%20%26%20more');
  });

  it.each([
    ['a GET', 'GET', undefined],
    ['data that is no object', 'POST', '[1]'],
    ['data with a reason of its own', 'POST', '{"reason":"another"}'],
  ])('takes no reason with %s', async (_, method, data) => {
    const given = data === undefined ? [] : ['--data', file('given.json', data)];
    const args = ['api', method, '/v1/servers', ...given, '--reason', 'x', '--url', api.url];
    expect([(await muster(args, keys)).status, api.arrived]).toEqual([2, []]);
  });

  it('signs with the keys of the environment, for its region', async () => {
    await muster(['api', 'GET', '/v1/instances'], { ...keys, MUSTER_URL: api.url, AWS_REGION: 'eu-west-1' });
    const [arrived] = api.arrived;
    expect(arrived?.headers.authorization).toBe(authorizationOf(arrived!, keys.AWS_SECRET_ACCESS_KEY));
    expect(arrived?.headers.authorization).toContain('/eu-west-1/execute-api/aws4_request');
  });

  it('signs with a profile', async () => {
    mkdirSync(join(folder, '.aws'));
    file('.aws/credentials', '[ops]\naws_access_key_id = AKIDOPS\naws_secret_access_key = secret\n');
    await muster(['api', 'GET', '/v1/servers'], { HOME: folder, AWS_PROFILE: 'ops', MUSTER_URL: api.url });
    const [arrived] = api.arrived;
    expect(arrived?.headers.authorization).toContain('Credential=AKIDOPS/');
    expect(arrived?.headers.authorization).toBe(authorizationOf(arrived!, 'secret'));
  });

  it.each<[string, Record<string, string>, string]>([
    [
      'AWS_REGION first',
      { AWS_REGION: 'eu-west-1', AWS_DEFAULT_REGION: 'eu-west-2', AWS_PROFILE: 'north' },
      'eu-west-1',
    ],
    ['then AWS_DEFAULT_REGION', { AWS_REGION: '', AWS_DEFAULT_REGION: 'eu-west-2', AWS_PROFILE: 'north' }, 'eu-west-2'],
    ['then the profile’s', { AWS_PROFILE: 'north' }, 'eu-north-1'],
    ['then us-east-1', {}, 'us-east-1'],
  ])('signs for a Region, and names it where the gateway refuses: %s', async (_, env, region) => {
    const config = file('config', '[profile north]\nregion = eu-north-1\n');
    api.answer = json(403, { message: 'Forbidden' });
    const { stderr } = await muster(['api', 'GET', '/v1/servers', '--url', api.url], {
      ...{ ...keys, ...env, AWS_CONFIG_FILE: config },
      ...(env.AWS_PROFILE && {
        AWS_SHARED_CREDENTIALS_FILE: file('keys', '[north]\naws_access_key_id = A\naws_secret_access_key = b\n'),
      }),
    });
    expect(api.arrived[0]?.headers.authorization).toContain(`/${region}/execute-api/aws4_request`);
    expect(stderr).toContain(`signed for ${region} (AWS_REGION).`);
  });

  it('goes unsigned on this machine without credentials, and asks no instance metadata', async () => {
    const metadata = await openApi();
    const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url, AWS_EC2_METADATA_DISABLED: 'false' };
    const { status } = await muster(['api', 'GET', '/v1/instances', '--url', api.url], env);
    metadata.close();
    expect(status).toBe(0);
    expect(api.arrived.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    expect(metadata.arrived).toEqual([]);
  });

  it('lets --url outrank MUSTER_URL, and takes a slash at its end', async () => {
    const args = ['api', 'GET', '/v1/instances', '--url', `${api.url}/$default/`];
    expect((await muster(args, { MUSTER_URL: 'https://muster.invalid' })).status).toBe(0);
    expect(api.arrived.map(({ target }) => target)).toEqual(['/$default/v1/instances']);
  });

  it('sends the body of a file unchanged', async () => {
    const body = ' { "name": "Zürich", "count": 1.0 }\n';
    const args = ['api', 'POST', '/v1/servers', '--data', file('server.json', body), '--url', api.url];
    expect((await muster(args, keys)).status).toBe(0);
    expect(api.arrived).toMatchObject([{ method: 'POST', body, headers: { 'content-type': 'application/json' } }]);
  });

  it('sends what standard input holds', async () => {
    const args = ['api', 'POST', '/v1/servers', '--data', '-', '--url', api.url];
    expect((await muster(args, {}, '{"name":"web"}')).status).toBe(0);
    expect(api.arrived).toMatchObject([{ body: '{"name":"web"}' }]);
  });
});

describe('muster api, not answered', () => {
  it('exits 4 where Muster refuses: the problem on stdout, what to do on stderr', async () => {
    const { statusCode, body, headers } = problemAnswer(
      new Problem('not_found', 'no such server', { serverId: 'srv_1' }),
    );
    api.answer = { status: statusCode, body, headers };
    const { status, stdout, stderr } = await muster(['api', 'GET', '/v1/servers/srv_1', '--url', api.url]);
    expect(status).toBe(4);
    expect(stdout).toBe(`${JSON.stringify(JSON.parse(body), null, 2)}\n`);
    expect(stderr).toBe('muster: not_found: Check the method, the path, the id, the account and the Region.\n');
  });

  it('lets no answer steer the terminal', async () => {
    api.answer = json(400, { code: 'malformed_request', todo: 'a\u001b[2Jb\u009bc\nd' });
    const { stdout, stderr } = await muster(['api', 'GET', '/v1/servers', '--url', api.url]);
    expect(stderr).toBe('muster: malformed_request: a [2Jb c d\n');
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(JSON.parse(stdout)).toMatchObject({ todo: 'a\u001b[2Jb\u009bc\nd' });
  });

  it('lets no answer hide or turn round what is printed', async () => {
    const name = 'a\u202eb\u200bc\u2028d\u2029e\u{e0041}f';
    api.answer = json(400, { code: 'malformed_request', todo: name });
    const { stdout, stderr } = await muster(['api', 'GET', '/v1/servers', '--url', api.url]);
    expect(stderr).toBe('muster: malformed_request: a b c d e f\n');
    expect(stdout).toContain('"a\\u202eb\\u200bc\\u2028d\\u2029e\\udb40\\udc41f"');
    expect(JSON.parse(stdout)).toMatchObject({ todo: name });
  });

  it.each([
    ['takes an answer of 10 MB', 10 * 1024 * 1024, 0, ''],
    ['refuses one that is longer', 10 * 1024 * 1024 + 1, 1, 'answered more than 10 MB'],
  ])('%s', async (_, length, code, sentence) => {
    api.answer = { status: 200, body: '{}'.padEnd(length) };
    const { status, stdout, stderr } = await muster(['api', 'GET', '/v1/servers', '--url', api.url]);
    expect([status, stdout]).toEqual([code, code === 0 ? '{}\n' : '']);
    expect(stderr).toContain(sentence);
  });

  it.each([
    ['with credentials', keys, /these credentials need execute-api:Invoke/],
    ['without', {}, /went unsigned, because no AWS credentials were found/],
  ])('exits 1 where API Gateway refuses, %s', async (_, env, sentence) => {
    api.answer = json(403, { message: 'Forbidden' });
    const { status, stdout, stderr } = await muster(['api', 'GET', '/v1/servers', '--url', api.url], env);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(sentence);
  });

  it.each([
    ['what is no JSON', { status: 200, body: '<html>' }, 'answered 200 OK: that is not Muster’s word'],
    ['what is no object', { status: 200, body: 'null' }, 'answered 200 OK: that is not Muster’s word'],
    ['a proxy’s failure', { status: 502, body: '{"message":"x"}' }, 'answered 502 Bad Gateway'],
    [
      'a redirect',
      { status: 307, body: '', headers: { location: '/v1/servers' } },
      'cannot be reached: unexpected redirect',
    ],
  ])('exits 1 on %s', async (_, answer, sentence) => {
    api.answer = answer;
    const { status, stdout, stderr } = await muster(['api', 'GET', '/v1/servers', '--url', api.url]);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`muster: ${api.url} ${sentence}`);
    expect(stderr.match(/\n/g)).toHaveLength(1);
  });

  it('exits 1 where nobody listens', async () => {
    const gone = await openApi();
    gone.close();
    const { status, stderr } = await muster(['api', 'GET', '/v1/servers', '--url', gone.url]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^muster: http:\/\/127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED.*\.\n$/);
  });

  it('exits 1 where there are no credentials, and sends nothing', async () => {
    const args = ['api', 'GET', '/v1/servers', '--url', 'https://muster.invalid'];
    const { status, stderr } = await muster(args, { AWS_EC2_METADATA_DISABLED: 'true' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^muster: No AWS credentials were found: sign in .*\n$/);
  });
});

describe('muster api, misused', () => {
  const get = ['GET', '/v1/servers'];
  it.each<[string, string[], RegExp]>([
    [
      'no URL',
      get,
      /Say where Muster is, with --url or MUSTER_URL: HttpApiUrl .* http:\/\/127\.0\.0\.1:4000 for npm start/,
    ],
    ['an empty URL', [...get, '--url', ''], /Say where Muster is/],
    ['a URL that is none', [...get, '--url', 'muster'], /The base URL is https:/],
    [
      'plain HTTP to another machine',
      [...get, '--url', 'http://127.example.com'],
      /http:\/\/ is for this machine alone/,
    ],
    ['a URL with a password', [...get, '--url', 'https://a:hunter2@127.0.0.1'], /The base URL is https:/],
    ['a URL with a query', [...get, '--url', 'https://127.0.0.1?a'], /The base URL is https:/],
    ['another method', ['PATCH', '/v1/servers'], /Allowed choices are GET, POST, DELETE/],
    ['no path', ['GET'], /missing required argument/],
    ['a word too many', [...get, '{}'], /too many arguments/],
  ])('exits 2: %s', async (_, args, sentence) => {
    const { status, stdout, stderr } = await muster(['api', ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toContain('hunter2');
  });

  it.each([
    '/v2/servers',
    'v1/servers',
    '/v1',
    '/v1/../../servers',
    '/v1/%2e%2E/servers',
    '/v1/servers#a',
    '/v1\\..\\a/',
  ])('exits 2: the path %s', async (path) => {
    const { status, stderr } = await muster(['api', 'GET', path, '--url', `${api.url}/base`]);
    expect([status, stderr]).toEqual([2, 'muster: The path begins with /v1/ and is one of docs/api.md.\n']);
    expect(api.arrived).toEqual([]);
  });

  it.each<[string, string[], string]>([
    [
      'a body on the command line',
      ['POST', '--data', '{"a":"hunter2"}'],
      '--data names no file that can be read; - is standard input.',
    ],
    ['a folder', ['POST', '--data', folder], '--data names no file that can be read; - is standard input.'],
    [
      'a file that is not JSON',
      ['POST', '--data', file('text', '{"a":hunter2')],
      'What --data gives is not JSON in UTF-8.',
    ],
    [
      'a file that is not UTF-8',
      ['POST', '--data', file('latin1', Buffer.from('"\xfc"', 'latin1'))],
      'What --data gives is not JSON in UTF-8.',
    ],
    ['an empty standard input', ['POST', '--data', '-'], 'What --data gives is not JSON in UTF-8.'],
    ['a GET with a body', ['GET', '--data', '-'], 'GET takes no --data.'],
    ['a DELETE with a body', ['DELETE', '--data', '-'], 'DELETE takes no --data.'],
  ])('exits 2, sends nothing and repeats nothing: %s', async (_, [method = '', ...rest], sentence) => {
    const ended = await muster(['api', method, '/v1/servers', ...rest, '--url', api.url]);
    expect(ended).toEqual({ status: 2, stdout: '', stderr: `muster: ${sentence}\n` });
    expect(api.arrived).toEqual([]);
  });
});
