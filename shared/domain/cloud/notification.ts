import { isAccount, isInstanceId, isRegion } from '../ids.ts';
import { type InstanceKey, isEc2State } from '../instance/instance.ts';
import { type Instant, parseTime } from '../time.ts';
import type { StateChange } from './merge-event.ts';

/** What an EventBridge notification says, or why it says nothing that counts. */
export type Notification =
  | { kind: 'state'; change: StateChange }
  | { kind: 'prediction'; keys: readonly InstanceKey[]; what: string; at: Instant }
  | {
      kind: 'ignored';
      why: 'not_an_event' | 'unknown_detail_type' | 'unknown_state' | 'malformed_field' | 'resources_disagree';
    };

const predictions: ReadonlyMap<unknown, string> = new Map([
  ['EC2 Spot Instance Interruption Warning', 'spot_interruption'],
  ['EC2 Instance Rebalance Recommendation', 'rebalance_recommendation'],
]);

const healthEvent = 'AWS Health Event';

/** AWS Health's types of scheduled changes of instances, by how they begin. */
const scheduledChanges: readonly [prefix: string, what: string][] = [
  ['AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED', 'scheduled_retirement'],
  ['AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED', 'scheduled_retirement'],
  ['AWS_EC2_INSTANCE_STOP_SCHEDULED', 'scheduled_stop'],
  ['AWS_EC2_INSTANCE_REBOOT_', 'scheduled_reboot'],
];

/** The `source` that an event of this detail type must have. In a rehearsal all events have the rehearsal's source. */
export const sourceOfType = (detailType: unknown, eventSource: string): string =>
  detailType === healthEvent && eventSource === 'aws.ec2' ? 'aws.health' : eventSource;

/**
 * Reads an EventBridge notification of EC2's (monitoring-instance-state-changes.html). It counts only if its one
 * resource agrees with account, region and id: whoever can write a body could else name another account's instance.
 */
export function readNotification(json: unknown, receivedAt: Instant): Notification {
  if (!isObject(json) || !isObject(json.detail)) return { kind: 'ignored', why: 'not_an_event' };
  const type = json['detail-type'];
  if (type === healthEvent) return readHealthEvent(json, json.detail);
  const what = predictions.get(type);
  if (type !== 'EC2 Instance State-change Notification' && !what)
    return { kind: 'ignored', why: 'unknown_detail_type' };
  const { account, region, id } = json;
  const instanceId = json.detail['instance-id'];
  const at = parseTime(json.time);
  if (!isAccount(account) || !isRegion(region) || !isInstanceId(instanceId) || at === undefined || !isEventId(id)) {
    return { kind: 'ignored', why: 'malformed_field' };
  }
  const key = { account, region, instanceId };
  if (!resourcesAgree(json.resources, key, what !== undefined)) return { kind: 'ignored', why: 'resources_disagree' };
  if (what) return { kind: 'prediction', keys: [key], what, at };
  const state = json.detail.state;
  if (!isEc2State(state)) return { kind: 'ignored', why: 'unknown_state' };
  return { kind: 'state', change: { ...key, id, state, at, receivedAt } };
}

/** AWS Health may name several instances, as `affectedEntities` and as `resources`. Both must agree. */
function readHealthEvent(json: Record<string, unknown>, detail: Record<string, unknown>): Notification {
  const { service, eventTypeCategory, eventTypeCode, affectedEntities } = detail;
  const what = scheduledChanges.find(
    ([prefix]) => typeof eventTypeCode === 'string' && eventTypeCode.startsWith(prefix),
  );
  if (service !== 'EC2' || eventTypeCategory !== 'scheduledChange' || !what) {
    return { kind: 'ignored', why: 'unknown_detail_type' };
  }
  const { account, region, id, resources } = json;
  const at = parseTime(json.time);
  const named = Array.isArray(affectedEntities) ? affectedEntities.map((it) => isObject(it) && it.entityValue) : [];
  if (!isAccount(account) || !isRegion(region) || at === undefined || !isEventId(id) || !named.every(isInstanceId)) {
    return { kind: 'ignored', why: 'malformed_field' };
  }
  const listed = Array.isArray(resources) ? resources : [];
  if (
    named.length === 0 ||
    named.length !== listed.length ||
    !named.every((instanceId) => listed.includes(instanceId))
  ) {
    return { kind: 'ignored', why: 'resources_disagree' };
  }
  return { kind: 'prediction', keys: named.map((instanceId) => ({ account, region, instanceId })), what: what[1], at };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isEventId = (id: unknown): id is string => typeof id === 'string' && id.length > 0 && id.length <= 128;

/**
 * `arn:<partition>:ec2:<region>:<account>:instance/<id>`; a spot warning's names the zone and no account
 * (AWSEC2/latest/UserGuide/spot-instance-termination-notices.html).
 */
function resourcesAgree(resources: unknown, key: InstanceKey, isWarning: boolean): boolean {
  if (!Array.isArray(resources) || resources.length !== 1 || typeof resources[0] !== 'string') return false;
  const arn = /^arn:aws(?:-[a-z]+)*:ec2:([a-z0-9-]+):(?:(\d{12}):)?instance\/(.+)$/.exec(resources[0]);
  if (!arn) return false;
  const [, place, account, instanceId] = arn;
  const whole = place === key.region && account === key.account;
  const zonal = isWarning && account === undefined && place?.slice(0, -1) === key.region;
  return (whole || zonal) && instanceId === key.instanceId;
}
