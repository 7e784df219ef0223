import { maxSeq } from '#shared/domain/agent/chain.ts';

/** What Muster answers, as far as the agent reads it. A member of another form is as if it were not there. */
export interface MusterAnswer {
  ok: boolean;
  /** Muster's own refusal; API Gateway's and a proxy's carry none. */
  code: string | undefined;
  reference: string | undefined;
  retryAfterSeconds: number | undefined;
  seq: number | undefined;
  /** When Muster said first that another run of this agent got further. */
  overtakenAt: string | undefined;
  enrolled: Enrolled | undefined;
  nextCheckinSeconds: number | undefined;
  /** Muster has the link on record that the check-in brought. */
  linkTaken: boolean;
}

interface Enrolled {
  serverId: string | null;
  checkinUrl: string;
  checkinIntervalSeconds: number;
}

/** Whatever an answer asks for, the agent neither runs hot nor falls asleep. */
const shortestAskedSeconds = 1;
const longestAskedSeconds = 3600;

/** Reads an answer's JSON; undefined if it is no object at all. */
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

/** A number that no token may carry would end every check-in to come. */
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
