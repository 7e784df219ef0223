import type { Instance } from '#shared/domain/instance/instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import type { Server } from '#shared/domain/server/server.ts';
import type { PageRequest, Store } from '../ports.ts';
import { serverView } from './view.ts';

interface ServerPorts {
  store: Pick<Store, 'get' | 'list' | 'getInstance'>;
}

/** A page of all servers. */
export async function listServers(page: PageRequest, { store }: ServerPorts) {
  const { items, next } = await store.list('server', page);
  const current = await Promise.all(items.map((server) => currentInstance(server, store)));
  return { items: items.map((server, index) => serverView(server, current[index] ?? null)), nextPageToken: next };
}

/** One server. Throws Problem `not_found`. */
export async function showServer(id: string, { store }: ServerPorts) {
  const { server, instance } = await findServer(id, store);
  return serverView(server, instance);
}

/** A server's record with that of its current instance. Throws Problem `not_found`. */
export async function findServer(
  id: string,
  store: ServerPorts['store'],
): Promise<{ server: Server; instance: Instance | null }> {
  const server = await store.get('server', id);
  if (!server) throw new Problem('not_found', 'no such server is on record', { serverId: id });
  return { server, instance: await currentInstance(server, store) };
}

/** Null where the server has no instance, or where the instance belongs to another server by now. */
async function currentInstance(server: Server, store: ServerPorts['store']): Promise<Instance | null> {
  const instance = server.instance ? await store.getInstance(server.instance) : undefined;
  return instance?.assignment.serverId === server.id ? instance : null;
}
