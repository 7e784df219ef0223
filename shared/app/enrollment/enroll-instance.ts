import type { EnrollmentAnswer, ProofKind } from '#protocol/enrollment.ts';
import { grantMessage } from '#protocol/grant.ts';
import { checkinPath, enrollPath } from '#protocol/paths.ts';
import { mergeCheckin, mergeEnrollment, noteAttempt } from '#shared/domain/agent/merge-agent.ts';
import type { ReplacementCase } from '#shared/domain/agent/replacement.ts';
import type { Binding } from '#shared/domain/enrollment/binding.ts';
import { type Admission, type Decision, decideEnrollment, vagueCode } from '#shared/domain/enrollment/enrollment.ts';
import type { EnrollmentRefusal, Grant, LaunchPolicy } from '#shared/domain/enrollment/enrollment-case.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { launchIdOfToken } from '#shared/domain/launch/launch.ts';
import { Problem } from '#shared/domain/problems.ts';
import { attach, newServer } from '#shared/domain/server/server.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { readKid, verifyRotationToken } from '#shared/identity/agent-token.ts';
import type { Anchors } from '#shared/identity/anchors.ts';
import { type EnrollmentRequest, readEnrollmentRequest } from '#shared/identity/enrollment-request.ts';
import { verifyGrant } from '#shared/identity/grant.ts';
import { readCallerIdentity, requireCaller } from '#shared/identity/sts-answer.ts';
import {
  buildCallerIdentityRequest,
  type CallerIdentityRequest,
  requireFreshDate,
} from '#shared/identity/sts-request.ts';
import { verifyDocument } from '#shared/identity/verify-document.ts';
import { readAndSaveMerged } from '../cloud/save-merged.ts';
import type { KeyUse, Outbox, Store, VerifyMessage } from '../ports.ts';
import type { RecordChange } from '../records/registry.ts';

export interface EnrollPorts {
  store: Store;
  verify: Outbox<VerifyMessage>;
  anchors: Anchors;
  audiences: readonly string[];
  isRegistered: (account: string, region: string) => boolean;
  allowedProofs: readonly ProofKind[];
  launchPolicy: LaunchPolicy;
  /** Sends what Muster built to STS, and gives the answer's body. */
  askSts: (request: CallerIdentityRequest) => Promise<Uint8Array>;
  /** An instance that has started anew, with an `sts` proof, may bring another key by itself. */
  reenrollOnRestart: boolean;
  /** Told of every decision, for the log: the true reason under the reference that the agent was given. */
  decided: (line: Readonly<Record<string, unknown>>) => void;
  newId: (prefix: string) => string;
  timing: Timing;
}

const attempts = 5;
const retryAfterSeconds = 5;

/** Checks a signed enrollment request and binds the key to the instance in one transaction (docs/design/enrollment.md, "the order of checks"). */
export async function enrollInstance(body: string, now: Instant, ports: EnrollPorts): Promise<EnrollmentAnswer> {
  const { clockSkewSeconds } = ports.timing;
  const request = await readEnrollmentRequest(body, {
    audiences: ports.audiences,
    now: new Date(now),
    clockSkewSeconds,
  });
  if (request.sts) requireFreshDate(request.sts, new Date(now), clockSkewSeconds);
  const verified = verifyDocument(request.proof, ports.anchors, new Date(now));
  const { document } = verified;
  const kind = request.sts ? 'sts' : verified.kind;
  const claim = { account: document.accountId, region: document.region, instanceId: document.instanceId };
  const { imageId, privateIp } = document;
  const proven = { ...claim, pendingTime: Date.parse(document.pendingTime), imageId, privateIp };
  let callerIsKnown = request.sts === undefined;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { decision, binding, enrolled } = await decide(request, proven, kind, now, ports);
    if (decision.decide === 'refuse') return refuse(decision, claim, now, ports);
    if (decision.decide === 'repeat') {
      await noteLife(claim, now, ports);
      return answer(request, decision.instance.assignment.serverId, ports);
    }
    // Where a new start alone is why, nobody vouches for who asks.
    const tell = decision.ends === 'restarted' ? 'vaguely' : 'precisely';
    const foreign = callerIsKnown ? undefined : await askCaller(request, claim, tell, ports);
    if (foreign) return refuse(foreign, claim, now, ports);
    callerIsKnown = true;
    const bound = bindingChanges(request, decision, { binding, enrolled, proof: kind, now }, ports);
    const use = useOf(decision.grant, request.agentId);
    if (!(await ports.store.commit(bound.changes, use))) continue;
    const { checks } = decision;
    const line = { agentId: request.agentId, proof: kind, ...checks, serverId: bound.serverId };
    ports.decided({ decision: 'enrolled', ...claim, ...line });
    if (use) await noteUse(decision.grant, claim, now, ports);
    return answer(request, bound.serverId, ports);
  }
  throw new Problem('busy', 'others are changing the same records', { retryAfterSeconds: 1 });
}

