import * as z from 'zod/mini';
import { Problem } from '#shared/domain/problems.ts';
import { formatTime } from '#shared/domain/time.ts';
import { answer, type Shown, time } from '../answer.ts';
import { account, region } from '../id-schemas.ts';
import type { Store } from '../ports.ts';

/** The removal that the next complete sweep carries out. */
export const ReleasedRemoval = answer(
  'ReleasedRemoval',
  z.object({ account, region, withheldSince: time, released: z.boolean() }),
);

/**
 * Lets the next complete sweep end the instances that a mass removal withheld ("absence is not death",
 * docs/design/merging.md). Throws Problem `not_found` if no removal is withheld.
 */
export async function releaseRemoval(
  account: string,
  region: string,
  { store }: { store: Pick<Store, 'getPair' | 'savePair'> },
): Promise<Shown<typeof ReleasedRemoval>> {
  const pair = await store.getPair(account, region);
  if (!pair?.withheld)
    throw new Problem('not_found', 'no removal is withheld in this account and region', { account, region });
  await store.savePair({ ...pair, withheld: { ...pair.withheld, released: true } });
  return { account, region, withheldSince: formatTime(pair.withheld.since), released: true };
}
