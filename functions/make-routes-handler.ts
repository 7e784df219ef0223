import httpRouter from '@middy/http-router';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { callerOf } from '#shared/http/request.ts';
import { type ApiFunction, type PortsOf, type Route, served } from '#shared/http/route.ts';
import { makeApiHandler, type Runtime } from './make-handler.ts';

/**
 * A handler of the routes that name this function. It answers `wrong_function` to a request for another route of the API.
 * Every change leaves a line of the log: who did what to which record. A refused request has a line of its own (make-handler.ts).
 * It has a file of its own, so that functions without a router do not load one.
 */
export const makeRoutesHandler = <F extends ApiFunction>(
  own: F,
  routes: readonly Route[],
  ports: () => PortsOf[F],
  runtime: Runtime,
) => {
  const all = served(own, routes, runtime.now, ports).map(({ handler, ...route }, index) => ({
    ...route,
    handler: async (event: APIGatewayProxyEventV2) => {
      const answer = await handler(event);
      if (route.method !== 'GET') {
        const { requestId } = event.requestContext;
        const what = { action: routes[index]?.operationId, ...event.pathParameters };
        runtime.log.info('change by an operator', { by: callerOf(event), ...what, requestId });
      }
      return answer;
    },
  }));
  return makeApiHandler(httpRouter(all), runtime);
};
