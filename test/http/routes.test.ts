import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { openApiDocument } from '#shared/http/openapi.ts';
import { problemsOf, type Route, served } from '#shared/http/route.ts';
import { allRoutes, gatewayRouteFor, gatewayRoutes } from '#shared/http/routes/index.ts';
import { refusalOf } from '../fakes/refusal.ts';

const examples: Record<string, string> = { account: '111122223333', region: 'us-east-1' };
const idOf = ({ path }: Route) => (path.startsWith('/v1/instances/') ? 'i-0123456789abcdef0' : 'srv_1');

interface Described {
  parameters: { name: string; in: string; schema: object }[];
  requestBody?: {
    required: boolean;
    content: Record<string, { schema: { properties: Record<string, object>; required?: string[] } }>;
  };
}

/** A request that every route takes, but for its body. */
function requestFor(route: Route, fields: object): APIGatewayProxyEventV2 {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const pathParameters = Object.fromEntries(names.map((name) => [name, examples[name] ?? idOf(route)]));
  return {
    headers: { 'content-type': route.mediaType ?? 'application/json', authorization: 'Bearer a.b.c' },
    ...{ body: '{}', pathParameters, requestContext: {}, ...fields },
  } as unknown as APIGatewayProxyEventV2;
}

const named = allRoutes.map((route) => ({ name: `${route.method} ${route.path}`, route }));

describe('each route', () => {
  it.each(named)('$name refuses a query parameter that it does not know, by name', async ({ route }) => {
    const event = requestFor(route, { queryStringParameters: { colour: 'blue' } });
    expect(await refusalOf(route.serve(event, 0, {} as never))).toEqual({
      code: 'malformed_request',
      facts: { member: 'colour' },
    });
  });

  it.each(named.filter(({ route }) => route.body && route.mediaType !== 'application/jose'))(
    '$name refuses a member of the body that it does not know',
    ({ route }) => {
      expect(z.safeParse(route.body!, { colour: 'blue' }).error?.issues).toContainEqual(
        expect.objectContaining({ code: 'unrecognized_keys', keys: ['colour'] }),
      );
    },
  );

  it.each(named)('$name describes each parameter of its path', ({ route }) => {
    const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(Object.keys(route.pathParameters?.def.shape ?? {})).toEqual(inPath);
  });

  it.each(named)('$name is for readers exactly if it only reads', ({ route }) => {
    expect(route.group === 'reader').toBe(route.method === 'GET');
    expect(route.function === 'operatorApi').toBe(route.method === 'GET');
  });

  const changes = named.filter(({ route }) => route.method !== 'GET' && route.group !== 'agent');
  const saying = (route: Route, reason: unknown) =>
    requestFor(
      route,
      route.method === 'DELETE' ? { queryStringParameters: { reason } } : { body: JSON.stringify({ reason }) },
    );

  it.each(changes)('$name takes the reason for a change, and refuses one that is wrong', async ({ route }) => {
    const refused = { code: 'malformed_request', facts: { member: 'reason' } };
    const wrong = ['', 'a'.repeat(256), 'two\nlines', 'tab\t', '\u202egnp.exe', '\u2066a\u2069', '\u200fa', '\ud800'];
    const schema = route.method === 'DELETE' ? route.query : route.body;
    const complaintsOf = (reason: unknown) =>
      (z.safeParse(schema!, { reason }).error?.issues ?? []).filter(({ path }) => path[0] === 'reason');
    for (const reason of wrong) expect(complaintsOf(reason)).toHaveLength(1);
    for (const reason of ['a', '\u{1d538}'.repeat(255), 'déjà vu, देवनागरी', 'می\u200cخواهم'])
      expect(complaintsOf(reason)).toEqual([]);
    if (route.bodyOptional || route.method === 'DELETE') {
      for (const reason of wrong)
        expect(await refusalOf(route.serve(saying(route, reason), 0, {} as never))).toEqual(refused);
    }
  });

  it.each(changes)('$name describes the reason, and says whether a body is required', ({ route }) => {
    const operation = (openApiDocument(allRoutes).paths as Record<string, Record<string, Described>>)[route.path]?.[
      route.method.toLowerCase()
    ];
    const { schema } = operation?.requestBody?.content['application/json'] ?? {};
    const inQuery = operation?.parameters.find(({ name, in: place }) => name === 'reason' && place === 'query');
    const described = route.method === 'DELETE' ? inQuery?.schema : schema?.properties.reason;
    expect(described).toMatchObject({ type: 'string', pattern: expect.stringContaining('{1,255}') });
    const isNeeded = (schema?.required ?? []).length > 0 || route.operationId === 'reenrollInstance';
    expect(operation?.requestBody?.required ?? false).toBe(isNeeded);
  });

  it('has a method and path, and an operationId, of its own', () => {
    expect(new Set(named.map(({ name }) => name)).size).toBe(named.length);
    expect(new Set(allRoutes.map(({ operationId }) => operationId)).size).toBe(allRoutes.length);
  });

  it.each(named)('$name can fail, and can be asked wrongly', ({ route }) => {
    expect(problemsOf(route)).toEqual(expect.arrayContaining(['malformed_request', 'internal']));
  });
});

describe('the OpenAPI document', () => {
  const text = JSON.stringify(openApiDocument(allRoutes, 'https://muster.example'));
  const document = JSON.parse(text);

  it('is of version 3.1, says where the API is, and describes each route once', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', servers: [{ url: 'https://muster.example' }] });
    const described = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual(named.map(({ name }) => name).sort());
  });

  it('refers only to schemas that it holds', () => {
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w*)"/g)].map(([, name]) => name);
    expect(references.filter((name) => !document.components.schemas[String(name)])).toEqual([]);
    expect(references.length).toBeGreaterThan(20);
  });

  it('names no security scheme that it does not define', () => {
    const used = allRoutes.flatMap(({ method, path }) =>
      document.paths[path][method.toLowerCase()].security.flatMap((scheme: object) => Object.keys(scheme)),
    );
    expect(Object.keys(document.components.securitySchemes)).toEqual(expect.arrayContaining(used));
  });
});

describe('API Gateway', () => {
  it.each(named)('sends $name to the function that serves it, signed unless an agent asks', ({ route }) => {
    const path = route.path.replaceAll(/\{\w+\}/g, 'x');
    expect(gatewayRouteFor(route.method, path)).toMatchObject({
      ...{ function: route.function, signed: route.group !== 'agent' },
    });
  });

  it('has few routes: one for each method, and those that another function serves', () => {
    expect(gatewayRoutes.map(({ method, path, function: name }) => `${method} ${path} ${name}`)).toEqual([
      ...['POST /v1/enroll enroll', 'POST /v1/checkin checkin', 'POST /v1/servers/{id}/terminate operatorEc2'],
      ...['GET /v1/{proxy+} operatorApi', 'POST /v1/{proxy+} operatorChange', 'DELETE /v1/{proxy+} operatorChange'],
    ]);
  });

  it('knows no path outside the API', () => {
    expect(gatewayRouteFor('GET', '/v2/servers')).toBeUndefined();
    expect(gatewayRouteFor('PUT', '/v1/servers')).toBeUndefined();
  });
});

it('a function that is asked for the route of another names that one', async () => {
  const create = served(
    'operatorApi',
    allRoutes,
    () => 0,
    () => ({}) as never,
    () => {},
  ).find(({ method, path }) => method === 'POST' && path === '/v1/servers');
  const refused = await refusalOf(create!.handler({} as APIGatewayProxyEventV2));
  expect(refused).toEqual({ code: 'wrong_function', facts: { function: 'operatorChange' } });
});
