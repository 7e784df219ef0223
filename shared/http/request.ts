import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import * as z from 'zod/mini';
import { Problem } from '#shared/domain/problems.ts';

/** Requests of operators and agents; an enrollment is held to its own, lower limit. */
const maxBodyBytes = 65_536;

/**
 * The body's bytes. API Gateway hands over as base64 whatever it takes for binary, application/jose included; nothing
 * is ever inflated. Throws `body_too_large` or `unsupported_media_type`.
 */
export function readBody(event: APIGatewayProxyEventV2, mediaType: string): Buffer {
  const given = (event.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (given !== mediaType || event.headers['content-encoding'] !== undefined) {
    throw new Problem('unsupported_media_type', `this route takes ${mediaType}`, { contentType: given ?? '' });
  }
  const body = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  if (body.length > maxBodyBytes) {
    throw new Problem('body_too_large', 'the body is over the limit', {
      sizeBytes: body.length,
      limitBytes: maxBodyBytes,
    });
  }
  return body;
}

/** A body as JSON of the given shape. Throws Problem `malformed_request` that names the first member that is wrong. */
export function readJson<T extends z.ZodMiniType>(body: Buffer, schema: T): z.output<T> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body), refuseProto);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('malformed_request', 'the body is not JSON', {});
  }
  return checked(schema, json);
}

/** zod drops a record's member of this name silently, so an enrollment key's scope would exclude less than its operator asked for. */
function refuseProto(name: string, value: unknown): unknown {
  if (name === '__proto__') throw new Problem('malformed_request', 'no object carries this member', { member: name });
  return value;
}

/** A value of the given shape. Throws Problem `malformed_request` that names the first member that is wrong. */
export function checked<T extends z.ZodMiniType>(schema: T, value: unknown): z.output<T> {
  const result = z.safeParse(schema, value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const member = [...(issue?.path ?? []), ...unknown].map(String).join('.').slice(0, 100);
  throw new Problem('malformed_request', issue ? whatIsWrong(issue, member, value) : 'it has the wrong format', {
    member,
  });
}

function whatIsWrong(issue: z.core.$ZodIssue, member: string, value: unknown): string {
  const name = member === '' ? 'the body' : `"${member}"`;
  if (issue.code === 'unrecognized_keys') return `unknown field ${name}`;
  const given = issue.path.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown>)?.[step], value);
  if (given === undefined) return `${name} is missing`;
  if (issue.code === 'too_big') return `${name} is over the limit, ${issue.maximum}`;
  if (issue.code === 'too_small') return `${name} is below the limit, ${issue.minimum}`;
  return `${name} has the wrong format`;
}

/** The query of a list. `pageSize` is a maximum; `pageToken` is opaque (google.aip.dev/158). */
export const PageQuery = z.strictObject({
  pageSize: z._default(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(100)), 100),
  pageToken: z.optional(z.string().check(z.maxLength(1024))),
});

/** The page that the query of a list asks for. */
export const pageOf = ({ pageSize, pageToken }: z.output<typeof PageQuery>) => ({
  size: pageSize,
  after: pageToken ?? null,
});

/** The query parameters. Throws Problem `malformed_request` for one that is wrong or unknown. */
export const readQuery = <T extends z.ZodMiniType>(event: APIGatewayProxyEventV2, schema: T): z.output<T> =>
  checked(schema, event.queryStringParameters ?? {});

/** The ARN of the person that signed the request; API Gateway has checked the signature. `npm start` takes unsigned requests. */
export function callerOf(event: APIGatewayProxyEventV2): string {
  const context = event.requestContext as { authorizer?: { iam?: { userArn?: string } } } | undefined;
  return context?.authorizer?.iam?.userArn ?? 'local';
}

/** The token of an `Authorization: Bearer` header (RFC 6750, section 2.1). */
export function readBearer(event: APIGatewayProxyEventV2): string {
  const [scheme, token, ...rest] = (event.headers.authorization ?? '').split(' ');
  if (scheme?.toLowerCase() !== 'bearer' || !token || rest.length > 0) {
    throw new Problem('malformed_jws', 'the request carries no bearer token', {});
  }
  return token;
}
