import { requireAction } from '#shared/domain/actions.ts';
import { serverActions } from '#shared/domain/server/actions.ts';
import type { Ec2Ports } from '../operator-ports.ts';
import { findServer } from './read.ts';
import { serverView } from './view.ts';

/**
 * Asks EC2 to terminate the server's current instance. The record does not change here: it follows what EC2 says later.
 * Throws Problem `not_found`, `not_running` or `ec2_refused`.
 */
export async function terminateServer(id: string, { store, terminate }: Ec2Ports) {
  const { server, instance } = await findServer(id, store);
  requireAction(serverActions(server, instance).terminate, { serverId: id });
  if (instance) await terminate(instance);
  return serverView(server, instance);
}
