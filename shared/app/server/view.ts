import * as z from 'zod/mini';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { serverActions } from '#shared/domain/server/actions.ts';
import { serverConditions } from '#shared/domain/server/conditions.ts';
import { effectiveState, type Server } from '#shared/domain/server/server.ts';
import { formatTime, formatTimeOrNull as timeOrNull } from '#shared/domain/time.ts';
import { actions, answer, pageOf, type Shown, text, time } from '../answer.ts';
import { account, instanceId, region } from '../id-schemas.ts';

const InstanceKeyAnswer = z.object({ account, region, instanceId });

/** A server as the API shows it. `state` is the one word that docs/design/words.md explains. */
export const ServerAnswer = answer(
  'Server',
  z.object({
    id: text,
    name: text,
    account,
    region,
    state: text,
    instance: z.nullable(InstanceKeyAnswer),
    generation: z.int(),
    launch: z.nullable(z.object({ id: text, state: z.nullable(text) })),
    pastInstances: z.array(InstanceKeyAnswer),
    createdAt: time,
    conditions: z.array(
      z.object({ type: text, status: z.enum(['true', 'false', 'unknown']), reason: text, since: z.nullable(time) }),
    ),
    actions,
  }),
);
export const ServerPage = answer('ServerPage', pageOf(ServerAnswer));

/** A server as the API shows it. `instance` is its current one's record. */
export function serverView(server: Server, instance: Instance | null): Shown<typeof ServerAnswer> {
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
    conditions: serverConditions(server, instance).map(({ type, status, reason, since }) => ({
      type,
      status,
      reason,
      since: timeOrNull(since),
    })),
    actions: serverActions(server, instance),
  };
}
