import { aKey } from './an-instance.ts';

/** EC2's notification as EventBridge hands it over; `running` at 10:00:21. */
export function aNotification(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  const { account, region, instanceId } = aKey;
  return {
    version: '0',
    id: '7bf73129-1428-4cd3-a780-95db273d1602',
    'detail-type': 'EC2 Instance State-change Notification',
    source: 'aws.ec2',
    account,
    time: '2026-11-02T10:00:21Z',
    region,
    resources: [`arn:aws:ec2:${region}:${account}:instance/${instanceId}`],
    detail: { 'instance-id': instanceId, state: 'running' },
    ...overrides,
  };
}