/** Asks STS once, after all other checks, which credentials signed. Only the instance's own are accepted (docs/design/enrollment.md, "proof of the key"). */
async function askCaller(
  { sts, aud, agentId, jti }: EnrollmentRequest,
  claim: InstanceKey,
  tell: EnrollmentRefusal['tell'],
  ports: EnrollPorts,
): Promise<EnrollmentRefusal | undefined> {
  if (!sts) return undefined;
  try {
    const asked = buildCallerIdentityRequest({ region: claim.region, aud, jkt: agentId, jti, sts });
    requireCaller(readCallerIdentity(await ports.askSts(asked), claim.region), claim);
    return undefined;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { decide: 'refuse', code: error.code, facts: error.facts, tell, ask: false };
  }
}

type Proven = InstanceKey & { pendingTime: Instant; imageId: string; privateIp: string | null };

async function decide(
  request: EnrollmentRequest,
  document: Proven,
  proof: ProofKind,
  now: Instant,
  ports: EnrollPorts,
): Promise<{ decision: Decision } & Bindings> {
  const { store, timing, allowedProofs, launchPolicy, reenrollOnRestart } = ports;
  const { agentId } = request;
  const registered = ports.isRegistered(document.account, document.region);
  const common = { agentId, proof, document, registered, allowedProofs, launchPolicy, reenrollOnRestart, now };
  const nothing = { binding: undefined, instance: undefined, facts: undefined, grant: undefined };
  if (!registered)
    return { decision: decideEnrollment({ ...common, ...nothing }, timing), binding: undefined, enrolled: undefined };
  const [binding, instance, facts, grant] = await Promise.all([
    store.get('binding', agentId),
    store.getInstance(document),
    store.getFacts(document),
    lookUpGrant(request, store),
  ]);
  const launchId = facts && instance?.assignment.launchId === null ? launchIdOfToken(facts.clientToken) : null;
  const launchOfToken = launchId === null ? undefined : await store.get('launch', launchId);
  const other = instance?.agent && instance.agent.id !== agentId ? instance.agent.id : null;
  const enrolled = other === null ? undefined : await store.get('binding', other);
  const replaced = { previous: await checkPrevious(request, enrolled, now, ports), enrolledProof: enrolled?.proof };
  const given = { ...common, binding, instance, facts, launchOfToken, grant, ...replaced };
  return { decision: decideEnrollment(given, timing), binding, enrolled };
}

/** The asking key's own binding, and that of another key which is enrolled on the instance. */
interface Bindings {
  binding: Binding | undefined;
  enrolled: Binding | undefined;
}

/** The token by the key of before counts if that key is the enrolled one; of any other nothing is verified. */
async function checkPrevious(
  { previous, aud, agentId, jti }: EnrollmentRequest,
  enrolled: Binding | undefined,
  now: Instant,
  { timing: { clockSkewSeconds } }: EnrollPorts,
): Promise<ReplacementCase['previous']> {
  if (previous === undefined) return undefined;
  let kid = '';
  try {
    kid = readKid(previous);
    // What cannot be verified vouches for nobody.
    if (enrolled?.status !== 'bound') return { agentId: kid, fault: 'agent_unknown' };
    if (kid !== enrolled.agentId) return { agentId: kid, fault: null };
    const rules = {
      htm: 'POST',
      htus: [`${aud}${enrollPath}`],
      jti,
      jkt: agentId,
      now: new Date(now),
      clockSkewSeconds,
    };
    await verifyRotationToken(previous, enrolled.publicKey, rules);
    return { agentId: kid, fault: null };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { agentId: kid, fault: error.code };
  }
}

async function lookUpGrant(request: EnrollmentRequest, store: Store): Promise<Grant | undefined> {
  const { grant, aud, agentId, jti } = request;
  if (!grant) return undefined;
  const fits = (publicKey: string) => verifyGrant(publicKey, grant.signature, grantMessage(aud, agentId, jti));
  const launch = grant.id.startsWith('lch_') ? await store.get('launch', grant.id) : undefined;
  if (launch) return { kind: 'launch', launch, valid: fits(launch.grantPublicKey) };
  const key = grant.id.startsWith('key_') ? await store.get('key', grant.id) : undefined;
  return key ? { kind: 'key', key, valid: fits(key.publicKey) } : { kind: 'unknown', id: grant.id };
}

