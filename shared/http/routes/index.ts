import type { ApiFunction, Route } from '../route.ts';
import { pathPattern } from '../route.ts';
import { accountRegionRoutes } from './account-regions.ts';
import { checkinRoute } from './checkin.ts';
import { enrollRoute } from './enroll.ts';
import { enrollmentKeyRoutes } from './enrollment-keys.ts';
import { instanceRoutes } from './instances.ts';
import { openApiRoute } from './openapi.ts';
import { restoreRoutes } from './restore.ts';
import { serverRoutes } from './servers.ts';

/** What people ask. */
export const operatorRoutes: readonly Route[] = [
  openApiRoute(() => allRoutes),
  ...instanceRoutes,
  ...serverRoutes,
  ...enrollmentKeyRoutes,
  ...accountRegionRoutes,
  ...restoreRoutes,
];

/** Every route of the API. */
export const allRoutes: readonly Route[] = [enrollRoute, checkinRoute, ...operatorRoutes];

/** A route of API Gateway's. A person signs a request to it unless `signed` is false. */
export interface GatewayRoute {
  method: Route['method'];
  path: string;
  function: ApiFunction;
  signed: boolean;
}

const everyPath = '/v1/{proxy+}';

/** One function answers all other requests of a method, so that Muster itself refuses a path that does not exist. */
const byMethod: readonly GatewayRoute[] = [
  { method: 'GET', path: everyPath, function: 'operatorApi', signed: true },
  { method: 'POST', path: everyPath, function: 'operatorChange', signed: true },
  { method: 'DELETE', path: everyPath, function: 'operatorChange', signed: true },
];

/**
 * What API Gateway is told: a route of its own for each path that another function serves than the rest of its method.
 * The most specific route wins (apigateway/latest/developerguide/http-api-develop-routes.html).
 */
export const gatewayRoutes: readonly GatewayRoute[] = [
  ...allRoutes
    .filter((route) => byMethod.every((rest) => rest.method !== route.method || rest.function !== route.function))
    .map(({ method, path, function: name, group }) => ({ method, path, function: name, signed: group !== 'agent' })),
  ...byMethod,
];

/** The route that API Gateway takes for a request. */
export const gatewayRouteFor = (method: string, path: string): GatewayRoute | undefined =>
  gatewayRoutes.find(
    (route) =>
      route.method === method &&
      (route.path === everyPath ? path.startsWith('/v1/') : pathPattern(route.path).test(path)),
  );
