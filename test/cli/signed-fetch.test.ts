import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { regionOf, signedFetch, unsignedFetch } from '../../cli/signed-fetch.ts';
import { type Api, json, openApi } from './an-api.ts';
import { authorizationOf } from './signature.ts';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
let api: Api;
beforeAll(async () => {
  api = await openApi();
});
beforeEach(() => {
  api.arrived = [];
  api.answer = json(200, {});
});
afterAll(() => api.close());

/** get-vanilla and get-vanilla-query-order-key-case of AWS's Signature Version 4 test suite. */
it.each([
  ['/', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  ['/?Param2=value2&Param1=value1', 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500'],
])('what these tests compare with agrees with AWS about %s', (target, signature) => {
  const start = 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request';
  const authorization = `${start}, SignedHeaders=host;x-amz-date, Signature=${signature}`;
  const headers = { authorization, host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z' };
  expect(authorizationOf({ method: 'GET', target, headers, body: '' }, credentials.secretAccessKey)).toBe(
    authorization,
  );
});

describe('signedFetch', () => {
  it.each([
    ['a path', 'GET', '/v1/instances', undefined],
    ['an emulator’s path', 'GET', '/_aws/execute-api/acda2ef6/$default/v1/instances', undefined],
    ['an encoded path', 'GET', '/v1/a%20b%2Fc/(ü)*', undefined],
    ['a query', 'GET', '/v1/servers?pageToken=eyJw-_&pageSize=10', undefined],
    ['an unruly query', 'GET', '/v1/servers?b=2&b=1&a=x+y%2Bz&c&d=(ü)*&=', undefined],
    ['a body', 'POST', '/v1/servers', '{"name":"Zürich"}'],
    ['an empty POST', 'POST', '/v1/servers/srv_1/launch', undefined],
    ['a DELETE', 'DELETE', '/v1/enrollment-keys/key_1', undefined],
  ])('signs what is sent: %s', async (_, method, path, body) => {
    const { status } = await signedFetch({ url: api.url + path, method, body, credentials });
    const [arrived] = api.arrived;
    expect(status).toBe(200);
    expect(arrived?.headers.authorization).toBe(authorizationOf(arrived!, credentials.secretAccessKey));
    expect(arrived?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/us-east-1\/execute-api\//,
    );
    expect([arrived?.method, arrived?.body]).toEqual([method, body ?? '']);
    expect(arrived?.headers['content-type']).toBe(body && 'application/json');
  });

  it('takes a function that finds credentials, a session and another region', async () => {
    const find = async () => ({ ...credentials, sessionToken: 'session' });
    await signedFetch({ url: `${api.url}/v1/servers`, method: 'GET', credentials: find, region: 'eu-central-1' });
    const [arrived] = api.arrived;
    expect(arrived?.headers['x-amz-security-token']).toBe('session');
    expect(arrived?.headers.authorization).toContain('/eu-central-1/execute-api/aws4_request');
    expect(arrived?.headers.authorization).toContain(';x-amz-security-token,');
    expect(arrived?.headers.authorization).toBe(authorizationOf(arrived!, credentials.secretAccessKey));
  });

  it('follows no redirect', async () => {
    api.answer = { status: 302, body: '', headers: { location: '/elsewhere' } };
    await expect(signedFetch({ url: `${api.url}/v1/servers`, method: 'GET', credentials })).rejects.toThrow();
    expect(api.arrived.map(({ target }) => target)).toEqual(['/v1/servers']);
  });
});

it('unsignedFetch sends no signature', async () => {
  await unsignedFetch({ url: `${api.url}/v1/servers`, method: 'POST', body: '{}' });
  const [arrived] = api.arrived;
  expect(Object.keys(arrived?.headers ?? {}).filter((name) => /^(authorization|x-amz-.*)$/.test(name))).toEqual([]);
  expect(arrived?.headers['content-type']).toBe('application/json');
});

it.each([
  ['abc123.execute-api.eu-central-1.amazonaws.com', 'eu-central-1'],
  ['abc123.execute-api.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
  ['abc123.execute-api.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
  ['abc123.execute-api.localhost', undefined],
  ['muster.example.com', undefined],
  ['127.0.0.1', undefined],
])('%s says of its region: %s', (hostname, region) => {
  expect(regionOf(hostname)).toBe(region);
});
