import * as z from 'zod/mini';
import { proofKinds } from '#protocol/enrollment.ts';
import { type Accounts, foreignRegions } from '#shared/domain/account/accounts.ts';
import { attachmentOutcomes } from '#shared/domain/enrollment/attachment.ts';
import { usualLaunchPolicy } from '#shared/domain/enrollment/enrollment-case.ts';
import { accountPattern } from '#shared/domain/ids.ts';
import { defaultTiming, type Timing } from './domain/timing.ts';

const texts = z.array(z.string());
const Account = z.strictObject({
  regions: texts,
  launch: z._default(
    z.strictObject({
      instanceProfileArns: z._default(texts, []),
      subnetIds: z._default(texts, []),
      securityGroupIds: z._default(texts, []),
    }),
    { instanceProfileArns: [], subnetIds: [], securityGroupIds: [] },
  ),
});

/** Which proofs count: anywhere, and for launches. Enrollment keys have scopes of their own. */
const Policy = z.strictObject({
  proofKinds: z.array(z.enum(proofKinds)),
  launch: z._default(
    z.strictObject({
      proofKinds: z._default(z.array(z.enum(proofKinds)), [...usualLaunchPolicy.proofKinds]),
      attachments: z._default(z.array(z.enum(attachmentOutcomes)), [...usualLaunchPolicy.attachments]),
    }),
    { proofKinds: [...usualLaunchPolicy.proofKinds], attachments: [...usualLaunchPolicy.attachments] },
  ),
  /** An instance that has started anew, and proves it with `sts`, may bring another key without an operator. */
  reenrollOnRestart: z._default(z.boolean(), false),
});

const durations = Object.fromEntries(
  Object.entries(defaultTiming).map(([name, value]) => [
    name,
    z.optional(Array.isArray(value) ? z.array(z.number()) : z.number().check(z.nonnegative())),
  ]),
);

/** JSON in a variable. Without a fallback a variable that is missing or empty is an error, as one that is no JSON is. */
const json = <T extends z.ZodMiniType>(schema: T, fallback?: string) =>
  z.pipe(
    z.pipe(
      z._default(z.string(), fallback ?? ''),
      z.transform((text, context) => {
        try {
          return JSON.parse(text === '' ? (fallback ?? '') : text) as unknown;
        } catch {
          context.issues.push({ code: 'custom', message: 'is not JSON', input: text });
          return z.NEVER;
        }
      }),
    ),
    schema,
  );

const text = z.string().check(z.minLength(1));

/** Every variable that a function may need. Each function is given only its own (infra/functions.cjs). */
const variables = {
  STAGE: z._default(text, 'dev'),
  TIMING: json(z.strictObject(durations), '{}'),
  /** The deployment's own Region: Lambda sets it. */
  AWS_REGION: text,
  HOME_ACCOUNT: z.string().check(z.regex(accountPattern)),
  TABLE_NAME: text,
  PRIVATE_TABLE_NAME: text,
  BUS_NAME: text,
  EVENT_SOURCE: text,
  AUDIENCES: z.pipe(
    text,
    z.transform((list) => list.split(',').map((url) => url.trim())),
  ),
  ACCOUNTS: json(z.record(z.string().check(z.regex(accountPattern)), Account), '{}'),
  POLICY: json(Policy),
  EXTRA_ANCHORS: json(z.unknown(), '[]'),
  TEST_ANCHORS: json(z.unknown(), '[]'),
  AWS_ENDPOINT_URL_EC2: z.optional(z.string()),
  VERIFY_QUEUE_URL: text,
  SWEEP_QUEUE_URL: text,
  LAUNCH_QUEUE_URL: text,
  SWEEP_PERIOD_SECONDS: z._default(z.coerce.number().check(z.positive()), 300),
} as const;

type Variables = typeof variables;
type Name = keyof Variables;

/** What every function is given, by its stack or by Lambda. */
const always = ['STAGE', 'TIMING', 'AWS_REGION'] as const;

/** Only the named variables, read and checked; a missing one fails at the first invocation, with all that is wrong at once. */
function readEnvironment<N extends Name>(
  names: readonly N[],
  env: NodeJS.ProcessEnv,
): { [K in N]: z.output<Variables[K]> } {
  const wrong: string[] = [];
  const read = names.map((name) => {
    const result = z.safeParse(variables[name], env[name]);
    if (!result.success) wrong.push(`${name}: ${result.error.issues.map(({ message }) => message).join(', ')}`);
    return [name, result.success ? result.data : undefined];
  });
  const config = Object.fromEntries(read);
  const { ACCOUNTS, AWS_REGION } = config as { ACCOUNTS?: Accounts; AWS_REGION?: string };
  if (ACCOUNTS && AWS_REGION) wrong.push(...foreignRegions(ACCOUNTS, AWS_REGION).map((why) => `ACCOUNTS: ${why}`));
  if (wrong.length > 0) throw new Error(`the environment is not usable: ${wrong.join('; ')}`);
  return Object.freeze(config);
}

/** The only reader of `process.env`. Values are never logged: the environment of a Lambda function holds its role's keys. */
export function readConfig<N extends Name>(
  ...names: N[]
): { [K in N]: z.output<Variables[K]> } & { stage: string; timing: Timing; region: string } {
  const { STAGE, TIMING, AWS_REGION, ...rest } = readEnvironment([...names, ...always], process.env);
  const timing = Object.freeze({ ...defaultTiming, ...TIMING }) as Timing;
  const config = { ...(rest as { [K in N]: z.output<Variables[K]> }), STAGE, TIMING, AWS_REGION };
  return { ...config, stage: STAGE, timing, region: AWS_REGION };
}

/** Time limits of a call of an AWS service, in milliseconds, as the SDK's clients take them for `requestHandler`. */
export interface CallLimits {
  connectionTimeout: number;
  requestTimeout: number;
  throwOnRequestTimeout: true;
}

/** An answer takes tens of milliseconds. A page of a sweep's listing has up to 1,000 instances, and takes longer. */
const limits = { connect: 1000, request: 5000, page: 20_000 };
/** What answers in AWS's place on this machine shares its processors with all else, so Muster waits this many times as long. */
const localPatience = 10;
const localEndpoint = /^https?:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?(?:\/|$)/;

/** The limits of a call, or of a page of a sweep's listing. The SDK tries a call that passed them again, as any that failed on its way. */
export function readCallLimits(what: 'request' | 'page' = 'request'): CallLimits {
  const isLocal = Object.entries(process.env).some(
    ([name, url]) => name.startsWith('AWS_ENDPOINT_URL') && localEndpoint.test(url ?? ''),
  );
  const times = isLocal ? localPatience : 1;
  return {
    connectionTimeout: limits.connect * times,
    requestTimeout: limits[what] * times,
    throwOnRequestTimeout: true,
  };
}
