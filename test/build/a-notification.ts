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

/** AWS Health's event about the same instance: it is to be retired ten days later. */
export function aHealthEvent(detail: object = {}, overrides: object = {}): Record<string, unknown> {
  return aNotification({
    'detail-type': 'AWS Health Event',
    source: 'aws.health',
    resources: [aKey.instanceId],
    detail: {
      service: 'EC2',
      eventTypeCategory: 'scheduledChange',
      eventTypeCode: 'AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED',
      startTime: 'Thu, 12 Nov 2026 22:00:00 GMT',
      affectedEntities: [{ entityValue: aKey.instanceId }],
      ...detail,
    },
    ...overrides,
  });
}
