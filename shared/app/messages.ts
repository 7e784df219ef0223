import * as z from 'zod/mini';
import { launchIdPattern } from '#shared/domain/ids.ts';
import { Problem } from '#shared/domain/problems.ts';
import type { SweepMessage } from './cloud/sweep-pairs.ts';
import type { LaunchMessage } from './handle-due.ts';
import { account, instanceId, region } from './id-schemas.ts';
import type { VerifyMessage } from './ports.ts';

const Sweep = z.strictObject({ account, region });
const Verify = z.strictObject({
  account,
  region,
  instanceId,
  attempt: z.int().check(z.minimum(0), z.maximum(10)),
  onlyIfInDoubt: z.optional(z.literal(true)),
  cameBack: z.optional(z.literal(true)),
});
const Launch = z.strictObject({ launchId: z.string().check(z.regex(launchIdPattern)) });

function read<T extends z.ZodMiniType>(schema: T, body: unknown): z.output<T> {
  const result = z.safeParse(schema, body);
  if (result.success) return result.data;
  throw new Problem('malformed_request', 'the message is not of its form', {
    member: result.error.issues[0]?.path.map(String).join('.') ?? '',
  });
}

/** Messages of Muster's own queues are checked like any other input: a queue's policy can be got wrong. */
export const readVerifyMessage = (body: unknown): VerifyMessage => read(Verify, body);
export const readSweepMessage = (body: unknown): SweepMessage => read(Sweep, body);
export const readLaunchMessage = (body: unknown): LaunchMessage => read(Launch, body);
