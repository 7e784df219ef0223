import { conflictReasons, ec2States } from '../instance/instance.ts';
import type { DetailType } from './events.ts';

type Schema = Readonly<Record<string, unknown>>;

interface Field {
  /** JSON Schema, draft 2020-12. */
  schema: Schema;
  meaning: string;
  /** The field is there only where it has something to say. */
  optional?: true;
}

/** What one type of event means, and what its `data` holds: all of it, but for the optional fields; what is not known is null. */
export interface CataloguedEvent {
  meaning: string;
  fields: Readonly<Record<string, Field>>;
}

const text: Schema = { type: 'string' };
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });

const time = (meaning: string): Field => ({ schema: { type: 'string', format: 'date-time' }, meaning });
const oneOf = (words: readonly string[], meaning: string): Field => ({ schema: { enum: words }, meaning });

/** The words of `effectiveState` (server.ts): the cloud's while the instance does not run, else the agent's or Muster's own. */
const serverStates = [
  'inactive',
  ...ec2States.filter((state) => state !== 'running' && state !== 'terminated'),
  'unknown',
  'booting',
  'operational',
  'stranded in booting',
  'decommissioning',
  'decommissioned',
];

const everywhere = {
  account: { schema: { type: 'string', pattern: '^[0-9]{12}$' }, meaning: 'The AWS account of the instance.' },
  region: { schema: text, meaning: 'The Region of the instance.' },
  instanceId: { schema: { type: 'string', pattern: '^i-[0-9a-f]+$' }, meaning: 'The instance.' },
  serverId: { schema: orNull(text), meaning: 'The server that the instance is attached to, or null.' },
  sequence: {
    schema: { type: 'integer', minimum: 0 },
    meaning: 'Grows with each event of the instance. Order events by it, never by their stamps.',
  },
} as const satisfies Record<string, Field>;

