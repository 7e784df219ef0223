import type { Outcome } from '#shared/domain/cloud/transition.ts';
import type { Instance, InstanceKey } from '#shared/domain/instance/instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import type { Store } from '../ports.ts';

/** Ten other writers of one instance within one attempt means that something loops. */
const attempts = 10;

export interface Merged {
  outcome: Outcome;
  before: Instance | undefined;
}

/**
 * Merges an observation into a record until no other writer comes between: whoever loses gets what stands there and
 * merges again. Nothing is written where the merge says that nothing changed.
 */
export async function saveMerged(
  store: Store,
  current: Instance | undefined,
  merge: (current: Instance | undefined) => Outcome | undefined,
): Promise<Merged | undefined> {
  let before = current;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const outcome = merge(before);
    if (!outcome?.changed) return outcome && { outcome, before };
    const saved = await store.saveInstance(before, outcome.instance);
    if (saved.saved) return { outcome, before };
    before = saved.current;
  }
  throw new Problem('conflict', 'the record kept changing', { attempts });
}

/** The same, starting from what the store holds. */
export async function readAndSaveMerged(
  store: Store,
  key: InstanceKey,
  merge: (current: Instance | undefined) => Outcome | undefined,
): Promise<Merged | undefined> {
  return saveMerged(store, await store.getInstance(key), merge);
}
