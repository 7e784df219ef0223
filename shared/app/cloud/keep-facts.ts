import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import type { Ec2State } from '#shared/domain/instance/instance.ts';
import { seconds } from '#shared/domain/time.ts';
import { digestOfFacts } from '../instance/facts-digest.ts';
import type { KnownFacts, Store } from '../ports.ts';

/** What is known for so long is written again, so that it does not expire while its instance lives (shared/adapters/dynamo/items.ts). */
const renewedAfterSeconds = 30 * 86_400;

/**
 * Writes what describe says of an instance where it is not known yet, or would expire; when it was said last is not worth a write. EC2 takes
 * addresses and more from an instance that has terminated: what was known before says more, and costs no write.
 */
export async function keepFacts(
  state: Ec2State,
  facts: InstanceFacts,
  known: KnownFacts | undefined,
  store: Pick<Store, 'putFacts'>,
): Promise<void> {
  if (known && state === 'terminated') return;
  const isSame = known?.digest === digestOfFacts(facts);
  if (!isSame || known.describedAt + seconds(renewedAfterSeconds) < facts.describedAt) await store.putFacts(facts);
}
