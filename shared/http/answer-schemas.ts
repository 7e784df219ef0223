import { proofKinds } from '#protocol/enrollment.ts';
import { attachmentOutcomes } from '#shared/domain/enrollment/attachment.ts';
import { conflictReasons, ec2States } from '#shared/domain/instance/instance.ts';
import { problems } from '#shared/domain/problems.ts';

type Schema = Record<string, unknown>;

const text: Schema = { type: 'string' };
const time: Schema = { type: 'string', format: 'date-time' };
const flag: Schema = { type: 'boolean' };
const whole: Schema = { type: 'integer' };
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
const list = (items: Schema): Schema => ({ type: 'array', items });
const record = (properties: Record<string, Schema>, optional: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
const page = (name: string): Schema =>
  record({ items: list({ $ref: `#/components/schemas/${name}` }), nextPageToken: orNull(text) });

const instanceKey = record({ account: text, region: text, instanceId: text });
const actions: Schema = {
  type: 'object',
  additionalProperties: record({ allowed: flag, code: text }, ['code']),
};

/** What the API answers with; a test holds real answers against these schemas. */
export const answerSchemas: Record<string, Schema> = {
  Instance: record(
    {
      account: text,
      region: text,
      instanceId: text,
      state: { enum: [...ec2States, 'unknown'] },
      epoch: orNull(time),
      at: orNull(time),
      management: { enum: ['pending', 'enrolled', 'discovered-only'] },
      managementSince: orNull(time),
      managementReason: text,
      serverId: orNull(text),
      agent: orNull(record({ id: text, version: text, state: orNull(text), lastSeenAt: time, silent: flag })),
      conflict: orNull(record({ reason: { enum: conflictReasons }, since: time })),
      reenrollment: orNull(record({ agentId: orNull(text), keyId: orNull(text), replaces: orNull(text), until: time })),
      verify: orNull(record({ reason: text, since: time })),
      inferred: flag,
      failedStart: orNull(record({ reason: text, at: time })),
      surplusSince: orNull(time),
      prediction: orNull(record({ what: text, at: time })),
      refusedAttempt: orNull(record({ code: text, reference: text, at: time })),
      actions,
      facts: orNull({ type: 'object' }),
    },
    ['facts'],
  ),
  InstancePage: page('Instance'),
  Server: record({
    id: text,
    name: text,
    account: text,
    region: text,
    state: text,
    instance: orNull(instanceKey),
    generation: whole,
    launch: orNull(record({ id: text, state: orNull(text) })),
    pastInstances: list(instanceKey),
    createdAt: time,
    conditions: list(
      record({ type: text, status: { enum: ['true', 'false', 'unknown'] }, reason: text, since: orNull(time) }),
    ),
    actions,
  }),
  ServerPage: page('Server'),
  EnrollmentKey: record({
    id: text,
    publicKey: text,
    scope: record({
      accounts: list(text),
      regions: list(text),
      images: list(text),
      vpcs: list(text),
      instanceIds: list(text),
      roles: list(text),
      tags: { type: 'object', additionalProperties: text },
      proofKinds: list({ enum: proofKinds }),
      windowSeconds: orNull(whole),
      attachments: list({ enum: attachmentOutcomes }),
    }),
    expiresAt: orNull(time),
    usesLeft: orNull(whole),
    revokedAt: orNull(time),
    createdAt: time,
    createdBy: text,
    lastUsedAt: orNull(time),
    lastUsedBy: orNull(text),
  }),
  EnrollmentKeyPage: page('EnrollmentKey'),
  HistoryEntry: record({ id: text, detailType: text, detail: { type: 'object' } }),
  HistoryPage: page('HistoryEntry'),
  ReleasedRemoval: record({ account: text, region: text, withheldSince: time, released: flag }),
  Enrollment: record({
    agentId: text,
    serverId: orNull(text),
    checkinUrl: text,
    checkinIntervalSeconds: { type: 'number' },
  }),
  Checkin: record({
    nextCheckinSeconds: { type: 'number' },
    link: { enum: ['taken', 'open'] },
    tasks: list({ type: 'object' }),
  }),
  // The facts of one refusal are members of their own (RFC 9457, section 3.2).
  Problem: {
    ...record(
      {
        type: text,
        title: text,
        status: whole,
        detail: text,
        code: { enum: Object.keys(problems) },
        todo: text,
        reference: text,
        retryAfterSeconds: { type: 'number' },
      },
      ['reference', 'retryAfterSeconds'],
    ),
    additionalProperties: true,
  },
};
