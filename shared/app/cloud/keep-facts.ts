import { isDeepStrictEqual } from 'node:util';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import { seconds } from '#shared/domain/time.ts';
import type { Store } from '../ports.ts';

/** What is known for so long is written again, so that it does not expire while its instance lives (shared/adapters/dynamo/items.ts). */
const renewedAfterSeconds = 30 * 86_400;

/** Writes what describe says of an instance where it is not known yet, or would expire; when it was said last is not worth a write. */
export async function keepFacts(
  facts: InstanceFacts,
  known: InstanceFacts | undefined,
  store: Pick<Store, 'putFacts'>,
): Promise<void> {
  // By value: a store need not give the members back in the order in which it got them.
  const isSame = known && isDeepStrictEqual({ ...known, describedAt: 0 }, { ...facts, describedAt: 0 });
  if (!isSame || known.describedAt + seconds(renewedAfterSeconds) < facts.describedAt) await store.putFacts(facts);
}
