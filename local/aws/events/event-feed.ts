import type { Clock } from '../../clock.ts';
import type { Ec2Region } from '../ec2/region.ts';
import type { StateChangeEvent } from '../ec2/state-change-event.ts';

/** An instance's tag that says what becomes of EC2's events about it, for a demonstration of what may go wrong. */
export const feedTag = 'muster-demo-events';
const lateMs = 9000;

/** EC2's hand-over to the bus is best effort: here it fails for the instances that ask for it. */
export function eventFeed(
  region: () => Ec2Region,
  clock: Clock,
  emit: (event: StateChangeEvent) => void,
): (event: StateChangeEvent) => void {
  return (event) => {
    const { account, region: name } = event;
    const instance = region().instance({ account, region: name, instanceId: event.detail['instance-id'] });
    const fault = instance?.tags.find(({ key }) => key === feedTag)?.value;
    if (fault === 'lost') return;
    if (fault === 'late') clock.after(lateMs, () => emit(event));
    else emit(event);
    if (fault === 'twice') emit(event);
  };
}
