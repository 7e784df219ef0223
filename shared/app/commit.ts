import { Problem } from '#shared/domain/problems.ts';
import type { Store } from './ports.ts';
import type { RecordChange } from './records/registry.ts';

/** Commits an operator's change. Throws Problem `conflict` with these facts if another request changed a record first. */
export async function commitOrConflict(
  store: Pick<Store, 'commit'>,
  changes: readonly RecordChange[],
  facts: Record<string, string>,
): Promise<void> {
  if (!(await store.commit(changes))) throw new Problem('conflict', 'another request changed the record first', facts);
}
