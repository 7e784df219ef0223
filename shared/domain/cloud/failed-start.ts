import type { Ec2State, Instance } from '../instance/instance.ts';
import { reason } from './transition.ts';

/** EC2's StateReason names why a start failed; some codes tell of a failed start that no event told of. */
export function nameFailure(next: Instance, sight: { state: Ec2State; stateReason: string | null }): Instance {
  const code = sight.stateReason;
  if (!code || (sight.state !== 'stopped' && sight.state !== 'terminated' && sight.state !== 'shutting-down'))
    return next;
  if (next.failedStart)
    return next.failedStart.reason === code ? next : { ...next, failedStart: { ...next.failedStart, reason: code } };
  if (next.runningAt !== null || !launchFailures.has(code) || next.at === null) return next;
  const failed = { ...next, failedStart: { at: next.at, reason: code } };
  return failed.management === 'pending' ? reason(failed, 'start_failed', next.at) : failed;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html, as far as they end a start. */
const launchFailures = new Set([
  'Server.InsufficientInstanceCapacity',
  'Server.InternalError',
  'Client.InternalError',
  'Client.InvalidSnapshot.NotFound',
  'Client.VolumeLimitExceeded',
]);
