import { type Launch, launchDeadline, nextNudge } from '#shared/domain/launch/launch.ts';
import { defineRecord, eachAlone } from '../records/define-record.ts';

/** A launch that waits for EC2's answer is due until it has one: its message may be lost. */
export const launchRecord = defineRecord<Launch>({
  idOf: ({ id }) => id,
  place: eachAlone('LAUNCH'),
  dueAt: launchDeadline,
  onDue(launch, now, timing) {
    const deadline = launchDeadline(launch, timing);
    if (deadline === null || deadline > now) return { next: deadline };
    return { launchId: launch.id, next: nextNudge(launch, now, timing) };
  },
});
