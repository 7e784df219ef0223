import { isAccount, isInstanceId, isRegion } from '../ids.ts';
import type { InstanceKey, WarningKind } from '../instance/instance.ts';
import { type Instant, parseHttpTime, parseTime } from '../time.ts';
import type { Warning } from './warnings.ts';

/** What an event of AWS Health's says, or why it says nothing that counts. It may warn of several instances at once. */
export type HealthNotification =
  | { kind: 'warning'; keys: readonly InstanceKey[]; warning: Warning }
  | { kind: 'ignored'; why: 'no_scheduled_change' | 'malformed_field' | 'resources_disagree' | 'no_instance' };

type Json = Readonly<Record<string, unknown>>;

/** Of AWS Health's events Muster reads EC2's scheduled changes (health/latest/ug/aws-health-events-eventbridge-schema.html). */
export const healthDetailType = 'AWS Health Event';

/**
 * By a word in `eventTypeCode`, the first that fits: AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED, AWS_EC2_INSTANCE_STOP_SCHEDULED,
 * AWS_EC2_INSTANCE_REBOOT_MAINTENANCE_SCHEDULED, AWS_EC2_INSTANCE_NETWORK_MAINTENANCE_SCHEDULED and others like them
 * (AWSEC2/latest/UserGuide/monitoring-instances-status-check_sched.html has the kinds).
 */
const kinds: readonly (readonly [word: RegExp, WarningKind])[] = [
  [/_(?:RETIREMENT|TERMINATION)(?:_|$)/, 'scheduled_retirement'],
  [/_STOP(?:_|$)/, 'scheduled_stop'],
  [/_REBOOT(?:_|$)/, 'scheduled_reboot'],
  [/_MAINTENANCE(?:_|$)/, 'scheduled_maintenance'],
];

/**
 * Reads an event of AWS Health's. It warns of the instances that both `affectedEntities` and `resources` name. They are in the Region of
 * `eventRegion`: `region` is where the event was delivered, and AWS delivers a second copy elsewhere. A copy for an organization's
 * management account names another account's instances, and does not count: that account has its own.
 */
export function readHealthEvent(json: Json, detail: Json): HealthNotification {
  const kind = kindOf(detail);
  if (!kind) return { kind: 'ignored', why: 'no_scheduled_change' };
  const { account } = json;
  const region = detail.eventRegion ?? json.region;
  const at = parseTime(json.time);
  if (!isAccount(account) || !isRegion(region) || at === undefined) return { kind: 'ignored', why: 'malformed_field' };
  if ((detail.affectedAccount ?? account) !== account) return { kind: 'ignored', why: 'resources_disagree' };
  const entities = listOf(detail.affectedEntities).map((entity) => (entity as Json | null)?.entityValue);
  const named = [...new Set(entities.map(instanceIdIn))].filter((id) => id !== undefined);
  if (named.length === 0) return { kind: 'ignored', why: 'no_instance' };
  const listed = new Set(listOf(json.resources).map(instanceIdIn));
  if (!named.every((id) => listed.has(id))) return { kind: 'ignored', why: 'resources_disagree' };
  const warning = { kind, at, deadline: timeOf(detail.startTime) };
  return { kind: 'warning', keys: named.map((instanceId) => ({ account, region, instanceId })), warning };
}

/** A change that is over or was called off is `closed`, and warns of nothing. */
function kindOf({ service, eventTypeCategory, eventTypeCode, statusCode }: Json): WarningKind | undefined {
  if (service !== 'EC2' || eventTypeCategory !== 'scheduledChange' || statusCode === 'closed') return undefined;
  return kinds.find(([word]) => word.test(String(eventTypeCode)))?.[1];
}

const timeOf = (text: unknown): Instant | null => parseHttpTime(text) ?? parseTime(text) ?? null;

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** AWS Health names an instance by its bare id, or by its ARN. Other things, such as hosts, are none. */
function instanceIdIn(name: unknown): string | undefined {
  const id =
    typeof name === 'string' ? name.replace(/^arn:aws[a-z-]*:ec2:[a-z0-9-]+:\d{12}:instance\//, '') : undefined;
  return isInstanceId(id) ? id : undefined;
}
