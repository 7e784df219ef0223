import { mergeCheckin, noteAttempt } from '../agent/merge-agent.ts';
import type { Outcome } from '../cloud/transition.ts';
import type { Instance } from '../instance/instance.ts';
import type { Facts, ProblemCode } from '../problems.ts';
import type { Timing } from '../timing.ts';
import type { Admission } from './enrollment.ts';
import type { EnrollmentRefusal } from './enrollment-case.ts';

/** How long an agent waits before it tries again, where trying again may help. */
const retryAfterSeconds = 5;

/** What the refused agent is told (docs/design/enrollment.md, "what a refusal tells"). The log has the true code and all facts under `reference`. */
export function answerOf(
  { code, facts, tell }: EnrollmentRefusal,
  reference: string,
): { code: ProblemCode; facts: Facts } {
  const told = tell === 'precisely' ? code : tell === 'vaguely' ? vagueCode(code) : 'refused';
  const known = tell === 'precisely' ? facts : {};
  const wait = vagueCode(code) === 'retry' && { retryAfterSeconds };
  return { code: told, facts: { ...wait, ...known, reference } };
}

/** The four words for an agent without a valid grant or bound key. An agent of an account that is not registered learns only `refused`. */
function vagueCode(code: ProblemCode): 'clock_skew' | 'stale_document' | 'retry' | 'refused' {
  if (code === 'clock_skew' || code === 'stale_document') return code;
  return transient.has(code) ? 'retry' : 'refused';
}

const transient: ReadonlySet<ProblemCode> = new Set([
  ...(['instance_not_described', 'document_from_future', 'busy', 'sts_unavailable'] as const),
]);

/** The refusal of an admitted agent that STS did not confirm. If only a new start admitted it, no grant vouches for it, so it is told vaguely. */
export const callerRefusal = (
  { ends }: Admission,
  { code, facts }: { code: ProblemCode; facts: Facts },
): EnrollmentRefusal => ({
  ...{ decide: 'refuse', code, facts, ask: false },
  tell: ends === 'restarted' ? 'vaguely' : 'precisely',
});

/**
 * The instance's record after a refusal: the attempt is noted, and the request counts as a sign of life
 * (docs/design/merging.md, "agents set no state"). Undefined where there is no record, or where the agent's account may not know anything.
 */
export function noteRefusal(
  current: Instance | undefined,
  { code, tell }: EnrollmentRefusal,
  attempt: Parameters<typeof noteAttempt>[1],
  timing: Timing,
): Outcome | undefined {
  if (!current || tell === 'nothing') return undefined;
  const noted = noteAttempt(current, attempt, timing);
  // A document of another start is no sign of life in this one.
  if (!noted.changed || code === 'stale_document') return noted;
  return { ...mergeCheckin(noted.instance, attempt.at), changed: true };
}

/** Whether Muster asks EC2 after the refusal. `doubted`: the request raised a doubt about the record. A stranger must not cause calls. */
export const asksEc2 = ({ ask, tell }: EnrollmentRefusal, doubted: boolean): boolean =>
  ask || (doubted && tell === 'precisely');
