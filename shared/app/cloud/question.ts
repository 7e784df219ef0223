import type { Outcome } from '#shared/domain/cloud/transition.ts';
import type { Timing } from '#shared/domain/timing.ts';
import type { VerifyMessage } from '../ports.ts';

/** A question to EC2, and how long it waits in the queue. */
export interface Question {
  message: VerifyMessage;
  delaySeconds: number;
}

/**
 * The question that an outcome leaves, if any. A doubt about the order of transitions waits: most missing transitions arrive
 * within seconds, and `verify` asks EC2 only if the record is still in doubt (docs/design/merging.md, "doubt by legal histories").
 */
export function questionOf({ instance, needsDescribe, alarm }: Outcome, timing: Timing): Question | undefined {
  if (!needsDescribe) return undefined;
  const { account, region, instanceId } = instance;
  const { verify, seenAt } = instance.cloud;
  // What EC2 was never asked about is asked at once: no event tells the LaunchTime.
  const waits = seenAt !== null && (verify?.reason === 'illegal_step' || verify?.reason === 'order_unknown');
  const message: VerifyMessage = {
    account,
    region,
    instanceId,
    attempt: 0,
    ...(waits && { onlyIfInDoubt: true }),
    ...(alarm && { cameBack: true }),
  };
  return { message, delaySeconds: waits ? timing.doubtSettlesSeconds : 0 };
}
