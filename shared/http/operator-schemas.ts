import * as z from 'zod/mini';
import { proofKinds } from '#protocol/enrollment.ts';
import { isAccount, isInstanceId, isRegion } from '#shared/domain/cloud/notification.ts';
import { attachmentOutcomes } from '#shared/domain/enrollment/attachment.ts';
import { type Instant, parseTime } from '#shared/domain/time.ts';

const account = z.string().check(z.regex(/^\d{12}$/));
const region = z.string().check(z.regex(/^[a-z]{2,4}(?:-[a-z]+)+-\d$/));
const time = z.pipe(
  z.string().check(z.refine((text) => parseTime(text) !== undefined, 'is no RFC 3339 time')),
  z.transform((text): Instant => parseTime(text) ?? 0),
);
const few = <T extends z.ZodMiniType>(item: T) => z._default(z.array(item).check(z.maxLength(50)), []);

/** EC2's tag restrictions (AWSEC2/latest/UserGuide/Using_Tags.html): fifty of them, of plain characters. */
const tagText = (least: number, most: number) =>
  z.string().check(z.minLength(least), z.maxLength(most), z.regex(/^[\p{L}\p{N}\p{Zs}_.:/=+@-]*$/u));

/** The closed set of fields that a launch may ask EC2 for (DESIGN 8). */
const LaunchRequestBody = z.strictObject({
  imageId: z.string().check(z.regex(/^ami-(?:[0-9a-f]{8}|[0-9a-f]{17})$/)),
  instanceType: z.string().check(z.regex(/^[a-z0-9-]{1,20}\.[a-z0-9-]{1,20}$/)),
  subnetId: z._default(z.nullable(z.string().check(z.regex(/^subnet-[0-9a-f]{8,17}$/))), null),
  securityGroupIds: few(z.string().check(z.regex(/^sg-[0-9a-f]{8,17}$/))),
  instanceProfileArn: z._default(
    z.nullable(z.string().check(z.regex(/^arn:aws[a-z-]*:iam::\d{12}:instance-profile\/[\w+=,.@/-]{1,512}$/))),
    null,
  ),
  keyName: z._default(z.nullable(z.string().check(z.minLength(1), z.maxLength(255))), null),
  hopLimit: z._default(z.int().check(z.minimum(1), z.maximum(64)), 1),
  tags: z._default(
    z
      .record(tagText(1, 128).check(z.regex(/^(?!aws:|__proto__$)/)), tagText(0, 256))
      .check(z.refine((tags) => Object.keys(tags).length <= 50, 'are more than fifty')),
    {},
  ),
});

export const ServerBody = z.strictObject({
  name: z.string().check(z.regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,62}$/u)),
  account,
  region,
  request: LaunchRequestBody,
});

/** The window is for instances that start late, not for a key that never ends: a day. */
const longestWindowSeconds = 86_400;

/** Whom an enrollment key is for. Tags of AWS's own, `aws:…`, may be asked for, though nobody may write them. */
const ScopeBody = z.strictObject({
  accounts: few(account),
  regions: few(region),
  images: few(z.string().check(z.regex(/^ami-[0-9a-f]{8,17}$/))),
  vpcs: few(z.string().check(z.regex(/^vpc-[0-9a-f]{8,17}$/))),
  instanceIds: few(z.string().check(z.refine(isInstanceId, 'is no instance id'))),
  roles: few(
    z
      .string()
      .check(z.regex(/^(?:arn:aws[a-z-]*:iam::\d{12}:instance-profile\/[\w+=,.@/-]{1,640}|[\w+=,.@-]{1,128})$/)),
  ),
  tags: z._default(
    z
      .record(tagText(1, 128).check(z.regex(/^(?!__proto__$)/)), tagText(0, 256))
      .check(z.refine((tags) => Object.keys(tags).length <= 50, 'are more than fifty')),
    {},
  ),
  proofKinds: few(z.enum(proofKinds)),
  windowSeconds: z._default(z.nullable(z.int().check(z.minimum(60), z.maximum(longestWindowSeconds))), null),
  attachments: few(z.enum(attachmentOutcomes)),
});

/** 32 bytes in base64url. */
const bytes32 = z.string().check(z.regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/));

/** The key that is to come, by exactly one of two: its thumbprint, or a grant of which Muster gets the public half. */
export const ReenrollBody = z.strictObject({ agentId: z.optional(bytes32), publicKey: z.optional(bytes32) }).check(
  z.refine(({ agentId, publicKey }) => (agentId === undefined) !== (publicKey === undefined), {
    error: 'is one of two, agentId or publicKey',
    path: ['agentId'],
  }),
);

/** An enrollment key's public half; the seed stays where the operator sits. */
export const KeyBody = z.strictObject({
  publicKey: bytes32,
  scope: z.prefault(ScopeBody, {}),
  expiresAt: z._default(z.nullable(time), null),
  uses: z._default(z.nullable(z.int().check(z.minimum(1), z.maximum(1_000_000))), null),
});

export const InstancePath = z.object({
  account: z.string().check(z.refine(isAccount, 'is not twelve digits')),
  region: z.string().check(z.refine(isRegion, 'is no region')),
  id: z.string().check(z.refine(isInstanceId, 'is no instance id')),
});
export const PairPath = z.pick(InstancePath, { account: true, region: true });
export const IdPath = z.object({ id: z.string().check(z.regex(/^[a-z]{3}_[0-9a-z]{1,64}$/)) });
