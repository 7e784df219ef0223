import { isAccount, isInstanceId, isRegion } from '../ids.ts';
import { type InstanceKey, isEc2State } from '../instance/instance.ts';
import { type Instant, parseTime } from '../time.ts';
import type { StateChange } from './merge-event.ts';

/** What an EventBridge notification says, or why it says nothing that counts. */
export type Notification =
  | { kind: 'state'; change: StateChange }
  | { kind: 'prediction'; key: InstanceKey; what: string; at: Instant }
  | {
      kind: 'ignored';
      why: 'not_an_event' | 'unknown_detail_type' | 'unknown_state' | 'malformed_field' | 'resources_disagree';
    };

const predictions: ReadonlyMap<unknown, string> = new Map([
  ['EC2 Spot Instance Interruption Warning', 'spot_interruption'],
  ['EC2 Instance Rebalance Recommendation', 'rebalance_recommendation'],
]);

/**
 * Reads an EventBridge notification of EC2's (monitoring-instance-state-changes.html). It counts only if its one
 * resource agrees with account, region and id: whoever can write a body could else name another account's instance.
 */
export function readNotification(json: unknown, receivedAt: Instant): Notification {
  if (!isObject(json) || !isObject(json.detail)) return { kind: 'ignored', why: 'not_an_event' };
  const type = json['detail-type'];
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
  if (what) return { kind: 'prediction', key, what, at };
  const state = json.detail.state;
  if (!isEc2State(state)) return { kind: 'ignored', why: 'unknown_state' };
  return { kind: 'state', change: { ...key, id, state, at, receivedAt } };
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
