import * as z from 'zod/mini';
import { agentStates, bootIdPattern, type CheckinAnswer, type CheckinReport as Report } from '#protocol/check-in.ts';
import { checkinPath } from '#protocol/paths.ts';
import {
  awayFacts,
  type CheckinCase,
  type CheckinDecision,
  conflictFacts,
  decideCheckin,
} from '#shared/domain/agent/check-in.ts';
import { type Lease, renewedLease } from '#shared/domain/agent/lease.ts';
import { markConflict, mergeReportOf } from '#shared/domain/agent/merge-agent.ts';
import { beginsAnew } from '#shared/domain/agent/restore.ts';
import type { Binding } from '#shared/domain/enrollment/binding.ts';
import type { ConflictReason, Instance, InstanceKey } from '#shared/domain/instance/instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import { formatTime, type Instant, parseTime } from '#shared/domain/time.ts';
import { type AgentToken, readKid, verifyAgentToken } from '#shared/identity/agent-token.ts';
import { readAndSaveMerged } from '../cloud/save-merged.ts';
import type { Outbox, VerifyMessage } from '../ports.ts';
import { type DeniedPorts, noteDenied } from './note-denied.ts';
import { restoreId } from './restore-record.ts';

/** Sixteen random bytes in base64url. */
const link = z.string().check(z.regex(/^[A-Za-z0-9_-]{21}[AQgw]$/));

export const CheckinReport = z.strictObject({
  instanceId: z.string().check(z.regex(/^i-[0-9a-f]{8,32}$/)),
  bootId: z.string().check(z.regex(bootIdPattern)),
  state: z.enum(agentStates),
  link,
  previousLink: z.nullable(link),
  /** What the answer before this said, where that was `stale_sequence`. */
  overtakenAt: z.optional(z.string().check(z.regex(/^[0-9T:.Z-]{20,24}$/))),
}) satisfies z.ZodMiniType<Report>;
export type CheckinReport = z.infer<typeof CheckinReport>;

export interface CheckinPorts extends DeniedPorts {
  verify: Outbox<VerifyMessage>;
  audiences: readonly string[];
  isRegistered: (account: string, region: string) => boolean;
  /** Told of every check-in that began its chain anew after a restore. */
  begunAnew: (agent: InstanceKey & { agentId: string }) => void;
}

export interface CheckinRequest {
  token: string;
  bodySha256: string;
  report: CheckinReport;
}

const attempts = 5;

/**
 * Accepts a check-in, or throws the problem of a refused one. The public key comes from the record, never from the request.
 * An accepted check-in writes the lease if it is due, and the instance if the agent reports something new.
 */
export async function checkIn(request: CheckinRequest, now: Instant, ports: CheckinPorts): Promise<CheckinAnswer> {
  const agentId = readKid(request.token);
  const binding = await ports.store.get('binding', agentId);
  const { iat, seq } = await verifyHolder(request, agentId, binding, now, ports);
  const held = binding as Binding;
  if (!ports.isRegistered(held.account, held.region))
    throw new Problem(
      'account_not_registered',
      'Muster does not manage this account now',
      awayFacts(held, ports.timing),
    );
  if (held.status === 'denied') {
    await noteDenied(held, iat, now, ports);
    throw new Problem('key_denied', 'this key was released, blocked or replaced', { agentId });
  }
  for (let attempt = 0; attempt < attempts; attempt++) {
    const answer = await tryCheckIn(request.report, seq, held, now, ports);
    if (answer) return answer;
  }
  throw new Problem('busy', 'others are changing the same records', { retryAfterSeconds: 1 });
}

/** Stands in for a key that is not on record, so that the answer takes as long. Nobody has its private half: it is SHA-256 of `muster: nobody holds this key 4`. */
const nobodysKey = 'm72Phwsrsiw0KT4Qw_fqUzF-G2Q36FPV0O1-jP-T0fw';

/**
 * The token of a sender that holds the key. Whoever does not hold it gets one answer, `agent_unknown`, whether the key is
 * bound, denied or not on record. An agent whose binding was lost gets it too, and may enroll again.
 */
async function verifyHolder(
  request: CheckinRequest,
  agentId: string,
  binding: Binding | undefined,
  now: Instant,
  { audiences, timing: { clockSkewSeconds } }: CheckinPorts,
): Promise<AgentToken> {
  const htus = audiences.map((audience) => `${audience}${checkinPath}`);
  const rules = { htm: 'POST', htus, bodySha256: request.bodySha256, now: new Date(now), clockSkewSeconds };
  const key = binding?.publicKey || nobodysKey;
  return verifyAgentToken(request.token, key, rules).catch((error: unknown) => {
    if (!(error instanceof Problem) || error.code !== 'bad_signature') throw error;
    throw new Problem('agent_unknown', 'no agent is enrolled with this key', { agentId });
  });
}

