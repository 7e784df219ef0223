import type { EnrollmentAnswer, ProofKind } from '#protocol/enrollment.ts';
import { grantMessage } from '#protocol/grant.ts';
import { checkinPath, enrollPath } from '#protocol/paths.ts';
import { mergeCheckin } from '#shared/domain/agent/merge-agent.ts';
import type { ReplacementCase } from '#shared/domain/agent/replacement.ts';
import type { Binding } from '#shared/domain/enrollment/binding.ts';
import { finishedEnding } from '#shared/domain/enrollment/ending.ts';
import { type Admission, type Decision, decideEnrollment } from '#shared/domain/enrollment/enrollment.ts';
import type { EnrollmentRefusal, Grant, LaunchPolicy } from '#shared/domain/enrollment/enrollment-case.ts';
import type { EnrollmentKey } from '#shared/domain/enrollment/enrollment-key.ts';
import {
  type HeldBindings,
  isUseWorthNoting,
  planBinding,
  unlimitedKeyOf,
} from '#shared/domain/enrollment/plan-binding.ts';
import { answerOf, asksEc2, callerRefusal, noteRefusal } from '#shared/domain/enrollment/tell-refusal.ts';
import type { Instance, InstanceKey } from '#shared/domain/instance/instance.ts';
import { launchIdOfToken } from '#shared/domain/launch/launch.ts';
import { Problem } from '#shared/domain/problems.ts';
import type { Instant } from '#shared/domain/time.ts';
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
import type { Outbox, Store, VerifyMessage } from '../ports.ts';

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
  const kind: ProofKind = request.sts ? 'sts' : verified.kind;
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
    const foreign = callerIsKnown ? undefined : await askCaller(request, claim, decision, ports);
    if (foreign) return refuse(foreign, claim, now, ports);
    callerIsKnown = true;
    const { agentId, publicKeyX: publicKey, agent: description } = request;
    const admitted = { agentId, publicKey, proof: kind, description };
    const serverId = decision.instance.assignment.serverId ?? ports.newId('srv');
    const changes = planBinding(decision, admitted, { binding, enrolled }, serverId, now);
    const unlimited = unlimitedKeyOf(decision);
    if (!(await ports.store.commit(changes, unlimited ? { keyId: unlimited.id, agentId } : undefined))) continue;
    ports.decided({ decision: 'enrolled', ...claim, agentId, proof: kind, ...decision.checks, serverId });
    if (unlimited) await noteUse(unlimited, claim, now, ports);
    return answer(request, serverId, ports);
  }
  throw new Problem('busy', 'others are changing the same records', { retryAfterSeconds: 1 });
}

/** Asks STS once, after all other checks, which credentials signed. Only the instance's own are accepted (docs/design/enrollment.md, "proof of the key"). */
async function askCaller(
  { sts, aud, agentId, jti }: EnrollmentRequest,
  claim: InstanceKey,
  admission: Admission,
  ports: EnrollPorts,
): Promise<EnrollmentRefusal | undefined> {
  if (!sts) return undefined;
  try {
    const asked = buildCallerIdentityRequest({ region: claim.region, aud, jkt: agentId, jti, sts });
    requireCaller(readCallerIdentity(await ports.askSts(asked), claim.region), claim);
    return undefined;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return callerRefusal(admission, error);
  }
}

type Proven = InstanceKey & { pendingTime: Instant; imageId: string; privateIp: string | null };

async function decide(
  request: EnrollmentRequest,
  document: Proven,
  proof: ProofKind,
  now: Instant,
  ports: EnrollPorts,
): Promise<{ decision: Decision } & HeldBindings> {
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
  const finished = instance && finishedEnding(instance, enrolled, timing);
  if (finished) {
    // An operator's ending stopped after it had denied the enrolled key.
    await store.saveInstance(instance, finished);
    return decide(request, document, proof, now, ports);
  }
  const before = { rotations: enrolled?.rotations, enrolledProof: enrolled?.proof };
  const replaced = { previous: await checkPrevious(request, enrolled, now, ports), ...before };
  const given = { ...common, binding, instance, facts, launchOfToken, grant, ...replaced };
  return { decision: decideEnrollment(given, timing), binding, enrolled };
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

/**
 * Notes the last use of an unlimited key, outside of the transaction. The binding stands whether or not this succeeds. The
 * transaction itself counts the uses of a counted key.
 */
async function noteUse(key: EnrollmentKey, claim: InstanceKey, now: Instant, ports: EnrollPorts): Promise<void> {
  if (!isUseWorthNoting(key, now, ports.timing)) return;
  await ports.store.noteKeyUse(key.id, { at: now, by: claim.instanceId }).catch(() => {});
}

function answer(request: EnrollmentRequest, serverId: string | null, { timing }: EnrollPorts): EnrollmentAnswer {
  const checkinUrl = `${request.aud}${checkinPath}`;
  return { agentId: request.agentId, serverId, checkinUrl, checkinIntervalSeconds: timing.checkinIntervalSeconds };
}

/** Logs the true reason, notes the attempt on the record, asks EC2 where that may help, and tells the agent what it may know. */
async function refuse(
  refusal: EnrollmentRefusal,
  claim: InstanceKey,
  now: Instant,
  { store, verify, decided, newId, timing }: EnrollPorts,
): Promise<never> {
  const reference = newId('ref');
  const { code } = refusal;
  decided({ decision: 'refused', code, ...refusal.facts, ...claim, reference });
  const attempt = { at: now, code, reference };
  const note = (current: Instance | undefined) => noteRefusal(current, refusal, attempt, timing);
  const noted = refusal.tell === 'nothing' ? undefined : await readAndSaveMerged(store, claim, note);
  if (asksEc2(refusal, noted?.outcome.needsDescribe ?? false)) await verify.send([{ ...claim, attempt: 0 }]);
  const told = answerOf(refusal, reference);
  throw new Problem(told.code, 'the enrollment was not accepted', told.facts);
}

/** A request of an enrolled agent shows that the instance is alive, as a check-in does (docs/design/merging.md, "agents set no state"). */
async function noteLife(claim: InstanceKey, now: Instant, ports: EnrollPorts): Promise<void> {
  const merged = await readAndSaveMerged(ports.store, claim, (current) => current && mergeCheckin(current, now));
  if (merged?.outcome.needsDescribe) await ports.verify.send([{ ...claim, attempt: 0 }]);
}
