import type { EnrollmentAnswer } from '#protocol/enrollment.ts';
import { maxSeq } from '#protocol/token.ts';

/** The members of Muster's answers that the agent reads. A member with a wrong type counts as missing. */
export interface MusterAnswer {
  ok: boolean;
  /** The problem code of a refusal. Errors of API Gateway or of a proxy have none. */
  code: string | undefined;
  reference: string | undefined;
  retryAfterSeconds: number | undefined;
  seq: number | undefined;
  /** When Muster first said that another run of this agent has sent a higher number. The next check-in repeats it. */
  overtakenAt: string | undefined;
  enrolled: Enrolled | undefined;
  nextCheckinSeconds: number | undefined;
  /** True if Muster has recorded the check-in's link. */
  linkTaken: boolean;
}

type Enrolled = Omit<EnrollmentAnswer, 'agentId'>;

/** Limits for the waiting times in an answer, so that no answer can make the agent send without a pause or wait for days. */
const shortestAskedSeconds = 1;
const longestAskedSeconds = 3600;

/** Reads an answer's JSON. Undefined if it is not an object. */
export function readAnswer(ok: boolean, json: unknown): MusterAnswer | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const body = json as Record<string, unknown>;
  return {
    ok,
    code: ok ? undefined : text(body.code),
    reference: text(body.reference),
    retryAfterSeconds: duration(body.retryAfterSeconds),
    seq: readSeq(body.seq),
    overtakenAt: text(body.overtakenAt),
    enrolled: ok ? readEnrolled(body) : undefined,
    nextCheckinSeconds: duration(body.nextCheckinSeconds),
    linkTaken: ok && body.link === 'taken',
  };
}

/** Undefined for a number that is not allowed in a token: with it, Muster would refuse every later check-in. */
const readSeq = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && Number(value) < maxSeq ? Number(value) : undefined;

function readEnrolled(body: Record<string, unknown>): Enrolled | undefined {
  const checkinUrl = text(body.checkinUrl);
  const checkinIntervalSeconds = duration(body.checkinIntervalSeconds);
  if (checkinUrl === undefined || checkinIntervalSeconds === undefined) return undefined;
  return { serverId: text(body.serverId) ?? null, checkinUrl, checkinIntervalSeconds };
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const duration = (value: unknown): number | undefined =>
  typeof value === 'number' ? Math.min(Math.max(value, shortestAskedSeconds), longestAskedSeconds) : undefined;
