import { describe } from 'vitest';
import type { Store } from '#shared/app/ports.ts';
import { dueContract } from './due.ts';
import { firstTryContract } from './first-try.ts';
import { listingContract } from './listings.ts';
import { recordContract } from './records-contract.ts';
import { transactionContract } from './transactions.ts';

export type MakeStore = () => Promise<Store>;

/** What every Store does, whatever it keeps its records in. Each test makes a store of its own. */
export function storeContract(name: string, makeStore: MakeStore, cases: { ofFirstTries: number }): void {
  describe(`the store in ${name}`, () => {
    recordContract(makeStore);
    firstTryContract(makeStore, cases.ofFirstTries);
    transactionContract(makeStore);
    dueContract(makeStore);
    listingContract(makeStore);
  });
}
