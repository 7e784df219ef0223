import type { Condition } from '../condition.ts';
import { type InstanceCondition, instanceConditions } from '../instance/conditions.ts';
import type { Instance } from '../instance/instance.ts';
import type { Server } from './server.ts';

/** The conditions of a server: whether it was launched, and those of its current instance, if it has one. */
export const serverConditions = (
  server: Server,
  instance: Instance | null,
): (Condition<'Launched'> | InstanceCondition)[] => [
  launchedCondition(server, instance),
  ...(instance ? instanceConditions(instance) : []),
];

function launchedCondition({ launchId, launchState }: Server, instance: Instance | null): Condition<'Launched'> {
  const launched = { type: 'Launched', since: null, facts: { launchId } } as const;
  if (instance) return { ...launched, status: 'true', reason: 'instance_attached', since: instance.cloud.epoch };
  if (launchState === 'requested') return { ...launched, status: 'unknown', reason: 'launch_requested' };
  return { ...launched, status: 'false', reason: launchState ?? 'never_launched' };
}
