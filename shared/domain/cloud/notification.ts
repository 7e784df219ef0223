import { isAccount, isInstanceId, isRegion } from '../ids.ts';
import { type InstanceKey, isEc2State, type WarningKind } from '../instance/instance.ts';
import { type Instant, parseTime, seconds } from '../time.ts';
import { type HealthNotification, healthDetailType, readHealthEvent } from './health-event.ts';
import type { StateChange } from './merge-event.ts';

/** What an EventBridge notification says, or why it says nothing that counts. */
export type Notification =
  | { kind: 'state'; change: StateChange }
  | HealthNotification
  | {
      kind: 'ignored';
      why: 'not_an_event' | 'unknown_detail_type' | 'unknown_state' | 'malformed_field' | 'resources_disagree';
    };

const warnings: ReadonlyMap<unknown, WarningKind> = new Map([
  ['EC2 Spot Instance Interruption Warning', 'spot_interruption'],
  ['EC2 Capacity Reservation Instance Interruption Warning', 'capacity_block_interruption'],
  ['EC2 Instance Rebalance Recommendation', 'rebalance_recommendation'],
]);

/**
 * The `source` that a notification of this detail type must have. AWS Health's is `aws.health` wherever EC2's is `aws.ec2`; in a
 * rehearsal everything comes from the rehearsal's own source, because nobody but AWS may put events as `aws.…`.
 */
export const sourceOfType = (detailType: unknown, eventSource: string): string =>
  detailType === healthDetailType && eventSource === 'aws.ec2' ? 'aws.health' : eventSource;

/**
 * Reads an EventBridge notification of EC2's (AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html) or of AWS Health's.
 * One of EC2's counts only if its one resource agrees with account, region and id: whoever can write a body could else name
 * another account's instance.
 */
export function readNotification(json: unknown, receivedAt: Instant): Notification {
  if (!isObject(json) || !isObject(json.detail)) return { kind: 'ignored', why: 'not_an_event' };
  const type = json['detail-type'];
  if (type === healthDetailType) return readHealthEvent(json, json.detail);
  const warning = warnings.get(type);
  if (type !== 'EC2 Instance State-change Notification' && !warning)
    return { kind: 'ignored', why: 'unknown_detail_type' };
  const { account, region, id } = json;
  const instanceId = json.detail['instance-id'];
  const at = parseTime(json.time);
  if (!isAccount(account) || !isRegion(region) || !isInstanceId(instanceId) || at === undefined || !isEventId(id)) {
    return { kind: 'ignored', why: 'malformed_field' };
  }
  const key = { account, region, instanceId };
  if (!resourcesAgree(json.resources, key, warning !== undefined))
    return { kind: 'ignored', why: 'resources_disagree' };
  if (warning) {
    return {
      kind: 'warning',
      keys: [key],
      warning: { kind: warning, at, deadline: deadlineOf(warning, at, json.detail) },
    };
  }
  const state = json.detail.state;
  if (!isEc2State(state)) return { kind: 'ignored', why: 'unknown_state' };
  return { kind: 'state', change: { ...key, id, state, at, receivedAt } };
}

/**
 * A spot instance is stopped or terminated two minutes after its notice; its hibernation begins at once
 * (AWSEC2/latest/UserGuide/spot-instance-termination-notices.html). A reservation's event tells the time itself
 * (AWSEC2/latest/UserGuide/capacity-blocks-monitor.html).
 */
function deadlineOf(kind: WarningKind, at: Instant, detail: Readonly<Record<string, unknown>>): Instant | null {
  if (kind === 'spot_interruption') return detail['instance-action'] === 'hibernate' ? at : at + seconds(120);
  return parseTime(detail['instance-termination-time']) ?? null;
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
  const [, place = '', account, instanceId] = arn;
  const whole = place === key.region && account === key.account;
  const zonal = isWarning && account === undefined && isZoneOf(place, key.region);
  return (whole || zonal) && instanceId === key.instanceId;
}

/**
 * `us-west-2a`, or `us-west-2-lax-1a` for a Local Zone and `us-east-1-wl1-bos-wlz-1` for a Wavelength Zone
 * (AWSEC2/latest/UserGuide/using-regions-availability-zones.html).
 */
const isZoneOf = (place: string, region: string): boolean =>
  place.startsWith(region) && /^(?:[a-z]|(?:-[a-z0-9]+)+)$/.test(place.slice(region.length));