function bindingChanges(
  request: EnrollmentRequest,
  decision: Admission,
  { binding, enrolled, proof, now }: Bindings & { proof: ProofKind; now: Instant },
  ports: EnrollPorts,
): { changes: RecordChange[]; serverId: string | null } {
  const { instance, grant, reason, ends, checks } = decision;
  const { version, bootId } = request.agent;
  // A rotation changes the key of an agent that goes on as it was.
  const { state, stateAt } = (ends === 'rotated' && instance.agent) || { state: null, stateAt: null };
  const agent = { id: request.agentId, version, bootId, enrolledAt: now, state, stateAt };
  const adopted =
    instance.assignment.serverId === null ? newServer(adoptedFields(request, instance, ports), now) : undefined;
  const serverId = adopted?.id ?? instance.assignment.serverId;
  const changes: RecordChange[] = [
    { kind: 'instance', before: instance, after: mergeEnrollment(instance, { agent, serverId, reason }, now).instance },
    // There already where the instance's record was lost: the same key on the same instance.
    { kind: 'binding', before: binding, after: { ...newBinding(request, instance, now), proof, checks } },
  ];
  if (enrolled && ends) {
    const ended = { reason: ends, at: now, successor: request.agentId };
    changes.push({ kind: 'binding', before: enrolled, after: { ...enrolled, status: 'denied', ended } });
  }
  if (adopted) changes.push({ kind: 'server', before: undefined, after: attach(adopted, instance) });
  // Only a counted key is written with the binding: with an unlimited one every enrollment would wait for every other.
  if (grant?.kind === 'key' && grant.key.usesLeft !== null) {
    const used = { usesLeft: grant.key.usesLeft - 1, lastUsedAt: now, lastUsedBy: instance.instanceId };
    changes.push({ kind: 'key', before: grant.key, after: { ...grant.key, ...used } });
  }
  return { changes, serverId };
}

/** An unlimited key is left as it is, but a binding must not come after its revocation. */
const useOf = (grant: Admission['grant'], agentId: string): KeyUse | undefined =>
  grant?.kind === 'key' && grant.key.usesLeft === null ? { keyId: grant.key.id, agentId } : undefined;

/**
 * Who used an unlimited key last, outside of the transaction and at most once a minute for each key: a fleet that starts
 * at once would otherwise queue for one item. The binding stands whether or not this succeeds; counted keys never come here.
 */
async function noteUse(grant: Admission['grant'], claim: InstanceKey, now: Instant, ports: EnrollPorts): Promise<void> {
  if (grant?.kind !== 'key') return;
  const { id, lastUsedAt } = grant.key;
  if (lastUsedAt !== null && now < lastUsedAt + seconds(ports.timing.keyUseNoteSeconds)) return;
  await ports.store.noteKeyUse(id, { at: now, by: claim.instanceId }).catch(() => {});
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
  const description = { os, osVersion, arch, hostname };
  return { ...key, status: 'bound' as const, ended: null, boundAt, description, version: 0 };
}

function answer(request: EnrollmentRequest, serverId: string | null, { timing }: EnrollPorts): EnrollmentAnswer {
  const checkinUrl = `${request.aud}${checkinPath}`;
  return { agentId: request.agentId, serverId, checkinUrl, checkinIntervalSeconds: timing.checkinIntervalSeconds };
}

/** Tells the operator everything, the agent what it may know; notes the attempt; asks EC2 where that may help. */
async function refuse(
  refusal: EnrollmentRefusal,
  claim: InstanceKey,
  now: Instant,
  ports: EnrollPorts,
): Promise<never> {
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

/** A request of an enrolled agent shows that the instance is alive, as a check-in does (docs/design/merging.md, "agents set no state"). */
async function noteLife(claim: InstanceKey, now: Instant, ports: EnrollPorts): Promise<void> {
  const merged = await readAndSaveMerged(ports.store, claim, (current) => current && mergeCheckin(current, now));
  if (merged?.outcome.needsDescribe) await ports.verify.send([{ ...claim, attempt: 0 }]);
}

/** Notes the attempt on the record, and doubts an end that an agent contradicts (docs/design/merging.md, "agents set no state"). True if that doubt is new. */
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
  return merged?.outcome.needsDescribe ?? false;
}
