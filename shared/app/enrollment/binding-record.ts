import type { Binding } from '#shared/domain/enrollment/binding.ts';
import { defineRecord, eachAlone } from '../records/define-record.ts';

export const bindingRecord = defineRecord<Binding>({
  idOf: ({ agentId }) => agentId,
  place: eachAlone('AGENT'),
});
