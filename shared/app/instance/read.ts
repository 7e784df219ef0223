import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { ReadPorts } from '../operator-ports.ts';
import type { PageRequest } from '../ports.ts';
import { factsView, instanceView } from './view.ts';

type InstancePorts = Pick<ReadPorts, 'store' | 'timing'>;

/** A page of all instances. Not every item has `facts`: those are read for one instance only. */
export async function listInstances(page: PageRequest, now: Instant, { store, timing }: InstancePorts) {
  const { items, next } = await store.listInstances(page);
  const leases = await Promise.all(items.map((instance) => (instance.agent ? store.getLease(instance) : undefined)));
  return {
    items: items.map((instance, index) => instanceView(instance, leases[index], { now, timing })),
    nextPageToken: next,
  };
}

/** One instance, with what EC2 described of it. Throws Problem `not_found`. */
export async function showInstance(key: InstanceKey, now: Instant, { store, timing }: InstancePorts) {
  const [instance, lease, facts] = await Promise.all([
    store.getInstance(key),
    store.getLease(key),
    store.getFacts(key),
  ]);
  if (!instance) throw new Problem('not_found', 'no such instance is on record', { ...key });
  return { ...instanceView(instance, lease, { now, timing }), facts: factsView(facts) };
}
