import type { Ec2State } from '#shared/domain/instance/instance.ts';
import { formatTime } from '#shared/domain/time.ts';
import { wholeSecond } from './lifecycle.ts';
import { partitionOf, type SimulatedInstance, type Transition } from './simulated-instance.ts';

/** The EventBridge event of one transition: AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html */
export interface StateChangeEvent {
  version: '0';
  id: string;
  'detail-type': 'EC2 Instance State-change Notification';
  source: string;
  account: string;
  /** Whole seconds. */
  time: string;
  region: string;
  resources: [string];
  detail: { 'instance-id': string; state: Ec2State };
}

export function stateChangeEvent(
  instance: SimulatedInstance,
  transition: Transition,
  id: string,
  source: string,
): StateChangeEvent {
  const { account, region, instanceId } = instance;
  return {
    version: '0',
    id,
    'detail-type': 'EC2 Instance State-change Notification',
    source,
    account,
    time: formatTime(wholeSecond(transition.at)),
    region,
    resources: [`arn:${partitionOf(region)}:ec2:${region}:${account}:instance/${instanceId}`],
    detail: { 'instance-id': instanceId, state: transition.state },
  };
}
