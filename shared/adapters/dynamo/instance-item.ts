import { instanceRecord, readInstanceId } from '#shared/app/instance/record.ts';
import { enrollmentDeadline } from '#shared/domain/instance/deadline.ts';
import { ec2States, type Instance, type InstanceKey, keyOf, newInstance } from '#shared/domain/instance/instance.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { dueShard, instanceItemKey } from './keys.ts';
import { fromItem, type Item, keyOfItem, toItem } from './table.ts';

type Field = Exclude<keyof Instance, keyof InstanceKey>;

/**
 * The attributes' names where they differ from the record's. A write is billed by the whole item, names included, and
 * an event's must cost one unit: the fattest item stays under 1 KB only with what follows.
 */
const shortNames: { [F in Field]?: string } = {
  epochNamed: 'named',
  stoppedAt: 'stopped',
  runningAt: 'running',
  seenAt: 'seen',
  failedStart: 'failed',
  prediction: 'warning',
  managementReason: 'reason',
  managementSince: 'since',
  serverId: 'server',
  launchId: 'launch',
  surplusSince: 'surplus',
};
export const attributeOf = (field: Field): string => shortNames[field] ?? field;

/** Members that are kept as lists, in this order: their names would cost more than what they hold. */
const listed: { [F in Field]?: readonly string[] } = {
  verify: ['reason', 'since'],
  absent: ['seenAt', 'since'],
  failedStart: ['at', 'reason'],
  prediction: ['what', 'at'],
  agent: ['id', 'version', 'bootId', 'enrolledAt', 'state', 'stateAt'],
  conflict: ['reason', 'since'],
  reenroll: ['by', 'until', 'replaces', 'proof'],
  attempt: ['at', 'code', 'reference'],
};

/** `running@1793613600#1a2b3c4` is kept as `1@1793613600#1a2b3c4`, the state by its rank. */
export function packEntry(entry: string): string {
  const end = entry.indexOf('@');
  return (ec2States as readonly string[]).indexOf(entry.slice(0, end)) + entry.slice(end);
}
const unpackEntry = (packed: string): string => ec2States[Number(packed[0])] + packed.slice(1);

function pack(field: string, value: unknown): unknown {
  if (field === 'ledger') return (value as Instance['ledger']).map(packEntry);
  const members = listed[field as Field];
  if (members && value !== null) return members.map((member) => (value as Record<string, unknown>)[member]);
  return value === false ? null : value;
}

function unpack(field: string, packed: unknown): unknown {
  if (field === 'ledger') return (packed as string[]).map(unpackEntry);
  const members = listed[field as Field];
  return members ? Object.fromEntries(members.map((member, i) => [member, (packed as unknown[])[i]])) : packed;
}

/** Fields as attributes; null stands for an attribute that is not there, and so does false. */
export function instanceAttributes(fields: Partial<Instance>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([field]) => field !== 'account' && field !== 'region' && field !== 'instanceId')
      .map(([field, value]) => [attributeOf(field as Field), pack(field, value)]),
  );
}

/** How `due` is written: of one length, so that times sort as text. The index carries the item's key by itself. */
export const dueOf = (deadline: Instant): string => new Date(deadline).toISOString();

/** TTL's unit is seconds (amazondynamodb/latest/developerguide/TTL.html). */
export const expiryAfter = (from: Instant, keptSeconds: number): number =>
  Math.ceil((from + seconds(keptSeconds)) / 1000);

/**
 * The item of an instance. `dueShard` says that it waits for an enrollment, `due` when that wait ends: only both put
 * it into the index, so an update that needs no read may set `due` without knowing whether anything waits.
 */
export function toInstanceItem(instance: Instance, timing: Timing): Item {
  const deadline = enrollmentDeadline(instance, timing);
  const attributes = {
    ...instanceItemKey(instance),
    kind: 'instance',
    ...instanceAttributes(instance),
    dueShard: instance.management === 'pending' ? dueShard(keyOf(instance)) : null,
    due: deadline === null ? null : dueOf(deadline),
    expiresAt:
      instance.state === 'terminated'
        ? expiryAfter(instance.at ?? instance.notBefore, timing.keepTerminatedSeconds)
        : null,
  };
  return toItem(Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null)));
}

/** The record that an item of the instance kind holds; also what a stream's image holds. Throws on any other item. */
export function fromInstanceItem(item: Item): Instance {
  const key = readInstanceId(instanceRecord.place.idOf(keyOfItem(item)) ?? '');
  if (!key) throw new Error(`${item.pk?.S} ${item.sk?.S} is no instance's item`);
  const attributes: Record<string, unknown> = fromItem(item);
  const blank = newInstance(key, 0);
  const fields = Object.keys(blank).flatMap((field) => {
    const packed = attributes[attributeOf(field as Field)];
    return packed === undefined ? [] : [[field, unpack(field, packed)]];
  });
  return { ...blank, ...Object.fromEntries(fields) };
}
