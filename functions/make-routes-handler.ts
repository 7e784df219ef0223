import httpRouter from '@middy/http-router';
import { type ApiFunction, type PortsOf, type Route, served } from '#shared/http/route.ts';
import { makeApiHandler, type Runtime } from './make-handler.ts';

/**
 * A handler of the routes that name this function. It answers `wrong_function` to a request for another route of the API.
 * Every change leaves a line of the log. A refused request has a line of its own (make-handler.ts).
 * It has a file of its own, so that functions without a router do not load one.
 */
export const makeRoutesHandler = <F extends ApiFunction>(
  own: F,
  routes: readonly Route[],
  ports: () => PortsOf[F],
  runtime: Runtime,
) => {
  const changed = (line: Readonly<Record<string, unknown>>) => runtime.log.info('change by an operator', line);
  return makeApiHandler(httpRouter(served(own, routes, runtime.now, ports, changed)), runtime);
};
