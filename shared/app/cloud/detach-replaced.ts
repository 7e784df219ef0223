import type { Instance } from '#shared/domain/instance/instance.ts';
import { markSurplus } from '#shared/domain/launch/launch.ts';
import { sameInstance } from '#shared/domain/server/server.ts';
import type { Store } from '../ports.ts';
import { readAndSaveMerged } from './save-merged.ts';

/**
 * Detaches an instance that came back after its end, if its server has another instance by now: it is surplus
 * (docs/design/merging.md, "termination absorbs"). Safe to repeat.
 */
export async function detachReplaced(instance: Instance, store: Store): Promise<void> {
  const { serverId } = instance.assignment;
  if (serverId === null) return;
  const server = await store.get('server', serverId);
  if (!server?.instance || sameInstance(server.instance, instance)) return;
  await readAndSaveMerged(store, instance, (current) => {
    if (current?.assignment.serverId !== serverId) return undefined;
    return { instance: markSurplus(current, current.cloud.at ?? 0), changed: true, needsDescribe: false };
  });
}
