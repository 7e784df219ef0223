import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import * as z from 'zod/mini';
import type { enrollmentMediaType } from '#protocol/enrollment.ts';
import type { CheckinPorts } from '#shared/app/agent/check-in.ts';
import type { Shown } from '#shared/app/answer.ts';
import type { EnrollPorts } from '#shared/app/enrollment/enroll-instance.ts';
import type { ChangePorts, Ec2Ports, ReadPorts } from '#shared/app/operator-ports.ts';
import type { Act } from '#shared/domain/act.ts';
import { Problem, type ProblemCode } from '#shared/domain/problems.ts';
import type { Instant } from '#shared/domain/time.ts';
import { type HttpAnswer, jsonAnswer } from './problem.ts';
import { Why } from './reason.ts';
import { callerOf, checked, readBearer, readBody, readJson, readQuery } from './request.ts';

/** What a route needs, by the function that serves it: each function's role allows that and no more. */
export interface PortsOf {
  operatorApi: ReadPorts;
  operatorChange: ChangePorts;
  operatorEc2: Ec2Ports;
  enroll: EnrollPorts;
  checkin: CheckinPorts;
}
export type ApiFunction = keyof PortsOf;

/** Who may call a route: agents prove themselves to Muster; IAM checks people, by the group that their policy allows. */
type Group = 'agent' | 'reader' | 'operator' | 'designer' | 'administrator';

type ObjectSchema = z.ZodMiniObject;
const nothing = z.strictObject({});
type Nothing = typeof nothing;

/** A request, checked. */
interface Request<Path extends z.ZodMiniType, Query extends z.ZodMiniType, Body extends z.ZodMiniType> {
  path: z.output<Path>;
  query: z.output<Query>;
  body: z.output<Body>;
  /** The body as it came. */
  bytes: Buffer;
  /** The token of the `Authorization` header; empty unless the route asks for one. */
  token: string;
  /** Who asks for a change, why, and by which request. */
  act: Act;
}

/** The methods that routes have. */
export const methods = ['GET', 'POST', 'DELETE'] as const;

interface Definition<
  F extends ApiFunction,
  Answer extends z.ZodMiniType,
  Path extends ObjectSchema,
  Query extends ObjectSchema,
  Body extends z.ZodMiniType,
> {
  method: (typeof methods)[number];
  /** With `{name}` for each path parameter. */
  path: string;
  operationId: string;
  /** One line, without a full stop. */
  summary: string;
  group: Group;
  /** The Lambda function that serves the route. */
  function: F;
  pathParameters?: Path;
  query?: Query;
  /**
   * JSON of this schema, or the text of a compact JWS if `mediaType` says so. An operator's POST without one may have a body with the
   * reason alone, and an operator's DELETE has it in the query: a body of a DELETE has no meaning (RFC 9110, 9.3.5).
   */
  body?: Body;
  mediaType?: 'application/json' | typeof enrollmentMediaType;
  /** True if the request carries a token that the agent's key signed. */
  token?: boolean;
  status: 200 | 201 | 202;
  answer: Answer;
  /** What the route can refuse, beside what `problemsOf` adds for each route of its kind. */
  problems: readonly ProblemCode[];
  run: (request: Request<Path, Query, Body>, now: Instant, ports: PortsOf[F]) => Promise<Shown<Answer>>;
  /** What the log line of a change says beside who asked for which action and why, and the path: records that only body or answer name. */
  logs?: (request: Request<Path, Query, Body>, answer: Shown<Answer>) => Fields;
}

type Fields = Readonly<Record<string, unknown>>;

/** Told of each request that changed something: who, what, on which record, and why if the request says so. */
export type Changed = (line: Fields) => void;

/** A route as functions serve it, and as the OpenAPI document describes it. */
export interface Route<F extends ApiFunction = ApiFunction>
  extends Omit<Definition<F, z.ZodMiniType, ObjectSchema, ObjectSchema, z.ZodMiniType>, 'run' | 'logs'> {
  /** A request without a body is one with an empty object. */
  bodyOptional: boolean;
  /** Answers a request that API Gateway sent to this route. Throws a Problem. */
  serve(event: APIGatewayProxyEventV2, now: Instant, ports: PortsOf[F], changed?: Changed): Promise<HttpAnswer>;
}