/** Undefined if another check-in with the same key was written in between. */
async function tryCheckIn(
  report: CheckinReport,
  seq: number,
  binding: Binding,
  now: Instant,
  ports: CheckinPorts,
): Promise<CheckinAnswer | undefined> {
  const { store, timing } = ports;
  const { agentId } = binding;
  const [instance, lease] = await Promise.all([store.getInstance(binding), store.getLease(binding)]);
  if (instance?.agent?.id !== agentId) throw new Problem('agent_unknown', 'another key is bound by now', { agentId });
  const overtakenAt = report.overtakenAt === undefined ? undefined : parseTime(report.overtakenAt);
  const given = { agentId, said: { ...report, overtakenAt }, seq, instance, now };
  const decision = await unlessRestored(decideCheckin({ ...given, lease }, timing), { ...given, lease }, ports);
  if (decision.decide === 'conflict') return refuseTwin(binding, decision.reason, now, ports);
  if (decision.decide === 'late') {
    // The check-in that overtook this one keeps `overtakenAt` on the lease, or its write fails and it decides again.
    if (lease && decision.new && !(await store.renewLease(lease, { ...lease, overtakenAt: now }))) return undefined;
    const told = decision.overtakenAt !== null && { overtakenAt: formatTime(decision.overtakenAt) };
    throw new Problem('stale_sequence', 'seq must rise with every request', { seq: decision.seq, ...told });
  }
  if (decision.write && !(await write(report, seq, binding, { lease, instance, decision }, now, ports)))
    return undefined;
  const link = decision.write || decision.taken ? 'taken' : 'open';
  return { nextCheckinSeconds: decision.nextCheckinSeconds, link, tasks: [] };
}

/**
 * A check-in that would be a conflict, where it may begin its chain anew because the table was restored. Only such a check-in
 * reads whether it was.
 */
async function unlessRestored(
  decision: CheckinDecision,
  given: CheckinCase,
  ports: CheckinPorts,
): Promise<CheckinDecision> {
  const { instance, lease, agentId, seq, now } = given;
  if (decision.decide !== 'conflict' || decision.reason !== 'broken_chain' || !lease) return decision;
  if (instance.identity.conflict) return decision;
  const restore = await ports.store.get('restore', restoreId);
  if (!beginsAnew(restore, lease, seq, now, ports.timing)) return decision;
  const { account, region, instanceId } = instance;
  ports.begunAnew({ account, region, instanceId, agentId });
  return decideCheckin({ ...given, lease: undefined }, ports.timing);
}

async function write(
  report: CheckinReport,
  seq: number,
  binding: Binding,
  decided: { lease: Lease | undefined; instance: Instance; decision: Accepted },
  now: Instant,
  { store, verify }: CheckinPorts,
): Promise<boolean> {
  const { account, region, instanceId, agentId } = binding;
  const key = { account, region, instanceId };
  const { lease, instance, decision } = decided;
  const isNewBoot = decision.reports && report.bootId !== instance.agent?.bootId;
  // Of two check-ins at once, only the one that renews the lease may report.
  const renewed = renewedLease(lease, binding, { seq, link: report.link, isNewBoot }, now);
  if (!(await store.renewLease(lease, renewed))) return false;
  const said = decision.reports ? report : null;
  const merged = await readAndSaveMerged(store, key, (current) => mergeReportOf(current, agentId, said, now));
  if (merged?.outcome.needsDescribe) await verify.send([{ ...key, attempt: 0 }]);
  return true;
}

type Accepted = Extract<CheckinDecision, { decide: 'accept' }>;

/** Muster hears neither this machine nor the other one: no lease, no report and no task, until an operator re-enrolls the instance. */
async function refuseTwin(twin: Binding, reason: ConflictReason, now: Instant, ports: CheckinPorts): Promise<never> {
  const conflict = await noteTwin(twin, reason, now, ports);
  const facts = conflictFacts(twin, conflict ?? { reason, since: now }, ports.timing);
  throw new Problem('identity_conflict', 'another machine speaks with this key', facts);
}

async function noteTwin(twin: Binding, reason: ConflictReason, now: Instant, ports: CheckinPorts) {
  const { account, region, instanceId, agentId } = twin;
  const key = { account, region, instanceId };
  const merged = await readAndSaveMerged(
    ports.store,
    key,
    (current) => current && markConflict(current, agentId, reason, now),
  );
  ports.twinSeen({ ...key, agentId, reason });
  return merged?.outcome.instance.identity.conflict;
}
