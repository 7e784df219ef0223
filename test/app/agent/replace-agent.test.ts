import { describe, expect, it } from 'vitest';
import type { AgentKey } from '#agent/key/agent-key.ts';
import { signEnrollment } from '#agent/key/sign.ts';
import { enrollInstance } from '#shared/app/enrollment/enroll-instance.ts';
import type { Binding } from '#shared/domain/enrollment/binding.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import type { InstanceParts } from '#test/build/an-instance.ts';
import { bindingNamed, factsOf, second, start } from '#test/contracts/records.ts';
import { audience, proofOf } from '#test/fakes/identity.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import {
  byKey,
  byLaunch,
  here,
  instance,
  instanceChange,
  keyChange,
  launchChanges,
  now,
  running,
} from '../enrollment/enrollment-stage.ts';
import { later, lifeStage, newSeed } from './life-stage.ts';

const minutes15 = defaultTiming.reenrollSeconds * second;
const bothDocuments = { allowedProofs: ['iid-rsa2048', 'iid-rsa'] as const };

describe('a rotation', () => {
  const rotate = (stage: Awaited<ReturnType<typeof lifeStage>>, asking: object = {}) =>
    stage.enroll({ key: newAgentKey(), now: later, previous: { key: stage.key }, ...asking });

  it('puts the new key in the place of the old one in one transaction, and the agent goes on as it was', async () => {
    const stage = await lifeStage();
    const key = newAgentKey();
    const answer = await rotate(stage, { key });
    expect(answer).toMatchObject({ agentId: key.id, serverId: 'srv_1' });
    expect(stage.kinds()).toEqual(['instance', 'binding', 'binding']);
    expect(await stage.held()).toMatchObject({
      management: { status: 'enrolled', reason: 'launched', since: now },
      agent: { id: key.id, enrolledAt: later, state: 'operational', stateAt: now },
    });
    expect(await stage.store.get('binding', stage.key.id)).toMatchObject({
      ...{ status: 'denied', ended: { reason: 'rotated', at: later, successor: key.id } },
    });
    expect(await stage.store.get('binding', key.id)).toMatchObject({
      status: 'bound',
      proof: 'iid-rsa2048',
      ended: null,
    });
    expect(stage.told()).toMatchObject([
      {
        detailType: 'Instance Enrolled',
        data: { agentId: key.id, replaces: stage.key.id, at: '2026-11-02T10:30:30Z' },
      },
    ]);
  });

  it('asked for again, because the answer was lost, gets it again', async () => {
    const stage = await lifeStage();
    const key = newAgentKey();
    const answer = await rotate(stage, { key });
    expect(await rotate(stage, { key, jti: 'again', now: later + second })).toEqual(answer);
    expect(stage.written).toHaveLength(3);
  });

  it('leaves the old key denied: it neither enrolls nor rotates', async () => {
    const stage = await lifeStage();
    await rotate(stage);
    expect((await refusalOf(stage.enroll({ key: stage.key, now: later }))).code).toBe('key_denied');
    const again = await refusalOf(rotate(stage));
    expect([again.code, stage.decided.at(-1)]).toMatchObject([
      'refused',
      { code: 'agent_unknown', agentId: stage.key.id },
    ]);
  });

  it('of two at once binds exactly one', async () => {
    const stage = await lifeStage();
    const both = await Promise.allSettled([rotate(stage), rotate(stage, { jti: 'two' })]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const held = await stage.held();
    expect(await stage.store.get('binding', stage.key.id)).toMatchObject({ ended: { successor: held.agent?.id } });
  });

  it('works where disk and policy have changed since the first enrollment', async () => {
    const stage = await lifeStage();
    await stage.store.putFacts(factsOf(here.instanceId, { launchTime: start, rootAttachedAt: later }));
    expect(await rotate(stage)).toMatchObject({ serverId: 'srv_1' });
  });

  it.each<[string, (stage: { key: AgentKey }) => object, string]>([
    [
      'the old key did not sign',
      ({ key }) => ({ previous: { key: { ...newAgentKey(), id: key.id } } }),
      'bad_signature',
    ],
    [
      'the token is for another key',
      ({ key }) => ({ previous: { key, claims: { jkt: newAgentKey().id } } }),
      'rotation_mismatch',
    ],
    [
      'the token is of another request',
      ({ key }) => ({ previous: { key, claims: { jti: 'another' } } }),
      'rotation_mismatch',
    ],
    [
      'the token is for a check-in',
      ({ key }) => ({ previous: { key, claims: { htu: 'https://muster.example/prod/v1/checkin' } } }),
      'wrong_audience',
    ],
    ['the token is old', ({ key }) => ({ previous: { key, claims: { iat: now / 1000 } } }), 'clock_skew'],
    ['the token has a claim too many', ({ key }) => ({ previous: { key, claims: { seq: 1 } } }), 'malformed_jws'],
    ['the old key is nobody’s', () => ({ previous: { key: newAgentKey() } }), 'agent_unknown'],
  ])('is refused where %s, and changes nothing', async (_case, asking, code) => {
    const stage = await lifeStage();
    await refusalOf(rotate(stage, asking(stage)));
    expect(stage.decided.at(-1)).toMatchObject({ decision: 'refused', code });
    expect(await stage.held()).toMatchObject({ agent: { id: stage.key.id } });
    expect(await stage.store.get('binding', stage.key.id)).toMatchObject({ status: 'bound' });
  });

  it('is refused where the enrolled key’s binding is lost: nothing can verify the token then', async () => {
    const stage = await lifeStage();
    const lost = newAgentKey().id;
    const before = await stage.held();
    await stage.store.saveInstance(before, { ...before, agent: { ...before.agent!, id: lost } });
    const forger = { ...newAgentKey(), id: lost };
    expect(await refusalOf(rotate(stage, { previous: { key: forger } }))).toMatchObject({ code: 'refused' });
    expect((await stage.held()).agent?.id).toBe(lost);
    expect(stage.decided.at(-1)).toMatchObject({ decision: 'refused', code: 'agent_unknown' });
  });

  it('by what is no token is decided like any other, and noted', async () => {
    const stage = await lifeStage();
    const proof = proofOf({ ...here, pendingTime: start });
    const description = { version: '', os: '', osVersion: '', arch: '', hostname: '', bootId: 'b' };
    const payload = { aud: audience, jti: 'one', iat: later / 1000, proof, previous: 'x', agent: description };
    const asked = enrollInstance(signEnrollment(newAgentKey(), payload), later, stage.enrollPorts);
    expect(await refusalOf(asked)).toMatchObject({ code: 'refused' });
    expect(stage.decided.at(-1)).toMatchObject({ decision: 'refused', code: 'malformed_jws' });
    expect((await stage.held()).identity.refusedAttempt).toMatchObject({ code: 'malformed_jws' });
    const tooLong = { ...payload, previous: 'x'.repeat(1025) };
    const refused = enrollInstance(signEnrollment(newAgentKey(), tooLong), later, stage.enrollPorts);
    expect(await refusalOf(refused)).toMatchObject({ code: 'malformed_request', facts: { member: 'previous' } });
  });

  it('keeps to what the policy asks of launches, which its instance came by', async () => {
    const stage = await lifeStage();
    const strict = { launchPolicy: { proofKinds: ['sts'] as const, attachments: [] } };
    const refused = await refusalOf(
      stage.enroll({ key: newAgentKey(), now: later, previous: { key: stage.key } }, strict),
    );
    expect(refused).toMatchObject({ code: 'proof_not_allowed' });
  });

  it('is refused in a conflict: neither machine may take the key with it', async () => {
    const stage = await lifeStage({ identity: { conflict: { reason: 'broken_chain', since: now } } });
    const facts = { reason: 'broken_chain', since: '2026-11-02T10:00:30Z', instance, reference: 'ref_1' };
    expect(await refusalOf(rotate(stage))).toEqual({ code: 'identity_conflict', facts });
  });

  it('needs a document of this start', async () => {
    const stage = await lifeStage({ cloud: { epoch: later - 60 * second } });
    expect((await refusalOf(rotate(stage))).code).toBe('stale_document');
  });
});

describe('another key than the enrolled one', () => {
  it('is refused with whatever grant, and told who is enrolled', async () => {
    const stage = await lifeStage({}, launchChanges());
    const refused = await refusalOf(stage.enroll({ ...byLaunch, now: later }));
    expect(refused).toMatchObject({ code: 'already_enrolled', facts: { enrolledAgent: stage.key.id } });
  });
});

describe('the re-enrollment of a key that an operator has named', () => {
  it('needs no grant, and the event says whose place it took', async () => {
    const stage = await lifeStage();
    const key = newAgentKey();
    await stage.reenrollByKey(key.id);
    expect(await stage.enroll({ key, now: later + second })).toMatchObject({ agentId: key.id, serverId: 'srv_1' });
    expect(await stage.held()).toMatchObject({
      management: { status: 'enrolled', reason: 'adopted', since: later + second },
      identity: { reenroll: null },
      agent: { id: key.id, state: null },
    });
    expect(stage.told()).toMatchObject([
      { detailType: 'Server State Changed' },
      { detailType: 'Instance Enrolled', data: { agentId: key.id, replaces: stage.key.id, reason: 'adopted' } },
    ]);
  });

  it('works whatever became of the disk', async () => {
    const stage = await lifeStage();
    await stage.store.putFacts(factsOf(here.instanceId, { launchTime: start, rootAttachedAt: later }));
    const key = newAgentKey();
    await stage.reenrollByKey(key.id);
    expect(await stage.enroll({ key, now: later })).toMatchObject({ agentId: key.id });
  });

  it('is over after a quarter of an hour, and says so', async () => {
    const stage = await lifeStage();
    const key = newAgentKey();
    await stage.reenrollByKey(key.id);
    const refused = await refusalOf(stage.enroll({ key, now: later + minutes15 + 1 }));
    expect(refused).toMatchObject({ code: 'grant_expired', facts: { expiresAt: '2026-11-02T10:45:30Z' } });
  });

  it('is for that key alone, whatever grant another one shows', async () => {
    const stage = await lifeStage({}, [...launchChanges(), keyChange()]);
    await stage.reenrollByKey(newAgentKey().id);
    const refused = await refusalOf(stage.enroll({ ...byLaunch, now: later }));
    expect(refused).toMatchObject({ code: 're_enrollment_only', facts: { until: '2026-11-02T10:45:30Z' } });
    expect((await refusalOf(stage.enroll({ now: later }))).code).toBe('refused');
    // Nor does another grant count once it is over: an operator asks again.
    const past = await refusalOf(stage.enroll({ ...byLaunch, now: later + minutes15 + second }));
    expect(past.code).toBe('re_enrollment_only');
  });

  it('is for this instance alone', async () => {
    const other = { ...here, instanceId: 'i-0fedcba9876543210' };
    const stage = await lifeStage({}, [instanceChange(running({ instanceId: other.instanceId }))]);
    const key = newAgentKey();
    await stage.reenrollByKey(key.id);
    await refusalOf(stage.enroll({ key, claim: { ...other, pendingTime: start }, now: later }));
    expect(stage.decided.at(-1)).toMatchObject({ code: 'grant_missing', instanceId: other.instanceId });
  });
});

describe('the re-enrollment with an operator’s grant', () => {
  async function granted(fields: InstanceParts = {}, bound: Partial<Binding> = {}) {
    const stage = await lifeStage(fields, [], bound);
    const { seed, publicKeyX } = newSeed();
    const view = await stage.reenrollByGrant(publicKeyX);
    return { ...stage, grant: { id: view.reenrollment?.keyId ?? '', seed } };
  }

  it('enrolls one key once, on an instance that Muster launched', async () => {
    const stage = await granted();
    const key = newAgentKey();
    expect(await stage.enroll({ key, grant: stage.grant, now: later + second })).toMatchObject({ agentId: key.id });
    expect(await stage.held()).toMatchObject({
      agent: { id: key.id },
      management: { reason: 'enrollment_key' },
      identity: { reenroll: null },
    });
    expect(await stage.store.get('key', stage.grant.id)).toMatchObject({ usesLeft: 0, lastUsedBy: here.instanceId });
    const again = await refusalOf(stage.enroll({ grant: stage.grant, now: later + 2 * second }));
    expect(again).toMatchObject({ code: 'grant_used_up', facts: { keyId: stage.grant.id } });
  });

  it('at the same moment enrolls exactly one of two', async () => {
    const stage = await granted();
    const asking = { grant: stage.grant, now: later };
    const both = await Promise.allSettled([stage.enroll(asking), stage.enroll({ ...asking, jti: 'two' })]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('is refused after its time, on another instance, and when it was revoked', async () => {
    const stage = await granted();
    const { grant } = stage;
    const past = await refusalOf(stage.enroll({ grant, now: later + minutes15 + 1 }));
    expect(past).toMatchObject({ code: 'grant_expired', facts: { expiresAt: '2026-11-02T10:45:30Z' } });
    const other = running({ instanceId: 'i-0fedcba9876543210' });
    await stage.store.commit([instanceChange(other)]);
    const elsewhere = { ...here, instanceId: other.instanceId, pendingTime: start };
    const refused = await refusalOf(stage.enroll({ grant, claim: elsewhere, now: later }));
    expect(refused).toMatchObject({ code: 'grant_out_of_scope', facts: { keyId: grant.id, scope: 'instanceIds' } });
    const before = (await stage.store.get('key', grant.id))!;
    await stage.store.commit([{ kind: 'key', before, after: { ...before, revokedAt: later } }]);
    expect((await refusalOf(stage.enroll({ grant, now: later }))).code).toBe('grant_revoked');
  });

  it('does not count when the operator has changed their mind', async () => {
    const stage = await granted();
    const asking = { grant: stage.grant, now: later + second };
    await stage.reenrollByKey(newAgentKey().id, later + second);
    expect((await refusalOf(stage.enroll(asking))).code).toBe('re_enrollment_only');
    await stage.release(later + second);
    expect((await refusalOf(stage.enroll(asking))).code).toBe('grant_revoked');
  });

  it('works whatever became of the disk', async () => {
    const stage = await granted();
    await stage.store.putFacts(factsOf(here.instanceId, { launchTime: start, rootAttachedAt: later }));
    expect(await stage.enroll({ grant: stage.grant, now: later })).toMatchObject({ serverId: 'srv_1' });
  });
});

describe('a weaker proof than the one that enrolled', () => {
  const facts = { proof: 'iid-rsa', enrolledWith: 'iid-rsa2048', instance };
  it('rotates nothing', async () => {
    const stage = await lifeStage();
    const asking = { kind: 'iid-rsa', previous: { key: stage.key }, now: later } as const;
    const refused = await refusalOf(stage.enroll(asking, bothDocuments));
    expect(refused).toMatchObject({ code: 'proof_too_weak', facts });
  });

  it('re-enrolls nothing, by whatever the operator has named', async () => {
    const stage = await lifeStage();
    const key = newAgentKey();
    await stage.reenrollByKey(key.id);
    const refused = await refusalOf(stage.enroll({ key, kind: 'iid-rsa', now: later }, bothDocuments));
    expect(refused).toMatchObject({ code: 'proof_too_weak', facts });
    const { seed, publicKeyX } = newSeed();
    const { reenrollment } = await stage.reenrollByGrant(publicKeyX);
    const asking = { grant: { id: reenrollment?.keyId ?? '', seed }, kind: 'iid-rsa', now: later } as const;
    expect(await refusalOf(stage.enroll(asking, bothDocuments))).toMatchObject({ code: 'proof_too_weak', facts });
  });

  it('is measured by the last one: a stronger proof in between counts from then on', async () => {
    const stage = await lifeStage({}, [], { proof: 'iid-rsa' });
    const key = newAgentKey();
    await stage.enroll({ key, previous: { key: stage.key }, now: later });
    const asking = { kind: 'iid-rsa', previous: { key }, now: later + second, jti: 'two' } as const;
    expect((await refusalOf(stage.enroll(asking, bothDocuments))).code).toBe('proof_too_weak');
  });
});

describe('an image of an enrolled machine', () => {
  it('comes with a key that is another instance’s: refused, and a new key is needed', async () => {
    const copy = { ...here, instanceId: 'i-0fedcba9876543210', pendingTime: start };
    const stage = await lifeStage({}, [instanceChange(running({ instanceId: copy.instanceId })), keyChange()]);
    const refused = await refusalOf(stage.enroll({ key: stage.key, claim: copy, ...byKey, now }));
    expect(refused).toMatchObject({ code: 'key_bound_elsewhere', facts: { boundTo: instance } });
    expect(await stage.enroll({ claim: copy, ...byKey, now })).toMatchObject({ agentId: expect.any(String) });
  });

  it('cannot rotate the copied key to its own instance', async () => {
    const copy = { ...here, instanceId: 'i-0fedcba9876543210', pendingTime: start };
    const stage = await lifeStage({}, [instanceChange(running({ instanceId: copy.instanceId }))]);
    await refusalOf(stage.enroll({ previous: { key: stage.key }, claim: copy, now: later }));
    expect(stage.decided.at(-1)).toMatchObject({ code: 'agent_unknown', agentId: stage.key.id });
    expect(await stage.store.get('binding', stage.key.id)).toEqual(
      bindingNamed(stage.key.id, { ...here, publicKey: stage.key.publicKeyX, boundAt: now, version: 1 }),
    );
  });
});
