import * as z from 'zod/mini';
import { agentStates, bootIdPattern, type CheckinAnswer, type CheckinReport as Report } from '#protocol/check-in.ts';
import { checkinPath } from '#protocol/paths.ts';
import { conflictFacts, decideCheckin, successorInConflict } from '#shared/domain/agent/check-in.ts';
import { type Lease, renewedLease } from '#shared/domain/agent/lease.ts';
import { markConflict, mergeReportOf } from '#shared/domain/agent/merge-agent.ts';
import type { Binding } from '#shared/domain/enrollment/binding.ts';
import type { ConflictReason, InstanceKey } from '#shared/domain/instance/instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import { formatTime, type Instant, parseTime, seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { type AgentToken, readKid, verifyAgentToken } from '#shared/identity/agent-token.ts';
import { readAndSaveMerged } from '../cloud/save-merged.ts';
import type { Outbox, Store, VerifyMessage } from '../ports.ts';

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

export interface CheckinPorts {
  store: Store;
  verify: Outbox<VerifyMessage>;
  audiences: readonly string[];
  /** Told of every check-in that shows a second machine with one agent's key, the first and all that follow. */
  twinSeen: (twin: InstanceKey & { agentId: string; reason: ConflictReason }) => void;
  timing: Timing;
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
  if (!binding) throw new Problem('agent_unknown', 'no agent is enrolled with this key', { agentId });
  if (binding.status === 'denied') return refuseDenied(request, binding, now, ports);
  const { seq } = await verifyToken(request, binding, now, ports);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const answer = await tryCheckIn(request.report, seq, binding, now, ports);
    if (answer) return answer;
  }
  throw new Problem('busy', 'others are changing the same records', { retryAfterSeconds: 1 });
}

async function verifyToken(
  request: CheckinRequest,
  binding: Binding,
  now: Instant,
  ports: CheckinPorts,
): Promise<AgentToken> {
  const { clockSkewSeconds } = ports.timing;
  const htus = ports.audiences.map((audience) => `${audience}${checkinPath}`);
  const expected = { htm: 'POST', htus, bodySha256: request.bodySha256, now: new Date(now), clockSkewSeconds };
  return verifyAgentToken(request.token, binding.publicKey, expected);
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
  const decision = decideCheckin({ agentId, said: { ...report, overtakenAt }, seq, instance, lease, now }, timing);
  if (decision.decide === 'conflict') return refuseTwin(binding, decision.reason, now, ports);
  if (decision.decide === 'late') {
    // The check-in that overtook this one keeps `overtakenAt` on the lease, or its write fails and it decides again.
    if (lease && decision.new && !(await store.renewLease(lease, { ...lease, overtakenAt: now }))) return undefined;
    const told = decision.overtakenAt !== null && { overtakenAt: formatTime(decision.overtakenAt) };
    throw new Problem('stale_sequence', 'seq must rise with every request', { seq: decision.seq, ...told });
  }
  if (decision.write && !(await write(report, seq, binding, lease, now, ports))) return undefined;
  const taken = decision.write || decision.taken;
  return { nextCheckinSeconds: timing.checkinIntervalSeconds, link: taken ? 'taken' : 'open', tasks: [] };
}

async function write(
  report: CheckinReport,
  seq: number,
  binding: Binding,
  lease: Lease | undefined,
  now: Instant,
  { store, verify }: CheckinPorts,
): Promise<boolean> {
  const { account, region, instanceId, agentId } = binding;
  const key = { account, region, instanceId };
  // Of two check-ins at once, only the one that renews the lease may report.
  if (!(await store.renewLease(lease, renewedLease(lease, binding, { seq, link: report.link }, now)))) return false;
  const merged = await readAndSaveMerged(store, key, (current) => mergeReportOf(current, agentId, report, now));
  if (merged?.outcome.needsDescribe) await verify.send([{ ...key, attempt: 0 }]);
  return true;
}

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

/**
 * Refuses a key that was released, blocked or replaced. If another machine signs with a key that its agent rotated away,
 * the agent that took the key's place is in conflict.
 */
async function refuseDenied(
  request: CheckinRequest,
  binding: Binding,
  now: Instant,
  ports: CheckinPorts,
): Promise<never> {
  const { agentId, publicKey } = binding;
  // A sender that does not hold the key must not learn what became of it. If the binding was lost, nothing can be verified.
  const token = publicKey === '' ? undefined : await verifyToken(request, binding, now, ports);
  const successor = token ? successorInConflict(binding, seconds(token.iat), ports.timing) : null;
  const heir = successor === null ? undefined : await currentBindingAfterRotation(successor, ports.store);
  if (heir) await noteTwin(heir, 'rotated_key', now, ports);
  throw new Problem('key_denied', 'this key was released, blocked or replaced', { agentId });
}

/** The binding that is enrolled after any number of rotations. Undefined where an operator ended one of the bindings. */
async function currentBindingAfterRotation(successor: string, store: Store): Promise<Binding | undefined> {
  const binding = await store.get('binding', successor);
  if (binding?.status !== 'denied') return binding;
  return binding.ended?.successor ? currentBindingAfterRotation(binding.ended.successor, store) : undefined;
}
