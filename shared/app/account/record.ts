import type { Account } from '#shared/domain/account/account.ts';
import { defineRecord, inOneList } from '../records/define-record.ts';

export const accountRecord = defineRecord<Account>({
  idOf: ({ account }) => account,
  place: inOneList('ACCOUNTS'),
});
