import { serverActions } from '#shared/domain/instance/actions.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { conditionsOf, effectiveState, type Server } from '#shared/domain/server/server.ts';
import { formatTime, formatTimeOrNull as time } from '#shared/domain/time.ts';

/** A server as the API shows it. `instance` is its current one's record. */
export function serverView(server: Server, instance: Instance | null) {
  return {
    id: server.id,
    name: server.name,
    account: server.account,
    region: server.region,
    state: effectiveState(instance),
    instance: server.instance,
    generation: server.generation,
    launch: server.launchId === null ? null : { id: server.launchId, state: server.launchState },
    pastInstances: server.past,
    createdAt: formatTime(server.createdAt),
    conditions: conditionsOf(server, instance).map((condition) => ({ ...condition, since: time(condition.since) })),
    actions: serverActions(server, instance),
  };
}
