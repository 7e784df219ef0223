import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import * as z from 'zod/mini';
import { CheckinReport } from '#shared/app/agent/check-in.ts';
import { answerSchemas } from './answer-schemas.ts';
import { operatorRoutes, type Route } from './operator-routes.ts';
import { type HttpAnswer, jsonAnswer } from './problem.ts';

type Json = Record<string, unknown>;

/** The API's own OpenAPI 3.1 document, made from the table of routes and the schemas that check requests. */
export function openApiDocument(): Json {
  const paths: Record<string, Json> = {
    '/v1/enroll': { post: enroll },
    '/v1/checkin': { post: checkin() },
    '/v1/openapi.json': { get: { summary: 'This document', security: [{ iam: [] }], responses: answers(200, {}) } },
  };
  for (const route of operatorRoutes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Muster', version: '1', description: 'EC2 instances become managed servers.' },
    paths,
    components: { schemas: answerSchemas, securitySchemes },
  };
}

const securitySchemes = {
  iam: { type: 'apiKey', in: 'header', name: 'authorization', description: 'AWS Signature Version 4' },
  agent: { type: 'http', scheme: 'bearer', description: 'A JWT by the agent’s own key, typ muster-agent+jwt' },
};

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const problem = {
  description: 'A problem (RFC 9457)',
  content: { 'application/problem+json': { schema: ref('Problem') } },
};
const answers = (status: number, schema: Json): Json => ({
  [status]: { description: 'OK', content: { 'application/json': { schema } } },
  default: problem,
});

function operation({ method, path, summary, body, answers: answer }: Route): Json {
  const isAsked = /\/(launch|terminate)$/.test(path);
  const status = isAsked ? 202 : method === 'POST' && path.split('/').length === 3 ? 201 : 200;
  return {
    summary,
    security: [{ iam: [] }],
    parameters: [...pathParameters(path), ...(answer.endsWith('Page') ? pageParameters : [])],
    ...(body && { requestBody: jsonBody(body) }),
    responses: answers(status, ref(answer)),
  };
}

const pathParameters = (path: string): Json[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));

const pageParameters: Json[] = [
  { name: 'pageSize', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 100, default: 100 } },
  { name: 'pageToken', in: 'query', schema: { type: 'string' } },
];

const jsonBody = (schema: z.ZodMiniType): Json => ({
  required: true,
  content: { 'application/json': { schema: z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) } },
});

const enroll: Json = {
  summary: 'Enroll the agent of an instance',
  requestBody: {
    required: true,
    content: { 'application/jose': { schema: { type: 'string', description: 'A compact JWS' } } },
  },
  responses: answers(200, ref('Enrollment')),
};

const checkin = (): Json => ({
  summary: 'Check in',
  security: [{ agent: [] }],
  requestBody: jsonBody(CheckinReport),
  responses: answers(200, ref('Checkin')),
});

export const openApiRoute = {
  method: 'GET' as const,
  path: '/v1/openapi.json',
  handler: async (_event: APIGatewayProxyEventV2): Promise<HttpAnswer> => jsonAnswer(200, openApiDocument()),
};
