import * as z from 'zod/mini';
import { proofKinds } from '#protocol/enrollment.ts';
import { KeyAnswer, KeyPage } from '#shared/app/enrollment/key-view.ts';
import { listKeys, registerKey, revokeKey, showKey } from '#shared/app/enrollment/keys.ts';
import { account, instanceId, region } from '#shared/app/id-schemas.ts';
import { attachmentOutcomes } from '#shared/domain/enrollment/attachment.ts';
import { why } from '../reason.ts';
import { PageQuery, pageOf } from '../request.ts';
import { defineRoute } from '../route.ts';
import { bytes32, few, RecordPath, tagsNamed, time } from './parameters.ts';

/** A day: the window is for instances that start late; a key that never ends has no `expiresAt`. */
const longestWindowSeconds = 86_400;

/** The instances that may use an enrollment key. It may ask for tags that only AWS writes, `aws:…`. */
const ScopeBody = z.strictObject({
  accounts: few(account),
  regions: few(region),
  images: few(z.string().check(z.regex(/^ami-[0-9a-f]{8,17}$/))),
  vpcs: few(z.string().check(z.regex(/^vpc-[0-9a-f]{8,17}$/))),
  instanceIds: few(instanceId),
  roles: few(
    z
      .string()
      .check(z.regex(/^(?:arn:aws[a-z-]*:iam::\d{12}:instance-profile\/[\w+=,.@/-]{1,640}|[\w+=,.@-]{1,128})$/)),
  ),
  tags: tagsNamed(/^(?!__proto__$)/),
  proofKinds: few(z.enum(proofKinds)),
  windowSeconds: z._default(z.nullable(z.int().check(z.minimum(60), z.maximum(longestWindowSeconds))), null),
  attachments: few(z.enum(attachmentOutcomes)),
});

/** An enrollment key's public half. The seed never leaves the operator's machine. */
export const KeyBody = z.strictObject({
  publicKey: bytes32,
  scope: z.prefault(ScopeBody, {}),
  expiresAt: z._default(z.nullable(time), null),
  uses: z._default(z.nullable(z.int().check(z.minimum(1), z.maximum(1_000_000))), null),
  ...why,
});

const path = '/v1/enrollment-keys';
const one = { path: `${path}/{id}`, pathParameters: RecordPath, status: 200, answer: KeyAnswer } as const;

export const enrollmentKeyRoutes = [
  defineRoute({
    ...{ method: 'GET', path, operationId: 'listEnrollmentKeys', group: 'reader', function: 'operatorApi' },
    summary: 'List enrollment keys',
    ...{ query: PageQuery, status: 200, answer: KeyPage, problems: [] },
    run: ({ query }, _now, ports) => listKeys(pageOf(query), ports),
  }),
  defineRoute({
    ...{ method: 'POST', path, operationId: 'registerEnrollmentKey' },
    ...{ group: 'administrator', function: 'operatorChange' },
    summary: 'Register an enrollment key’s public half',
    ...{ body: KeyBody, status: 201, answer: KeyAnswer, problems: ['weak_key', 'already_exists'] },
    run: ({ body, act }, now, ports) => registerKey(body, act.who, now, ports),
    logs: (_request, { id }) => ({ id }),
  }),
  defineRoute({
    ...{ ...one, method: 'GET', operationId: 'showEnrollmentKey', group: 'reader', function: 'operatorApi' },
    summary: 'Show one enrollment key',
    problems: ['not_found'],
    run: ({ path }, _now, ports) => showKey(path.id, ports),
  }),
  defineRoute({
    ...{ ...one, method: 'DELETE', operationId: 'revokeEnrollmentKey' },
    ...{ group: 'administrator', function: 'operatorChange' },
    summary: 'Revoke an enrollment key; what it enrolled stays enrolled',
    problems: ['not_found', 'conflict'],
    run: ({ path }, now, ports) => revokeKey(path.id, now, ports),
  }),
];
