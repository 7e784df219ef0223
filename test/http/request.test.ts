import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { Problem } from '#shared/domain/problems.ts';
import { callerOf, PageQuery, pageOf, readBearer, readBody, readJson, readQuery } from '#shared/http/request.ts';

const event = (fields: object): APIGatewayProxyEventV2 =>
  ({
    headers: { 'content-type': 'application/json' },
    isBase64Encoded: false,
    requestContext: {},
    ...fields,
  }) as unknown as APIGatewayProxyEventV2;

function refusal(run: () => unknown): { code: string; facts: object } {
  try {
    run();
  } catch (error) {
    if (error instanceof Problem) return { code: error.code, facts: error.facts };
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('readBody', () => {
  it('reads text and base64 alike', () => {
    expect(readBody(event({ body: 'é' }), 'application/json')).toEqual(Buffer.from('é'));
    const encoded = { body: Buffer.from([0, 255]).toString('base64'), isBase64Encoded: true };
    expect(readBody(event(encoded), 'application/json')).toEqual(Buffer.from([0, 255]));
    expect(readBody(event({}), 'application/json')).toEqual(Buffer.alloc(0));
  });

  it.each(['application/json', 'Application/JSON; charset=utf-8', ' application/json ;x'])(
    'takes %j for JSON',
    (contentType) => {
      expect(
        readBody(event({ headers: { 'content-type': contentType }, body: '{}' }), 'application/json').toString(),
      ).toBe('{}');
    },
  );

  it('counts bytes, not characters', () => {
    expect(readBody(event({ body: 'a'.repeat(65_536) }), 'application/json')).toHaveLength(65_536);
    const tooLarge = { code: 'body_too_large', facts: { sizeBytes: 65_538, limitBytes: 65_536 } };
    expect(refusal(() => readBody(event({ body: 'é'.repeat(32_769) }), 'application/json'))).toEqual(tooLarge);
  });

  it.each<[object, string]>([
    [{ 'content-type': 'text/plain' }, 'text/plain'],
    [{}, ''],
    ...['gzip', 'br', 'identity', ''].map((encoding): [object, string] => [
      { 'content-type': 'application/json', 'content-encoding': encoding },
      'application/json',
    ]),
  ])('refuses %j', (headers, contentType) => {
    const refused = refusal(() => readBody(event({ headers, body: '{}' }), 'application/json'));
    expect(refused).toEqual({ code: 'unsupported_media_type', facts: { contentType } });
  });
});

describe('readJson', () => {
  const shape = z.strictObject({ name: z.string(), inner: z.optional(z.strictObject({ n: z.int() })) });
  it('names the first member that is not of its form', () => {
    const memberOf = (body: unknown) => refusal(() => readJson(Buffer.from(JSON.stringify(body)), shape)).facts;
    expect(memberOf({})).toEqual({ member: 'name' });
    expect(memberOf({ name: 'x', inner: { n: 1.5 } })).toEqual({ member: 'inner.n' });
    expect(memberOf({ name: 'x', other: 1 })).toEqual({ member: 'other' });
    expect(memberOf([])).toEqual({ member: '' });
  });

  it.each([
    [{}, '"name" is missing'],
    [{ name: 1 }, '"name" has the wrong format'],
    [{ name: 'x', other: 1 }, 'unknown field "other"'],
    [[], 'the body has the wrong format'],
  ])('says what is wrong with %j', (body, detail) => {
    expect(() => readJson(Buffer.from(JSON.stringify(body)), shape)).toThrow(detail);
  });

  it('refuses bytes that are no UTF-8, and a byte order mark', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0xef, 0xbb, 0xbf, 0x7b, 0x7d],
    ]) {
      expect(refusal(() => readJson(Buffer.from(bytes), shape)).code).toBe('malformed_request');
    }
  });

  it('makes nothing of a member named __proto__', () => {
    expect(refusal(() => readJson(Buffer.from('{"name":"x","__proto__":{}}'), shape)).code).toBe('malformed_request');
  });
});

const readPage = (fields: object) => pageOf(readQuery(event(fields), PageQuery));

describe('the query of a list', () => {
  it('gives a hundred from the beginning where nothing is asked', () => {
    expect(readPage({})).toEqual({ size: 100, after: null });
    expect(readPage({ queryStringParameters: { pageSize: '7', pageToken: 't' } })).toEqual({
      size: 7,
      after: 't',
    });
  });
});

describe('a size that is out of bounds', () => {
  it.each([
    ['0', '"pageSize" is below the limit, 1'],
    ['101', '"pageSize" is over the limit, 100'],
    ['x', '"pageSize" has the wrong format'],
  ])('%s is refused with the bound', (pageSize, detail) => {
    expect(() => readPage({ queryStringParameters: { pageSize } })).toThrow(detail);
  });
});

describe('readBearer', () => {
  it('reads the token whatever the scheme’s case', () => {
    expect(readBearer(event({ headers: { authorization: 'bearer a.b.c' } }))).toBe('a.b.c');
  });

  it.each([undefined, '', 'Bearer', 'Bearer ', 'Basic a', 'Bearer a b', 'a.b.c'])('refuses %j', (authorization) => {
    const refused = refusal(() => readBearer(event({ headers: authorization === undefined ? {} : { authorization } })));
    expect(refused.code).toBe('malformed_jws');
  });
});

describe('callerOf', () => {
  it('is who API Gateway has verified, and nobody the request itself names', () => {
    const userArn = 'arn:aws:iam::111122223333:user/ann';
    expect(callerOf(event({ requestContext: { authorizer: { iam: { userArn } } } }))).toBe(userArn);
    expect(callerOf(event({ headers: { 'x-user-arn': userArn } }))).toBe('local');
  });
});
