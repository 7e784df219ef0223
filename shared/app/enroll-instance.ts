import {
  type Decision,
  decideEnrollment,
  type Grant,
  type ProofKind,
  type Refusal,
  vagueCode,
} from '#shared/domain/enrollment.ts';
import type { InstanceKey } from '#shared/domain/instance.ts';
import { launchIdOfToken } from '#shared/domain/launch.ts';
import { mergeCheckin, mergeEnrollment, noteAttempt } from '#shared/domain/merge-agent.ts';
import { Problem } from '#shared/domain/problems.ts';
import { attach, newServer } from '#shared/domain/server.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import type { Anchors } from '#shared/identity/anchors.ts';
import { type EnrollmentRequest, readEnrollmentRequest } from '#shared/identity/enrollment-request.ts';
import { grantMessage, verifyGrant } from '#shared/identity/grant.ts';
import { verifyDocument } from '#shared/identity/verify-document.ts';
import type { Binding, Outbox, RecordChange, Store, VerifyMessage } from './ports.ts';
import { readAndSaveMerged } from './save-merged.ts';

export interface EnrollPorts {
  store: Store;
  verify: Outbox<VerifyMessage>;
  anchors: Anchors;
  audiences: readonly string[];
  isRegistered: (account: string, region: string) => boolean;
  allowedProofs: readonly ProofKind[];
  /** Told of every decision, for the log: the true reason under the reference that the agent was given. */
  decided: (line: Readonly<Record<string, unknown>>) => void;
  newId: (prefix: string) => string;
  timing: Timing;
}

/** What an enrolled agent is told; nothing in it is secret. */
export interface EnrollmentAnswer {
  agentId: string;
  serverId: string | null;
  checkinUrl: string;
  checkinIntervalSeconds: number;
}

const attempts = 5;
const retryAfterSeconds = 5;

/** Checks a signed enrollment request, cheapest first, and binds the key to the instance in one transaction (DESIGN 5). */
export async function enrollInstance(body: string, now: Instant, ports: EnrollPorts): Promise<EnrollmentAnswer> {
  const { clockSkewSeconds } = ports.timing;
  const request = await readEnrollmentRequest(body, {
    audiences: ports.audiences,
    now: new Date(now),
    clockSkewSeconds,
  });
  const { document, kind } = verifyDocument(request.proof, ports.anchors, new Date(now));
  const claim = { account: document.accountId, region: document.region, instanceId: document.instanceId };
  const proven = { ...claim, pendingTime: Date.parse(document.pendingTime), imageId: document.imageId };
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { decision, binding } = await decide(request, proven, kind, now, ports);
    if (decision.decide === 'refuse') return refuse(decision, claim, now, ports);
    if (decision.decide === 'repeat') {
      await noteLife(claim, now, ports);
      return answer(request, decision.instance.serverId, ports);
    }
    const bound = bindingChanges(request, decision, binding, now, ports);
    if (!(await ports.store.commit(bound.changes))) continue;
    ports.decided({ decision: 'enrolled', ...claim, agentId: request.agentId, proof: kind, serverId: bound.serverId });
    return answer(request, bound.serverId, ports);
  }
  throw new Problem('busy', 'others are changing the same records', { retryAfterSeconds: 1 });
}

type Proven = InstanceKey & { pendingTime: Instant; imageId: string };

async function decide(
  request: EnrollmentRequest,
  document: Proven,
  proof: ProofKind,
  now: Instant,
  ports: EnrollPorts,
): Promise<{ decision: Decision; binding: Binding | undefined }> {
  const { store, timing, allowedProofs } = ports;
  const registered = ports.isRegistered(document.account, document.region);
  const common = { agentId: request.agentId, proof, document, registered, allowedProofs, now };
  const nothing = { binding: undefined, instance: undefined, facts: undefined, grant: undefined };
  if (!registered) return { decision: decideEnrollment({ ...common, ...nothing }, timing), binding: undefined };
  const [binding, instance, facts, grant] = await Promise.all([
    store.getBinding(request.agentId),
    store.getInstance(document),
    store.getFacts(document),
    lookUpGrant(request, store),
  ]);
  const launchId = facts && instance?.launchId === null ? launchIdOfToken(facts.clientToken) : null;
  const launchOfToken = launchId === null ? undefined : await store.getLaunch(launchId);
  const given = { ...common, binding, instance, facts, launchOfToken, grant };
  return { decision: decideEnrollment(given, timing), binding };
}

async function lookUpGrant(request: EnrollmentRequest, store: Store): Promise<Grant | undefined> {
  const { grant, aud, agentId, jti } = request;
  if (!grant) return undefined;
  const fits = (publicKey: string) => verifyGrant(publicKey, grant.signature, grantMessage(aud, agentId, jti));
  const launch = grant.id.startsWith('lch_') ? await store.getLaunch(grant.id) : undefined;
  if (launch) return { kind: 'launch', launch, valid: fits(launch.grantPublicKey) };
  const key = grant.id.startsWith('key_') ? await store.getKey(grant.id) : undefined;
  return key ? { kind: 'key', key, valid: fits(key.publicKey) } : { kind: 'unknown', id: grant.id };
}

