import { describe, expect, it } from 'vitest';
import type { AgentKey } from '#agent/key/agent-key.ts';
import { signEnrollment } from '#agent/key/sign.ts';
import { enrollInstance } from '#shared/app/enrollment/enroll-instance.ts';
import type { Binding } from '#shared/domain/enrollment/binding.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import type { InstanceParts } from '#test/build/an-instance.ts';
import { bindingNamed, factsOf, second, start } from '#test/build/records.ts';
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
} from '../enrollment/enrollment-setup.ts';
import { later, lifeSetup, newSeed } from './life-setup.ts';

const minutes15 = defaultTiming.reenrollSeconds * second;
const bothDocuments = { allowedProofs: ['iid-rsa2048', 'iid-rsa'] as const };

describe('a rotation', () => {
  const rotate = (setup: Awaited<ReturnType<typeof lifeSetup>>, asking: object = {}) =>
    setup.enroll({ key: newAgentKey(), now: later, previous: { key: setup.key }, ...asking });

  it('puts the new key in the place of the old one in one transaction, and the agent goes on as it was', async () => {
    const setup = await lifeSetup();
    const key = newAgentKey();
    const answer = await rotate(setup, { key });
    expect(answer).toMatchObject({ agentId: key.id, serverId: 'srv_1' });
    expect(setup.kinds()).toEqual(['instance', 'binding', 'binding']);
    expect(await setup.held()).toMatchObject({
      management: { status: 'enrolled', reason: 'launched', since: now },
      agent: { id: key.id, enrolledAt: later, state: 'operational', stateAt: now },
    });
    expect(await setup.store.get('binding', setup.key.id)).toMatchObject({
      ...{ status: 'denied', ended: { reason: 'rotated', at: later, successor: key.id } },
    });
    expect(await setup.store.get('binding', key.id)).toMatchObject({
      status: 'bound',
      proof: 'iid-rsa2048',
      ended: null,
    });
    expect(setup.told()).toMatchObject([
      {
        detailType: 'Instance Enrolled',
        data: { agentId: key.id, replaces: setup.key.id, at: '2026-11-02T10:30:30Z' },
      },
    ]);
  });

  it('asked for again, because the answer was lost, gets it again', async () => {
    const setup = await lifeSetup();
    const key = newAgentKey();
    const answer = await rotate(setup, { key });
    expect(await rotate(setup, { key, jti: 'again', now: later + second })).toEqual(answer);
    expect(setup.written).toHaveLength(3);
  });

  it('is allowed six times in any hour, by whatever keys; beyond, the enrolled key goes on and is told when', async () => {
    const setup = await lifeSetup();
    const keys = [setup.key];
    const next = (at: number) => {
      keys.push(newAgentKey());
      return rotate(setup, { key: keys.at(-1), previous: { key: keys.at(-2) }, now: at });
    };
    const minute = 60 * second;
    for (let nth = 0; nth < 6; nth++) await next(later + nth * minute);
    const held = await setup.held();
    const { length } = setup.written;
    expect(await refusalOf(next(later + 6 * minute))).toEqual({
      code: 'rotated_too_often',
      facts: { agentId: keys[6]!.id, perHour: 6, retryAfterSeconds: 54 * 60, instance, reference: 'ref_1' },
    });
    // The refused agent is noted on the record, as any other.
    expect(setup.written.slice(length)).toMatchObject([
      { after: { identity: { refusedAttempt: { code: 'rotated_too_often' } } } },
    ]);
    expect((await setup.held()).agent).toEqual(held.agent);
    keys.pop();
    expect(await next(later + 60 * minute)).toMatchObject({ agentId: keys.at(-1)!.id });
    expect(await setup.store.get('binding', keys.at(-1)!.id)).toMatchObject({ rotations: { length: 6 } });
  });

  it('leaves the old key denied: it neither enrolls nor rotates', async () => {
    const setup = await lifeSetup();
    await rotate(setup);
    expect((await refusalOf(setup.enroll({ key: setup.key, now: later }))).code).toBe('key_denied');
    const again = await refusalOf(rotate(setup));
    expect([again.code, setup.decided.at(-1)]).toMatchObject([
      'refused',
      { code: 'agent_unknown', agentId: setup.key.id },
    ]);
  });

  it('of two at once binds exactly one', async () => {
    const setup = await lifeSetup();
    const both = await Promise.allSettled([rotate(setup), rotate(setup, { jti: 'two' })]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const held = await setup.held();
    expect(await setup.store.get('binding', setup.key.id)).toMatchObject({ ended: { successor: held.agent?.id } });
  });

  it('works where disk and policy have changed since the first enrollment', async () => {
    const setup = await lifeSetup();
    await setup.store.putFacts(factsOf(here.instanceId, { launchTime: start, rootAttachedAt: later }));
    expect(await rotate(setup)).toMatchObject({ serverId: 'srv_1' });
  });

  it.each<[string, (setup: { key: AgentKey }) => object, string]>([
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
    const setup = await lifeSetup();
    await refusalOf(rotate(setup, asking(setup)));
    expect(setup.decided.at(-1)).toMatchObject({ decision: 'refused', code });
    expect(await setup.held()).toMatchObject({ agent: { id: setup.key.id } });
    expect(await setup.store.get('binding', setup.key.id)).toMatchObject({ status: 'bound' });
  });

  it('is refused where the enrolled key’s binding is lost: nothing can verify the token then', async () => {
    const setup = await lifeSetup();
    const lost = newAgentKey().id;
    const before = await setup.held();
    await setup.store.saveInstance(before, { ...before, agent: { ...before.agent!, id: lost } });
    const forger = { ...newAgentKey(), id: lost };
    expect(await refusalOf(rotate(setup, { previous: { key: forger } }))).toMatchObject({ code: 'refused' });
    expect((await setup.held()).agent?.id).toBe(lost);
    expect(setup.decided.at(-1)).toMatchObject({ decision: 'refused', code: 'agent_unknown' });
  });

  it('by what is no token is decided like any other, and noted', async () => {
    const setup = await lifeSetup();
    const proof = proofOf({ ...here, pendingTime: start });
    const description = { version: '', os: '', osVersion: '', arch: '', hostname: '', bootId: 'b' };
    const payload = { aud: audience, jti: 'one', iat: later / 1000, proof, previous: 'x', agent: description };
    const asked = enrollInstance(signEnrollment(newAgentKey(), payload), later, setup.enrollPorts);
    expect(await refusalOf(asked)).toMatchObject({ code: 'refused' });
    expect(setup.decided.at(-1)).toMatchObject({ decision: 'refused', code: 'malformed_jws' });
    expect((await setup.held()).identity.refusedAttempt).toMatchObject({ code: 'malformed_jws' });
    const tooLong = { ...payload, previous: 'x'.repeat(1025) };
    const refused = enrollInstance(signEnrollment(newAgentKey(), tooLong), later, setup.enrollPorts);
    expect(await refusalOf(refused)).toMatchObject({ code: 'malformed_request', facts: { member: 'previous' } });
  });

  it('keeps to what the policy asks of launches, which its instance came by', async () => {
    const setup = await lifeSetup();
    const strict = { launchPolicy: { proofKinds: ['sts'] as const, attachments: [] } };
    const refused = await refusalOf(
      setup.enroll({ key: newAgentKey(), now: later, previous: { key: setup.key } }, strict),
    );
    expect(refused).toMatchObject({ code: 'proof_not_allowed' });
  });

  it('is refused in a conflict: neither machine may take the key with it', async () => {
    const setup = await lifeSetup({ identity: { conflict: { reason: 'broken_chain', since: now } } });
    const facts = { reason: 'broken_chain', since: '2026-11-02T10:00:30Z', instance, reference: 'ref_1' };
    expect(await refusalOf(rotate(setup))).toEqual({ code: 'identity_conflict', facts });
  });

  it('needs a document of this start', async () => {
    const setup = await lifeSetup({ cloud: { epoch: later - 60 * second } });
    expect((await refusalOf(rotate(setup))).code).toBe('stale_document');
  });
});

describe('another key than the enrolled one', () => {
  it('is refused with whatever grant, and told who is enrolled', async () => {
    const setup = await lifeSetup({}, launchChanges());
    const refused = await refusalOf(setup.enroll({ ...byLaunch, now: later }));
    expect(refused).toMatchObject({ code: 'already_enrolled', facts: { enrolledAgent: setup.key.id } });
  });
});

describe('the re-enrollment of a key that an operator has named', () => {
  it('needs no grant, and the event says whose place it took', async () => {
    const setup = await lifeSetup();
    const key = newAgentKey();
    await setup.reenrollByKey(key.id);
    expect(await setup.enroll({ key, now: later + second })).toMatchObject({ agentId: key.id, serverId: 'srv_1' });
    expect(await setup.held()).toMatchObject({
      management: { status: 'enrolled', reason: 'adopted', since: later + second },
      identity: { reenroll: null },
      agent: { id: key.id, state: null },
    });
    expect(setup.told()).toMatchObject([
      { detailType: 'Server State Changed' },
      { detailType: 'Instance Enrolled', data: { agentId: key.id, replaces: setup.key.id, reason: 'adopted' } },
    ]);
  });

  it('works whatever became of the disk', async () => {
    const setup = await lifeSetup();
    await setup.store.putFacts(factsOf(here.instanceId, { launchTime: start, rootAttachedAt: later }));
    const key = newAgentKey();
    await setup.reenrollByKey(key.id);
    expect(await setup.enroll({ key, now: later })).toMatchObject({ agentId: key.id });
  });

  it('is over after a quarter of an hour, and says so', async () => {
    const setup = await lifeSetup();
    const key = newAgentKey();
    await setup.reenrollByKey(key.id);
    const refused = await refusalOf(setup.enroll({ key, now: later + minutes15 + 1 }));
    expect(refused).toMatchObject({ code: 'grant_expired', facts: { expiresAt: '2026-11-02T10:45:30Z' } });
  });

  it('is for that key alone, whatever grant another one shows', async () => {
    const setup = await lifeSetup({}, [...launchChanges(), keyChange()]);
    await setup.reenrollByKey(newAgentKey().id);
    const refused = await refusalOf(setup.enroll({ ...byLaunch, now: later }));
    expect(refused).toMatchObject({ code: 're_enrollment_only', facts: { until: '2026-11-02T10:45:30Z' } });
    expect((await refusalOf(setup.enroll({ now: later }))).code).toBe('refused');
    // Nor does another grant count once it is over: an operator asks again.
    const past = await refusalOf(setup.enroll({ ...byLaunch, now: later + minutes15 + second }));
    expect(past.code).toBe('re_enrollment_only');
  });

  it('is for this instance alone', async () => {
    const other = { ...here, instanceId: 'i-0fedcba9876543210' };
    const setup = await lifeSetup({}, [instanceChange(running({ instanceId: other.instanceId }))]);
    const key = newAgentKey();
    await setup.reenrollByKey(key.id);
    await refusalOf(setup.enroll({ key, claim: { ...other, pendingTime: start }, now: later }));
    expect(setup.decided.at(-1)).toMatchObject({ code: 'grant_missing', instanceId: other.instanceId });
  });
});

describe('the re-enrollment with an operator’s grant', () => {
  async function granted(fields: InstanceParts = {}, bound: Partial<Binding> = {}) {
    const setup = await lifeSetup(fields, [], bound);
    const { seed, publicKeyX } = newSeed();
    const view = await setup.reenrollByGrant(publicKeyX);
    return { ...setup, grant: { id: view.reenrollment?.keyId ?? '', seed } };
  }

  it('enrolls one key once, on an instance that Muster launched', async () => {
    const setup = await granted();
    const key = newAgentKey();
    expect(await setup.enroll({ key, grant: setup.grant, now: later + second })).toMatchObject({ agentId: key.id });
    expect(await setup.held()).toMatchObject({
      agent: { id: key.id },
      management: { reason: 'enrollment_key' },
      identity: { reenroll: null },
    });
    expect(await setup.store.get('key', setup.grant.id)).toMatchObject({ usesLeft: 0, lastUsedBy: here.instanceId });
    const again = await refusalOf(setup.enroll({ grant: setup.grant, now: later + 2 * second }));
    expect(again).toMatchObject({ code: 'grant_used_up', facts: { keyId: setup.grant.id } });
  });

  it('at the same moment enrolls exactly one of two', async () => {
    const setup = await granted();
    const asking = { grant: setup.grant, now: later };
    const both = await Promise.allSettled([setup.enroll(asking), setup.enroll({ ...asking, jti: 'two' })]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('is refused after its time, on another instance, and when it was revoked', async () => {
    const setup = await granted();
    const { grant } = setup;
    const past = await refusalOf(setup.enroll({ grant, now: later + minutes15 + 1 }));
    expect(past).toMatchObject({ code: 'grant_expired', facts: { expiresAt: '2026-11-02T10:45:30Z' } });
    const other = running({ instanceId: 'i-0fedcba9876543210' });
    await setup.store.commit([instanceChange(other)]);
    const elsewhere = { ...here, instanceId: other.instanceId, pendingTime: start };
    const refused = await refusalOf(setup.enroll({ grant, claim: elsewhere, now: later }));
    expect(refused).toMatchObject({ code: 'grant_out_of_scope', facts: { keyId: grant.id, scope: 'instanceIds' } });
    const before = (await setup.store.get('key', grant.id))!;
    await setup.store.commit([{ kind: 'key', before, after: { ...before, revokedAt: later } }]);
    expect((await refusalOf(setup.enroll({ grant, now: later }))).code).toBe('grant_revoked');
  });

  it('does not count when the operator has changed their mind', async () => {
    const setup = await granted();
    const asking = { grant: setup.grant, now: later + second };
    await setup.reenrollByKey(newAgentKey().id, later + second);
    expect((await refusalOf(setup.enroll(asking))).code).toBe('re_enrollment_only');
    await setup.release(later + second);
    expect((await refusalOf(setup.enroll(asking))).code).toBe('grant_revoked');
  });

  it('works whatever became of the disk', async () => {
    const setup = await granted();
    await setup.store.putFacts(factsOf(here.instanceId, { launchTime: start, rootAttachedAt: later }));
    expect(await setup.enroll({ grant: setup.grant, now: later })).toMatchObject({ serverId: 'srv_1' });
  });
});

describe('a weaker proof than the one that enrolled', () => {
  const facts = { proof: 'iid-rsa', enrolledWith: 'iid-rsa2048', instance };
  it('rotates nothing', async () => {
    const setup = await lifeSetup();
    const asking = { kind: 'iid-rsa', previous: { key: setup.key }, now: later } as const;
    const refused = await refusalOf(setup.enroll(asking, bothDocuments));
    expect(refused).toMatchObject({ code: 'proof_too_weak', facts });
  });

  it('re-enrolls nothing, by whatever the operator has named', async () => {
    const setup = await lifeSetup();
    const key = newAgentKey();
    await setup.reenrollByKey(key.id);
    const refused = await refusalOf(setup.enroll({ key, kind: 'iid-rsa', now: later }, bothDocuments));
    expect(refused).toMatchObject({ code: 'proof_too_weak', facts });
    const { seed, publicKeyX } = newSeed();
    const { reenrollment } = await setup.reenrollByGrant(publicKeyX);
    const asking = { grant: { id: reenrollment?.keyId ?? '', seed }, kind: 'iid-rsa', now: later } as const;
    expect(await refusalOf(setup.enroll(asking, bothDocuments))).toMatchObject({ code: 'proof_too_weak', facts });
  });

  it('is measured by the last one: a stronger proof in between counts from then on', async () => {
    const setup = await lifeSetup({}, [], { proof: 'iid-rsa' });
    const key = newAgentKey();
    await setup.enroll({ key, previous: { key: setup.key }, now: later });
    const asking = { kind: 'iid-rsa', previous: { key }, now: later + second, jti: 'two' } as const;
    expect((await refusalOf(setup.enroll(asking, bothDocuments))).code).toBe('proof_too_weak');
  });
});

describe('an image of an enrolled machine', () => {
  it('comes with a key that is another instance’s: refused, and a new key is needed', async () => {
    const copy = { ...here, instanceId: 'i-0fedcba9876543210', pendingTime: start };
    const setup = await lifeSetup({}, [instanceChange(running({ instanceId: copy.instanceId })), keyChange()]);
    const refused = await refusalOf(setup.enroll({ key: setup.key, claim: copy, ...byKey, now }));
    expect(refused).toMatchObject({ code: 'key_bound_elsewhere', facts: { boundTo: instance } });
    expect(await setup.enroll({ claim: copy, ...byKey, now })).toMatchObject({ agentId: expect.any(String) });
  });

  it('cannot rotate the copied key to its own instance', async () => {
    const copy = { ...here, instanceId: 'i-0fedcba9876543210', pendingTime: start };
    const setup = await lifeSetup({}, [instanceChange(running({ instanceId: copy.instanceId }))]);
    await refusalOf(setup.enroll({ previous: { key: setup.key }, claim: copy, now: later }));
    expect(setup.decided.at(-1)).toMatchObject({ code: 'agent_unknown', agentId: setup.key.id });
    expect(await setup.store.get('binding', setup.key.id)).toEqual(
      bindingNamed(setup.key.id, { ...here, publicKey: setup.key.publicKeyX, boundAt: now, version: 1 }),
    );
  });
});
