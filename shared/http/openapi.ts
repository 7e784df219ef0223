import * as z from 'zod/mini';
import { enrollmentMediaType } from '#protocol/enrollment.ts';
import { agentTokenType } from '#protocol/token.ts';
import { answers } from '#shared/app/answer.ts';
import { type ProblemCode, problems } from '#shared/domain/problems.ts';
import { statusOf } from './problem.ts';
import { problemsOf, type Route } from './route.ts';

type Json = Record<string, unknown>;

/** The API's OpenAPI 3.1 document, from the definitions of its routes. `url` is the API's base URL. */
export function openApiDocument(routes: readonly Route[], url = '/'): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Muster', version: '1', description: 'EC2 instances become managed servers.' },
    servers: [{ url }],
    paths,
    components: { schemas: { ...answerSchemas(), Problem }, securitySchemes },
  };
}

const securitySchemes = {
  iam: { type: 'apiKey', in: 'header', name: 'authorization', description: 'AWS Signature Version 4' },
  agent: { type: 'http', scheme: 'bearer', description: `A JWT by the agent’s own key, typ ${agentTokenType}` },
};

function operation(route: Route): Json {
  const { operationId, summary, group, pathParameters, query, body, bodyOptional, mediaType, status } = route;
  return {
    operationId,
    summary,
    security: securityOf(route),
    'x-muster-group': group,
    parameters: [...parameters('path', pathParameters), ...parameters('query', query)],
    ...(body && { requestBody: { required: !bodyOptional, content: contentOf(body, mediaType) } }),
    responses: {
      [status]: { description: summary, content: { 'application/json': { schema: refOf(route.answer) } } },
      ...refusals(route),
    },
  };
}

/** The body of an enrollment is its own proof. */
function securityOf({ group, token }: Route): Json[] {
  if (token) return [{ agent: [] }];
  return group === 'agent' ? [] : [{ iam: [] }];
}

function parameters(place: 'path' | 'query', schema: z.ZodMiniType | undefined): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = inputSchema(schema) as { properties?: Json; required?: string[] };
  return Object.entries(properties).map(([name, schema]) => ({
    ...{ name, in: place, required: place === 'path' || required.includes(name), schema },
  }));
}

const contentOf = (schema: z.ZodMiniType, mediaType = 'application/json'): Json => ({
  [mediaType]: {
    schema: mediaType === enrollmentMediaType ? { type: 'string', description: 'A compact JWS' } : inputSchema(schema),
  },
});

/** A request's schema: what a caller may send. */
function inputSchema(schema: z.ZodMiniType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}

/** Refusals by their status; of each, the codes that the route can give. */
function refusals(route: Route): Json {
  const byStatus = Map.groupBy(problemsOf(route), statusOf);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `${code}: ${problems[code].title}`).join('; '),
        content: { 'application/problem+json': { schema: problemSchema(codes) } },
      },
    ]),
  );
}

const problemSchema = (codes: readonly ProblemCode[]): Json => ({
  allOf: [refTo('Problem'), { properties: { code: { enum: codes } } }],
});

const refTo = (name: string): Json => ({ $ref: schemaUri(name) });
const schemaUri = (name: string): string => `#/components/schemas/${name}`;
const refOf = (schema: z.ZodMiniType): Json => refTo(answers.get(schema)?.id ?? '');

/** Answers by name. A caller ignores members that it does not know, so no schema is closed. */
function answerSchemas(): Json {
  const { schemas } = z.toJSONSchema(answers, { uri: schemaUri, io: 'input' });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _, $id: __, ...schema }]) => [name, schema]),
  );
}

/** RFC 9457, section 3.2: the facts of one refusal are members of their own. */
const Problem: Json = {
  type: 'object',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { enum: Object.keys(problems) },
    todo: { type: 'string' },
    reference: { type: 'string' },
    retryAfterSeconds: { type: 'number' },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'todo'],
  additionalProperties: true,
};