/** Every event that Muster tells. docs/events.md is made from this table, and tests hold what is sent against it. */
export const eventCatalogue: Readonly<Record<DetailType, CataloguedEvent>> = {
  'Instance State Changed': {
    meaning: 'EC2 moved the instance to another state, or Muster found that it had.',
    fields: {
      ...everywhere,
      state: oneOf(ec2States, 'The new state, in EC2’s word.'),
      at: time(
        'When it happened, by EC2’s stamp where there is one; else the earliest time at which it can have happened.',
      ),
      inferred: {
        schema: { type: 'boolean' },
        meaning: 'True if EC2 never said so: two complete sweeps missed the instance. A later sight undoes it.',
      },
      late: {
        schema: { const: true },
        meaning:
          'True if Muster learned of this transition after a later one. The instance is no longer in this state: keep the state of the event with the highest `sequence` that is not late.',
        optional: true,
      },
    },
  },
  'Instance Enrolled': {
    meaning: 'An agent proved that it runs on the instance, and its key is bound to it.',
    fields: {
      ...everywhere,
      reason: oneOf(['launched', 'enrollment_key', 'adopted'], 'What allowed it: the launch, a key, or an operator.'),
      agentId: { schema: text, meaning: 'The agent: the RFC 7638 thumbprint of its key.' },
      replaces: {
        schema: orNull(text),
        meaning: 'The agent whose place it took, by rotation of its key or by re-enrollment; null for the first.',
      },
      at: time('When the enrollment was accepted.'),
    },
  },
  'Instance Identity Conflict': {
    meaning:
      'Two machines speak with one agent’s key: a disk was cloned or restored, or the key was copied. Neither counts until an operator re-enrolls the instance.',
    fields: {
      ...everywhere,
      agentId: { schema: text, meaning: 'The agent whose key it is.' },
      reason: oneOf(
        conflictReasons,
        'How it was seen: a check-in that does not continue the last one, a check-in in another instance’s name, or one with the key of before a rotation.',
      ),
      at: time('When it was seen.'),
    },
  },
  'Instance Discovered-Only': {
    meaning: 'The instance has no agent that Muster may trust, and nobody waits for one any more.',
    fields: {
      ...everywhere,
      reason: oneOf(
        ['deadline_passed', 'released', 'blocked'],
        'Nobody enrolled in time, or an operator ended the binding.',
      ),
      at: time('When it became so.'),
      by: {
        schema: {
          type: 'object',
          properties: { who: text, reason: orNull(text), requestId: text },
          required: ['who', 'reason', 'requestId'],
          additionalProperties: false,
        },
        meaning:
          'The operator who ended the binding: their ARN, the reason that they gave or null, and the id of the request.',
        optional: true,
      },
    },
  },
  'Instance Start Failed': {
    meaning:
      'A start ended and `running` was never seen. It is told once more when EC2 names the reason. A late `running` withdraws it without an event of its own.',
    fields: {
      ...everywhere,
      reason: { schema: text, meaning: 'EC2’s StateReason code, or `unknown` until EC2 names one.' },
      at: time('When the start ended.'),
    },
  },
  'Instance Surplus': {
    meaning: 'A launch made the instance, but its server has moved on. It keeps running: decide whether it may.',
    fields: {
      ...everywhere,
      launchId: { schema: orNull(text), meaning: 'The launch that made it.' },
      at: time('When EC2’s answer showed it.'),
    },
  },
  'Agent Silent': {
    meaning:
      'The agent of a running instance has said nothing for four check-in intervals and 20 seconds. A sweep notices it, so this comes up to a sweep period later. It is told once for each silence; a stop of the instance does not end it.',
    fields: {
      ...everywhere,
      agentId: { schema: text, meaning: 'The agent: the RFC 7638 thumbprint of its key.' },
      silentSince: time('Its last word.'),
    },
  },
  'Agent Heard': {
    meaning:
      'An agent that was told as silent checks in again. A sweep notices it, so this comes up to a sweep period later.',
    fields: {
      ...everywhere,
      agentId: { schema: text, meaning: 'The agent: the RFC 7638 thumbprint of its key.' },
      silentSince: time('Its last word before the silence, as the event about the silence has it.'),
    },
  },
  'Server State Changed': {
    meaning: 'The one word for a server changed. `account`, `region` and `instanceId` are its instance’s.',
    fields: {
      ...everywhere,
      serverId: { schema: text, meaning: 'The server.' },
      state: oneOf(serverStates, 'The new word.'),
      previousState: { schema: orNull({ enum: serverStates }), meaning: 'The word before; null for the first.' },
      at: time('When, by EC2’s stamp or by when Muster heard of it.'),
    },
  },
  'Enrollment Key Expiring': {
    meaning:
      'An enrollment key ends in a week, or in a day. Register another and put it in use before; then revoke this one.',
    fields: {
      keyId: { schema: text, meaning: 'The key.' },
      sequence: { schema: { type: 'integer', minimum: 0 }, meaning: 'Grows with each event of the key.' },
      expiresAt: time('When it ends: from then on it enrolls nobody.'),
      createdBy: { schema: text, meaning: 'Who registered it.' },
      lastUsedAt: {
        schema: orNull({ type: 'string', format: 'date-time' }),
        meaning: 'When somebody last enrolled with it, or null. A minute late at most.',
      },
      lastUsedBy: { schema: orNull(text), meaning: 'The instance that did, or null.' },
      at: time('When this warning was due and given.'),
    },
  },
};

/** The JSON Schema of an event's `detail`. Consumers must bear members that are not listed: more may come. */
export function detailSchema(detailType: DetailType): Schema {
  const { fields } = eventCatalogue[detailType];
  const data = Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema]));
  const required = Object.keys(fields).filter((name) => !fields[name]?.optional);
  return object({ meta, data: { ...object(data), required } });
}

const object = (properties: Record<string, Schema>): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
});

/** What every event says of itself (app/publish-changes.ts). */
const meta = object({
  id: { type: 'string', pattern: '^evt_[0-9a-f]{32}$' },
  version: { const: 1 },
  time: { type: 'string', format: 'date-time' },
  stage: text,
});