/** Declares a route. Unknown members of query and body are refused. */
export function defineRoute<
  F extends ApiFunction,
  Answer extends z.ZodMiniType,
  Path extends ObjectSchema = Nothing,
  Query extends ObjectSchema = Nothing,
  Body extends z.ZodMiniType = Nothing,
>({ run, logs, ...route }: Definition<F, Answer, Path, Query, Body>): Route<F> {
  const { method, operationId, pathParameters, mediaType = 'application/json', token, status } = route;
  const isChange = method !== 'GET' && route.group !== 'agent';
  const body = route.body ?? (isChange && method === 'POST' ? Why : undefined);
  const query = route.query ?? (isChange && method === 'DELETE' ? Why : nothing);
  const bodyOptional = body !== route.body;
  return {
    ...route,
    ...(body && { body }),
    ...(query !== nothing && { query }),
    bodyOptional,
    async serve(event, now, ports, changed) {
      const signed = token ? readBearer(event) : '';
      const isEmpty = bodyOptional && !event.body;
      const bytes = body && !isEmpty ? readBody(event, mediaType) : Buffer.alloc(0);
      const parts = {
        path: checked(pathParameters ?? z.object({}), event.pathParameters ?? {}),
        query: readQuery(event, query),
        body: isEmpty
          ? {}
          : body && (mediaType === 'application/json' ? readJson(bytes, body) : bytes.toString('latin1')),
        ...{ bytes, token: signed },
      };
      const act = actOf(event, parts);
      // Absent schemas have the type of the empty object, which nothing reads
      const request = { ...parts, act } as Request<Path, Query, Body>;
      const answer = await run(request, now, ports);
      if (isChange) changed?.({ ...lineOf(act, operationId, parts.path), ...logs?.(request, answer) });
      return jsonAnswer(status, answer);
    },
  };
}

/** Who, why, and the request's id: API Gateway's own, which its log and the answer's header have too. */
function actOf(event: APIGatewayProxyEventV2, { query, body }: { query: unknown; body: unknown }): Act {
  const { reason = null } = { ...(query as Partial<Act>), ...(body as Partial<Act>) };
  return { who: callerOf(event), reason, requestId: event.requestContext.requestId };
}

const lineOf = ({ who: by, reason, requestId }: Act, action: string, path: unknown): Fields => ({
  ...{ by, action, ...(path as Fields), ...(reason !== null && { reason }), requestId },
});

/** All that a route can refuse, each code once. */
export function problemsOf({ body, token, problems }: Route): ProblemCode[] {
  const ofBody: ProblemCode[] = body ? ['body_too_large', 'unsupported_media_type'] : [];
  const ofToken: ProblemCode[] = token ? ['malformed_jws'] : [];
  return [...new Set<ProblemCode>(['malformed_request', 'internal', ...ofBody, ...ofToken, ...problems])];
}

/** `/v1/servers/{id}` as a pattern for a request's path. */
export const pathPattern = (path: string): RegExp => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);

/** Routes as @middy/http-router takes them. A function answers `wrong_function` for the route of another. */
export function served<F extends ApiFunction>(
  own: F,
  routes: readonly Route[],
  now: () => Instant,
  ports: () => PortsOf[F],
  changed: Changed,
) {
  return routes.map((route) => ({
    method: route.method,
    path: route.path,
    handler: async (event: APIGatewayProxyEventV2) => {
      if (isOf(route, own)) return route.serve(event, now(), ports(), changed);
      throw new Problem('wrong_function', `the function ${route.function} serves this route`, {
        function: route.function,
      });
    },
  }));
}

const isOf = <F extends ApiFunction>(route: Route, own: F): route is Route<F> => route.function === own;
