import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { openApiDocument } from '#shared/http/openapi.ts';
import { pathPattern, type Route } from '#shared/http/route.ts';
import { allRoutes } from '#shared/http/routes/index.ts';

type Schema = Readonly<Record<string, unknown>>;

/** The OpenAPI document, its answers closed: here a member that the document does not name is a mistake. */
const apiDocument = openApiDocument(allRoutes) as unknown as {
  paths: Record<string, Record<string, { responses: Record<string, { content: Record<string, { schema: Schema }> }> }>>;
  components: { schemas: Record<string, Schema> };
};

const ajv = new Ajv2020({ allErrors: true, strict: false });
addFormats.default(ajv);
ajv.addSchema({ $id: 'api', components: { schemas: closed(apiDocument.components.schemas) } });

function closed(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(closed);
  const members = Object.fromEntries(Object.entries(schema).map(([name, member]) => [name, closed(member)]));
  const isClosed = members.type === 'object' && 'properties' in members && !('additionalProperties' in members);
  return { ...members, ...(isClosed && { additionalProperties: false }) };
}

/** Where a value is not as a schema of the OpenAPI document says. */
export function violations(value: unknown, schema: Schema): string[] {
  const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"api#/components'));
  const validate = ajv.compile(absolute);
  return validate(value)
    ? []
    : (validate.errors ?? []).map(
        ({ instancePath, message, params }) => `$${instancePath}: ${message} ${JSON.stringify(params)}`,
      );
}

/** The schema of the answer with this name. */
export const answerNamed = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** The route that serves a request. */
export const routeOf = (method: string, path: string): Route | undefined =>
  allRoutes.find((route) => route.method === method && pathPattern(route.path).test(path));

/** Where an answer is not as the document says of its route: the status, or the value. */
export function undocumented(
  method: string,
  path: string,
  { statusCode, json }: { statusCode: number; json: unknown },
): string[] {
  const route = routeOf(method, path);
  const { content } = apiDocument.paths[route?.path ?? '']?.[method.toLowerCase()]?.responses[statusCode] ?? {};
  if (!content) return [`${method} ${path}: the status ${statusCode} is not documented`];
  return Object.values(content).flatMap(({ schema }) => violations(json, schema));
}
