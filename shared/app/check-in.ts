import * as z from 'zod/mini';
import type { Instance } from '#shared/domain/instance.ts';
import { mergeCheckin } from '#shared/domain/merge-agent.ts';
import { Problem } from '#shared/domain/problems.ts';
import { agentWord } from '#shared/domain/server.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import type { Outcome } from '#shared/domain/transition.ts';
import { readKid, verifyAgentToken } from '#shared/identity/agent-token.ts';
import type { Binding, Lease, Outbox, Store, VerifyMessage } from './ports.ts';
import { readAndSaveMerged } from './save-merged.ts';

/** What an agent may say of itself: RightLink's words (research/rightscale.md). */
const agentStates = ['booting', 'operational', 'stranded in booting', 'decommissioning', 'decommissioned'] as const;

export const CheckinReport = z.strictObject({
  bootId: z.string().check(z.regex(/^[0-9A-Za-z-]{1,36}$/)),
  state: z.enum(agentStates),
});
export type CheckinReport = z.infer<typeof CheckinReport>;

export interface CheckinPorts {
  store: Store;
  verify: Outbox<VerifyMessage>;
  audiences: readonly string[];
  timing: Timing;
}

export interface CheckinRequest {
  token: string;
  bodySha256: string;
  report: CheckinReport;
}

export interface CheckinAnswer {
  nextCheckinSeconds: number;
  tasks: readonly never[];
}

/**
 * Accepts a check-in: the key comes from the record, never from the request. The lease is written when the stored one
 * is older than two intervals, or when there is something to apply; nothing else is.
 */
export async function checkIn(request: CheckinRequest, now: Instant, ports: CheckinPorts): Promise<CheckinAnswer> {
  const agentId = readKid(request.token);
  const binding = await ports.store.getBinding(agentId);
  if (!binding) throw new Problem('agent_unknown', 'no agent is enrolled with this key', { agentId });
  if (binding.status === 'denied') throw new Problem('key_denied', 'this key was released or blocked', { agentId });
  const { seq } = await verifyToken(request, binding, now, ports);
  const [instance, lease] = await Promise.all([ports.store.getInstance(binding), ports.store.getLease(binding)]);
  if (instance?.agent?.id !== agentId) throw new Problem('agent_unknown', 'another key is bound by now', { agentId });
  if (lease && lease.seq >= seq)
    throw new Problem('stale_sequence', 'seq must rise with every request', { seq: lease.seq });
  await apply(request.report, instance, { lease, seq, now }, ports);
  return { nextCheckinSeconds: ports.timing.checkinIntervalSeconds, tasks: [] };
}

async function verifyToken(
  request: CheckinRequest,
  binding: Binding,
  now: Instant,
  ports: CheckinPorts,
): Promise<{ seq: number }> {
  const { clockSkewSeconds } = ports.timing;
  const htus = ports.audiences.map((audience) => `${audience}/v1/checkin`);
  const expected = { htm: 'POST', htus, bodySha256: request.bodySha256, now: new Date(now), clockSkewSeconds };
  return verifyAgentToken(request.token, binding.publicKey, expected);
}

type Word = { lease: Lease | undefined; seq: number; now: Instant };

async function apply(report: CheckinReport, instance: Instance, word: Word, ports: CheckinPorts): Promise<void> {
  const { lease, seq, now } = word;
  const { account, region, instanceId } = instance;
  const key = { account, region, instanceId };
  const outcome = mergeReport(instance, report, now);
  const old = now - (lease?.lastSeenAt ?? 0) >= seconds(2 * ports.timing.checkinIntervalSeconds);
  if (!old && !outcome.changed) return;
  // The one conditional write that decides whose report counts.
  if (!(await ports.store.renewLease({ ...key, lastSeenAt: now, seq }))) {
    throw new Problem('stale_sequence', 'a later request of this agent came between', { seq });
  }
  if (!outcome.changed) return;
  const merged = await readAndSaveMerged(ports.store, key, (current) =>
    current ? mergeReport(current, report, now) : undefined,
  );
  if (merged?.outcome.ask) await ports.verify.send([{ ...key, attempt: 0 }]);
}

/** The agent's own word of its state, which belongs to one boot; repeated after a restart it is a new word. */
function mergeReport(current: Instance, report: CheckinReport, now: Instant): Outcome {
  const outcome = mergeCheckin(current, now);
  const { agent } = outcome.instance;
  if (!agent || (agentWord(current) === report.state && agent.bootId === report.bootId)) return outcome;
  const instance = {
    ...outcome.instance,
    agent: { ...agent, state: report.state, stateAt: now, bootId: report.bootId },
  };
  return { ...outcome, instance, changed: true };
}
