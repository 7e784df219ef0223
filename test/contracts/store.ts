import { describe } from 'vitest';
import type { MakeStore } from '#test/build/records.ts';
import { besideContract } from './beside.ts';
import { dueContract } from './due.ts';
import { everyKindContract } from './every-kind.ts';
import { firstTryContract } from './first-try.ts';
import { instanceContract } from './instances.ts';
import { keyContract } from './keys.ts';
import { listingContract } from './listings.ts';
import { transactionContract } from './transactions.ts';

/** What every Store does, whatever it keeps its records in. */
export function storeContract(name: string, makeStore: MakeStore, cases: { ofFirstTries: number }): void {
  describe(`the store in ${name}`, () => {
    everyKindContract(makeStore);
    instanceContract(makeStore);
    firstTryContract(makeStore, cases.ofFirstTries);
    transactionContract(makeStore);
    dueContract(makeStore);
    listingContract(makeStore);
    besideContract(makeStore);
    keyContract(makeStore);
  });
}
