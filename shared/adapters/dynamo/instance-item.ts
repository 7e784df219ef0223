import { instanceRecord, readInstanceId } from '#shared/app/instance/record.ts';
import { enrollmentDeadline } from '#shared/domain/instance/deadline.ts';
import {
  type Agent,
  type CloudRecord,
  ec2States,
  type Instance,
  keyOf,
  newInstance,
} from '#shared/domain/instance/instance.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { dueShard, instanceItemKey } from './keys.ts';
import { packWarnings, unpackWarnings } from './pack-warnings.ts';
import { fromItem, type Item, keyOfItem, toItem } from './table.ts';

/**
 * Which attribute of the item holds which field. DynamoDB bills a write by the size of the whole item, names included, and
 * a write for an event must cost one unit. The biggest item stays under 1 KB only with names as short as these.
 */
const attributes = {
  cloud: {
    state: 'state',
    at: 'at',
    source: 'source',
    epoch: 'epoch',
    epochNamed: 'named',
    stoppedAt: 'stopped',
    runningAt: 'running',
    seenAt: 'seen',
    verify: 'verify',
    absent: 'absent',
    inferred: 'inferred',
    ledger: 'ledger',
    failedStart: 'failed',
    warnings: 'warn',
  },
  management: { status: 'management', reason: 'reason', since: 'since', notBefore: 'notBefore', act: 'act' },
  assignment: { serverId: 'server', launchId: 'launch', surplusSince: 'surplus' },
  identity: { conflict: 'conflict', reenroll: 'reenroll', refusedAttempt: 'attempt' },
} as const satisfies { [P in Part]: Readonly<Record<keyof Instance[P], string>> };

type Part = 'cloud' | 'management' | 'assignment' | 'identity';
const parts = Object.keys(attributes) as Part[];
const membersOf = (part: Part): [member: string, attribute: string][] => Object.entries(attributes[part]);

/** A field by its path: `cloud.state`. */
export type FieldPath = { [P in Part]: `${P}.${keyof Instance[P] & string}` }[Part];

const attributeByPath = new Map(
  parts.flatMap((part) => membersOf(part).map(([member, attribute]) => [`${part}.${member}`, attribute])),
);
/** The attribute that holds the field. */
export const attributeOf = (field: FieldPath): string => attributeByPath.get(field) as string;

/** Attributes that are kept as lists, their members in this order: the members' names would need more room than the values. */
const listed: Readonly<Record<string, readonly string[]>> = {
  verify: ['reason', 'since'],
  absent: ['seenAt', 'since'],
  failed: ['at', 'reason'],
  agent: ['id', 'version', 'bootId', 'enrolledAt', 'state', 'stateAt', 'silentSince'],
  conflict: ['reason', 'since'],
  reenroll: ['by', 'until', 'replaces', 'proof'],
  attempt: ['at', 'code', 'reference'],
  act: ['who', 'reason', 'requestId'],
};

/** `running@1793613600#1a2b3c4` is kept as `1@1793613600#1a2b3c4`, the state by its rank. */
export function packEntry(entry: string): string {
  const end = entry.indexOf('@');
  return (ec2States as readonly string[]).indexOf(entry.slice(0, end)) + entry.slice(end);
}
const unpackEntry = (packed: string): string => ec2States[Number(packed[0])] + packed.slice(1);

function pack(attribute: string, value: unknown): unknown {
  if (attribute === 'ledger') return (value as readonly string[]).map(packEntry);
  if (attribute === 'warn') return packWarnings(value as Instance['cloud']['warnings']);
  const members = listed[attribute];
  // A member that is missing is the last one: the item holds nothing for it.
  if (members && value !== null)
    return members.map((member) => (value as Record<string, unknown>)[member]).filter((one) => one !== undefined);
  return value === false ? null : value;
}

function unpack(attribute: string, packed: unknown): unknown {
  if (attribute === 'ledger') return (packed as string[]).map(unpackEntry);
  if (attribute === 'warn') return unpackWarnings(packed as string);
  const members = listed[attribute];
  return members ? Object.fromEntries((packed as unknown[]).map((value, i) => [members[i], value])) : packed;
}

/** The attributes of one part, or of some of its members. Null means that the attribute is absent, and so does false. */
function attributesOf<P extends Part>(part: P, members: Partial<Instance[P]>): [string, unknown][] {
  return membersOf(part).flatMap(([member, attribute]) => {
    const value = (members as Readonly<Record<string, unknown>>)[member];
    return value === undefined ? [] : [[attribute, pack(attribute, value)] as const];
  }) as [string, unknown][];
}

/** The attributes for changes of the record's `cloud`. */
export const cloudAttributes = (changes: Partial<CloudRecord>): Record<string, unknown> =>
  Object.fromEntries(attributesOf('cloud', changes));

/** A part as the item holds it: what the item lacks is as in a new record. */
function readPart<P extends Part>(part: P, blank: Instance[P], item: Readonly<Record<string, unknown>>): Instance[P] {
  const known = membersOf(part).flatMap(([member, attribute]) => {
    const packed = item[attribute];
    return packed === undefined ? [] : [[member, unpack(attribute, packed)]];
  });
  return { ...blank, ...Object.fromEntries(known) };
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
  const item = {
    ...instanceItemKey(instance),
    kind: 'instance',
    ...Object.fromEntries(parts.flatMap((part) => attributesOf(part, instance[part]))),
    agent: pack('agent', instance.agent),
    version: instance.version,
    dueShard: instance.management.status === 'pending' ? dueShard(keyOf(instance)) : null,
    due: deadline === null ? null : dueOf(deadline),
    expiresAt:
      instance.cloud.state === 'terminated'
        ? expiryAfter(instance.cloud.at ?? instance.management.notBefore, timing.keepTerminatedSeconds)
        : null,
  };
  return toItem(Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null)));
}

/** The attributes that `fromInstanceItem` reads. */
export const instanceAttributes: readonly string[] = [
  ...['pk', 'sk', 'agent', 'version'],
  ...parts.flatMap((part) => membersOf(part).map(([, attribute]) => attribute)),
];

/** The record that an item of the instance kind holds; also what a stream's image holds. Throws on any other item. */
export function fromInstanceItem(item: Item): Instance {
  const key = readInstanceId(instanceRecord.place.idOf(keyOfItem(item)) ?? '');
  if (!key) throw new Error(`${item.pk?.S} ${item.sk?.S} is no instance's item`);
  const read: Record<string, unknown> = fromItem(item);
  const blank = newInstance(key, 0);
  return {
    ...key,
    cloud: readPart('cloud', blank.cloud, read),
    management: readPart('management', blank.management, read),
    assignment: readPart('assignment', blank.assignment, read),
    agent: read.agent === undefined ? null : (unpack('agent', read.agent) as Agent),
    identity: readPart('identity', blank.identity, read),
    version: Number(read.version ?? 0),
  };
}
