import type { Restore } from '#shared/domain/agent/restore.ts';
import { defineRecord, eachAlone } from '../records/define-record.ts';

/** The id of the one record of its kind. */
export const restoreId = 'latest';

export const restoreRecord = defineRecord<Restore>({
  idOf: () => restoreId,
  place: eachAlone('RESTORE'),
});
