import type { Accounts } from '../account/accounts.ts';
import { requireAction } from '../actions.ts';
import type { Instance } from '../instance/instance.ts';
import { Problem } from '../problems.ts';
import { serverActions } from '../server/actions.ts';
import { newServer, type Server } from '../server/server.ts';
import type { Instant } from '../time.ts';
import type { Launch, LaunchRequest } from './launch.ts';
import { requireAllowedLaunch } from './launch-policy.ts';

/** What an operator gives for a new server. */
export interface WantedServer {
  name: string;
  account: string;
  region: string;
  request: LaunchRequest;
}

/** The record of a server that was never launched. Throws what `requireAllowedLaunch` throws. */
export function planServer(id: string, wanted: WantedServer, now: Instant, accounts: Accounts): Server {
  const { name, account, region, request } = wanted;
  requireAllowedLaunch(request, wanted, accounts);
  return { ...newServer({ id, name, account, region }, now), request };
}

/**
 * The records of a launch that an operator asks for: the launch with its frozen request, and the server that waits for it.
 * `instance` is the server's current one. Throws Problem `server_busy`, `not_launchable`, or what `requireAllowedLaunch` throws.
 */
export function planLaunch(
  server: Server,
  instance: Instance | null,
  { launchId, grantPublicKey, accounts }: { launchId: string; grantPublicKey: string; accounts: Accounts },
  now: Instant,
): { launch: Launch; server: Server } {
  requireAction(serverActions(server, instance).launch, { serverId: server.id });
  const { id, account, region, request } = server;
  if (!request) throw new Problem('not_launchable', 'the server has no launch request', { serverId: id });
  requireAllowedLaunch(request, server, accounts);
  const generation = server.generation + 1;
  return {
    launch: {
      ...{ id: launchId, account, region, request, servers: [{ serverId: id, generation }], grantPublicKey },
      ...{ state: 'requested', instances: [], requestedAt: now, answeredAt: null, failure: null, version: 0 },
    },
    server: { ...server, generation, launchId, launchState: 'requested' },
  };
}
