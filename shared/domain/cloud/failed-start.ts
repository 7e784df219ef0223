import { type Ec2State, type Instance, withCloud } from '../instance/instance.ts';
import { waitingFor } from './transition.ts';

/** EC2's StateReason names why a start failed; some codes tell of a failed start that no event told of. */
export function nameFailure(next: Instance, sight: { state: Ec2State; stateReason: string | null }): Instance {
  const code = sight.stateReason;
  if (!code || (sight.state !== 'stopped' && sight.state !== 'terminated' && sight.state !== 'shutting-down'))
    return next;
  const { failedStart, runningAt, at } = next.cloud;
  if (failedStart?.reason === code) return next;
  if (failedStart) return withCloud(next, { failedStart: { ...failedStart, reason: code } });
  if (runningAt !== null || !launchFailures.has(code) || at === null) return next;
  const failed = withCloud(next, { failedStart: { at, reason: code } });
  return failed.management.status === 'pending' ? waitingFor(failed, 'start_failed', at) : failed;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html, as far as they end a start. */
const launchFailures = new Set([
  'Server.InsufficientInstanceCapacity',
  'Server.InternalError',
  'Client.InternalError',
  'Client.InvalidSnapshot.NotFound',
  'Client.VolumeLimitExceeded',
]);
