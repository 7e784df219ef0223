import type { DescribedLaunch, Launch, LaunchRequest } from '#shared/domain/launch/launch.ts';
import { newServer, type Server } from '#shared/domain/server/server.ts';
import { aKey, aSight, clock } from './an-instance.ts';
import { launchNamed, request } from './records.ts';

export const aRequest: LaunchRequest = { ...request, instanceType: 't4g.small', securityGroupIds: [], tags: {} };

/** Asked for at 10:00:00, for two servers, unanswered. */
export const aLaunch = (overrides: Partial<Launch> = {}): Launch =>
  launchNamed('lch_1', {
    request: aRequest,
    servers: [
      { serverId: 'srv_1', generation: 1 },
      { serverId: 'srv_2', generation: 1 },
    ],
    version: 1,
    ...overrides,
  });

/** An instance that fits `aLaunch`. */
export function aLaunchedSight(overrides: Partial<DescribedLaunch> = {}): DescribedLaunch {
  const { imageId, instanceType, subnetId } = aRequest;
  return { ...aSight(), clientToken: 'mst-lch_1', amiLaunchIndex: 0, imageId, instanceType, subnetId, ...overrides };
}

export function aServer(overrides: Partial<Server> = {}): Server {
  const { account, region } = aKey;
  return { ...newServer({ id: 'srv_1', name: 'web-1', account, region }, clock('09:59:00')), ...overrides };
}
