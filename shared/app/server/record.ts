import type { Server } from '#shared/domain/server/server.ts';
import { defineRecord, inOneList } from '../records/define-record.ts';

export const serverRecord = defineRecord<Server>({
  idOf: ({ id }) => id,
  place: inOneList('SERVERS'),
});
