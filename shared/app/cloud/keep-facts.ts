import { isDeepStrictEqual } from 'node:util';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import type { Store } from '../ports.ts';

/** Writes what describe says of an instance where it is not known yet; when it was said last is not worth a write. */
export async function keepFacts(
  facts: InstanceFacts,
  known: InstanceFacts | undefined,
  store: Pick<Store, 'putFacts'>,
): Promise<void> {
  // By value: a store need not give the members back in the order in which it got them.
  if (!known || !isDeepStrictEqual({ ...known, describedAt: 0 }, { ...facts, describedAt: 0 }))
    await store.putFacts(facts);
}
