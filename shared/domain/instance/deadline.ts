import { type Outcome, unchanged } from '../cloud/transition.ts';
import { type Instant, seconds } from '../time.ts';
import type { Timing } from '../timing.ts';
import { type Instance, withManagement } from './instance.ts';

/**
 * When a running instance without an enrollment becomes discovered-only (docs/design/deadlines.md, "enrollment deadline"): the deadline after the later of
 * "running began in this epoch" and "the record was made". Null where time alone changes nothing.
 */
export function enrollmentDeadline(instance: Instance, timing: Timing): Instant | null {
  if (
    instance.management.status !== 'pending' ||
    instance.cloud.state !== 'running' ||
    instance.cloud.runningAt === null
  )
    return null;
  return Math.max(instance.cloud.runningAt, instance.management.notBefore) + seconds(timing.enrollmentDeadlineSeconds);
}

/** The passing of time: the one observation that fires deadlines. */
export function mergeTime(current: Instance, now: Instant, timing: Timing): Outcome {
  const deadline = enrollmentDeadline(current, timing);
  if (deadline === null || deadline > now) return unchanged(current);
  const instance = withManagement(current, { status: 'discovered-only', reason: 'deadline_passed', since: now });
  return { instance, changed: true, needsDescribe: false };
}
