import type { DescribeAnswer, Describer, PairRecord, Store } from '#shared/app/ports.ts';

/** All pages of a listing in one. */
export async function describeAll(ec2: Describer, account: string, region: string): Promise<DescribeAnswer> {
  const pages = await Array.fromAsync(ec2.describePages(account, region));
  return {
    sentAt: pages[0]!.sentAt,
    found: pages.flatMap(({ found }) => found),
    unreadableIds: pages.flatMap(({ unreadableIds }) => unreadableIds),
  };
}

/** All records of a pair. */
export const readPair = (
  store: Store,
  { account, region }: { account: string; region: string },
  endedBefore: number | null = null,
): Promise<PairRecord[]> => Array.fromAsync(store.readPair(account, region, endedBefore));