function bindingChanges(
  request: EnrollmentRequest,
  decision: Extract<Decision, { decide: 'bind' }>,
  binding: Binding | undefined,
  now: Instant,
  ports: EnrollPorts,
): { changes: RecordChange[]; serverId: string | null } {
  const { instance, grant } = decision;
  const { version, bootId } = request.agent;
  const agent = { id: request.agentId, version, bootId, enrolledAt: now, state: null, stateAt: null };
  const adopted = instance.serverId === null ? newServer(adoptedFields(request, instance, ports), now) : undefined;
  const serverId = adopted?.id ?? instance.serverId;
  const reason = grant.kind === 'launch' ? 'launched' : 'enrollment_key';
  const changes: RecordChange[] = [
    { kind: 'instance', before: instance, after: mergeEnrollment(instance, { agent, serverId, reason }, now).instance },
    // There already where the instance's record was lost: the same key on the same instance.
    { kind: 'binding', before: binding, after: newBinding(request, instance, now) },
  ];
  if (adopted) changes.push({ kind: 'server', before: undefined, after: attach(adopted, instance) });
  // Only a counted key is part of the transaction: an unlimited one would make every enrollment wait for every other.
  if (grant.kind === 'key' && grant.key.usesLeft !== null) {
    const used = { usesLeft: grant.key.usesLeft - 1, lastUsedAt: now, lastUsedBy: instance.instanceId };
    changes.push({ kind: 'key', before: grant.key, after: { ...grant.key, ...used } });
  }
  return { changes, serverId };
}

const adoptedFields = (
  request: EnrollmentRequest,
  { account, region, instanceId }: InstanceKey,
  ports: EnrollPorts,
) => ({
  id: ports.newId('srv'),
  name: request.agent.hostname || instanceId,
  account,
  region,
});

function newBinding(request: EnrollmentRequest, { account, region, instanceId }: InstanceKey, boundAt: Instant) {
  const { os, osVersion, arch, hostname } = request.agent;
  const key = { agentId: request.agentId, publicKey: request.publicKeyX, account, region, instanceId };
  return { ...key, status: 'bound' as const, boundAt, description: { os, osVersion, arch, hostname }, version: 0 };
}

function answer(request: EnrollmentRequest, serverId: string | null, { timing }: EnrollPorts): EnrollmentAnswer {
  const checkinUrl = `${request.aud}/v1/checkin`;
  return { agentId: request.agentId, serverId, checkinUrl, checkinIntervalSeconds: timing.checkinIntervalSeconds };
}

/** Tells the operator everything, the agent what it may know; notes the attempt; asks EC2 where that may help. */
async function refuse(refusal: Refusal, claim: InstanceKey, now: Instant, ports: EnrollPorts): Promise<never> {
  const reference = ports.newId('ref');
  const { code, facts, tell } = refusal;
  ports.decided({ decision: 'refused', code, ...facts, ...claim, reference });
  const isOfThisStart = code !== 'stale_document';
  const doubtful = tell !== 'nothing' && (await noteOn(claim, { at: now, code, reference }, isOfThisStart, ports));
  if (refusal.ask || (doubtful && tell === 'precisely')) await ports.verify.send([{ ...claim, attempt: 0 }]);
  const told = tell === 'precisely' ? code : tell === 'vaguely' ? vagueCode(code) : 'refused';
  const wait = vagueCode(code) === 'retry' && { retryAfterSeconds };
  const known = tell === 'precisely' ? facts : {};
  throw new Problem(told, 'the enrollment was not accepted', { ...known, reference, ...wait });
}

/** An agent that Muster knows speaks: evidence of life, as its check-ins are (DESIGN 4.7). */
async function noteLife(claim: InstanceKey, now: Instant, ports: EnrollPorts): Promise<void> {
  const merged = await readAndSaveMerged(ports.store, claim, (current) => current && mergeCheckin(current, now));
  if (merged?.outcome.ask) await ports.verify.send([{ ...claim, attempt: 0 }]);
}

/** The record says that an agent tried, and doubts an end that an agent outlives (DESIGN 4.7). True if that doubt is new. */
async function noteOn(
  claim: InstanceKey,
  attempt: Parameters<typeof noteAttempt>[1],
  isOfThisStart: boolean,
  ports: EnrollPorts,
): Promise<boolean> {
  const merged = await readAndSaveMerged(ports.store, claim, (current) => {
    if (!current) return undefined;
    const noted = noteAttempt(current, attempt, ports.timing);
    // A document of another start tells nothing of this one.
    const alive = noted.changed && isOfThisStart ? mergeCheckin(noted.instance, attempt.at) : undefined;
    return alive ? { ...alive, changed: true } : noted;
  });
  return merged?.outcome.ask ?? false;
}
