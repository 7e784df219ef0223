import { describe, expect, it } from 'vitest';
import {
  blockInstance,
  reenrollByGrant,
  reenrollByKey,
  releaseInstance,
  unblockInstance,
} from '#shared/app/enrollment/end-binding.ts';
import type { Store } from '#shared/app/ports.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { type InstanceParts, withParts } from '#test/build/an-instance.ts';
import { anAct, bindingNamed, second } from '#test/build/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import { later, lifeSetup, newSeed } from '../agent/life-setup.ts';
import { byLaunch, here, instance, instanceId, launchChanges, now } from './enrollment-setup.ts';

const minutes15 = defaultTiming.reenrollSeconds * second;

describe('a release', () => {
  it('ends the binding, and then the management', async () => {
    const setup = await lifeSetup();
    const view = await setup.release();
    expect(view).toMatchObject({
      ...{ management: 'discovered-only', managementReason: 'released', managementSince: '2026-11-02T10:30:30Z' },
      managementBy: anAct,
      ...{ agent: null, conflict: null, reenrollment: null, serverId: 'srv_1' },
      actions: {
        release: { allowed: false, code: 'not_managed' },
        block: { allowed: false, code: 'not_managed' },
        unblock: { allowed: false, code: 'not_blocked' },
        're-enroll': { allowed: false, code: 'not_managed' },
        adopt: { allowed: false, code: 'not_implemented' },
      },
    });
    expect(setup.kinds()).toEqual(['binding', 'instance']);
    expect(await setup.store.get('binding', setup.key.id)).toMatchObject({
      ...{ status: 'denied', publicKey: setup.key.publicKeyX, proof: 'iid-rsa2048' },
      ended: { reason: 'released', at: later, successor: null, act: anAct },
    });
    expect(setup.told()).toMatchObject([
      { detailType: 'Instance Discovered-Only', data: { reason: 'released', at: '2026-11-02T10:30:30Z', by: anAct } },
      { detailType: 'Server State Changed', data: { previousState: 'operational', state: 'unknown' } },
    ]);
  });

  it('the second time changes nothing, and answers as the first', async () => {
    const setup = await lifeSetup();
    const view = await setup.release();
    expect(await setup.release(later + second)).toEqual(view);
    expect(setup.written).toHaveLength(2);
  });

  it('does not end by itself: the key is denied, and time marks nothing', async () => {
    const setup = await lifeSetup({}, launchChanges());
    await setup.release();
    expect((await refusalOf(setup.enroll({ key: setup.key, ...byLaunch, now: later }))).code).toBe('key_denied');
    expect(await setup.held()).toMatchObject({ management: { reason: 'released' } });
    expect(await setup.store.listDue(later + 365 * 86_400 * second, 10)).toEqual([]);
  });

  it('is over when a valid grant enrolls a new key: on the server that it was', async () => {
    const setup = await lifeSetup({}, launchChanges());
    await setup.release();
    const key = newAgentKey();
    expect(await setup.enroll({ key, ...byLaunch, now: later })).toMatchObject({ serverId: 'srv_1' });
    expect(await setup.held()).toMatchObject({
      agent: { id: key.id },
      management: { status: 'enrolled', reason: 'launched' },
    });
  });

  it('denies a key whose binding was lost, too', async () => {
    const setup = await lifeSetup();
    const key = newAgentKey();
    const before = await setup.held();
    await setup.store.saveInstance(before, { ...before, agent: { ...before.agent!, id: key.id } });
    await setup.release();
    expect(await setup.store.get('binding', key.id)).toMatchObject({ status: 'denied', instanceId });
  });
});

describe('a block', () => {
  it('ends the binding as a release does, and refuses every enrollment by name until it is taken back', async () => {
    const setup = await lifeSetup({}, launchChanges());
    const view = await setup.block();
    expect(view).toMatchObject({ managementReason: 'blocked', agent: null, actions: { unblock: { allowed: true } } });
    expect(setup.kinds()).toEqual(['binding', 'instance']);
    const asking = { ...byLaunch, now: later + second };
    expect(await refusalOf(setup.enroll(asking))).toMatchObject({
      code: 'instance_blocked',
      facts: { blockedSince: '2026-11-02T10:30:30Z', instance },
    });
    // Whoever shows no grant is not told.
    expect((await refusalOf(setup.enroll({ now: later + second }))).code).toBe('refused');
    expect(await setup.unblock(later + 2 * second)).toMatchObject({ managementReason: 'released' });
    expect(await setup.enroll(asking)).toMatchObject({ serverId: 'srv_1' });
  });

  it('and its end change nothing the second time', async () => {
    const setup = await lifeSetup();
    const blocked = await setup.block();
    expect(await setup.block(later + second)).toEqual(blocked);
    const unblocked = await setup.unblock(later + 2 * second);
    expect(await setup.unblock(later + 3 * second)).toEqual(unblocked);
    expect(setup.kinds()).toEqual(['binding', 'instance', 'instance']);
  });
});

describe('a re-enrollment', () => {
  it('by thumbprint ends the binding, and waits for that key for a quarter of an hour', async () => {
    const setup = await lifeSetup({ identity: { conflict: { reason: 'broken_chain', since: now } } });
    const { id } = newAgentKey();
    expect(await setup.reenrollByKey(id)).toMatchObject({
      ...{ management: 'pending', managementReason: 'awaiting_enrollment', agent: null, conflict: null },
      reenrollment: { agentId: id, keyId: null, replaces: setup.key.id, until: '2026-11-02T10:45:30Z' },
      actions: { release: { allowed: true }, block: { allowed: true }, 're-enroll': { allowed: true } },
    });
    expect(setup.kinds()).toEqual(['binding', 'instance']);
    expect(await setup.store.get('binding', setup.key.id)).toMatchObject({
      ...{ status: 'denied', ended: { reason: 're_enrolled', at: later } },
    });
    // Nobody comes: the deadline of an enrollment counts from here.
    const [due] = await setup.store.listDue(later + minutes15, 10);
    expect(due).toMatchObject({ kind: 'instance', due: later + minutes15 });
  });

  it('by grant registers a key for this instance alone, for one use, in the same transaction', async () => {
    const setup = await lifeSetup();
    const { publicKeyX } = newSeed();
    const view = await setup.reenrollByGrant(publicKeyX);
    expect(setup.kinds()).toEqual(['binding', 'key', 'instance']);
    const keyId = view.reenrollment?.keyId ?? '';
    expect(await setup.store.get('key', keyId)).toMatchObject({
      ...{ publicKey: publicKeyX, usesLeft: 1, expiresAt: later + minutes15, createdBy: 'ann', reenrolls: true },
      scope: { accounts: ['111122223333'], regions: ['us-east-1'], instanceIds: [instanceId] },
    });
  });

  it('the second time changes nothing; another takes its place', async () => {
    const setup = await lifeSetup();
    const [one, two] = [newAgentKey(), newAgentKey()];
    const { publicKeyX } = newSeed();
    const first = await setup.reenrollByKey(one.id);
    expect(await setup.reenrollByKey(one.id, later + second)).toEqual(first);
    const grant = await setup.reenrollByGrant(publicKeyX, later + second);
    expect(await setup.reenrollByGrant(publicKeyX, later + 2 * second)).toEqual(grant);
    expect(await setup.reenrollByKey(two.id, later + 3 * second)).toMatchObject({
      reenrollment: { agentId: two.id, keyId: null, replaces: setup.key.id },
    });
    expect(setup.kinds()).toEqual(['binding', 'instance', 'instance', 'key', 'instance']);
  });

  it('can be asked for again once it has passed, and once time has made the instance discovered-only', async () => {
    const setup = await lifeSetup();
    const { id } = newAgentKey();
    await setup.reenrollByKey(id);
    const before = await setup.held();
    const passed: InstanceParts = { management: { status: 'discovered-only', reason: 'deadline_passed' } };
    await setup.store.saveInstance(before, withParts(before, passed));
    const again = later + minutes15 + second;
    expect(await setup.reenrollByKey(id, again)).toMatchObject({
      ...{ management: 'pending', reenrollment: { replaces: setup.key.id, until: '2026-11-02T11:00:31Z' } },
    });
  });

  it('that is open can be ended by a release or a block', async () => {
    for (const end of ['release', 'block'] as const) {
      const setup = await lifeSetup();
      await setup.reenrollByKey(newAgentKey().id);
      expect(await setup[end](later + second)).toMatchObject({ management: 'discovered-only', reenrollment: null });
    }
  });
});

describe('what an operator asks for is refused', () => {
  const other = { ...here, instanceId: 'i-0fedcba9876543210' };
  it.each(['release', 'block', 'unblock'] as const)('%s of an instance that is none', async (action) => {
    const setup = await lifeSetup();
    const call = { release: releaseInstance, block: blockInstance, unblock: unblockInstance }[action];
    expect(await refusalOf(call(other, anAct, later, setup.operate))).toEqual({ code: 'not_found', facts: other });
  });

  it.each([
    ['release', {}, 'not_managed'],
    ['block', {}, 'not_managed'],
    ['unblock', {}, 'not_blocked'],
    ['re-enroll', {}, 'not_managed'],
    ['release', { reason: 'blocked' }, 'instance_blocked'],
    ['re-enroll', { reason: 'blocked' }, 'instance_blocked'],
  ] as const)('%s of a discovered-only instance %j', async (action, fields, code) => {
    const setup = await lifeSetup({
      agent: null,
      management: { status: 'discovered-only', reason: 'deadline_passed', ...fields },
    });
    const call = {
      ...{ release: setup.release, block: setup.block, unblock: setup.unblock },
      're-enroll': () => setup.reenrollByKey(newAgentKey().id),
    }[action];
    expect(await refusalOf(call())).toEqual({ code, facts: { instance } });
    expect(setup.written).toEqual([]);
  });

  it.each(['shutting-down', 'terminated'] as const)('re-enroll of an instance that is %s', async (state) => {
    const setup = await lifeSetup({ cloud: { state } });
    expect((await refusalOf(setup.reenrollByKey(newAgentKey().id))).code).toBe('not_running');
  });

  it('re-enroll by a key that is enrolled there, or elsewhere, or was denied', async () => {
    const setup = await lifeSetup();
    const [elsewhere, denied] = [newAgentKey().id, newAgentKey().id];
    const made = [bindingNamed(elsewhere, other), bindingNamed(denied, { ...other, status: 'denied' })];
    for (const after of made) await setup.store.commit([{ kind: 'binding', before: undefined, after }]);
    const refusals = await Promise.all(
      [setup.key.id, elsewhere, denied].map((id) => refusalOf(setup.reenrollByKey(id))),
    );
    expect(refusals).toEqual([
      { code: 'already_enrolled', facts: { enrolledAgent: setup.key.id } },
      { code: 'key_bound_elsewhere', facts: { boundTo: '111122223333/us-east-1/i-0fedcba9876543210' } },
      { code: 'key_denied', facts: { agentId: denied } },
    ]);
  });

  it('re-enroll by a grant that was registered before, or that proves nothing', async () => {
    const setup = await lifeSetup();
    const { publicKeyX } = newSeed();
    await setup.reenrollByGrant(publicKeyX);
    const past = later + minutes15 + second;
    expect((await refusalOf(setup.reenrollByGrant(publicKeyX, past))).code).toBe('already_exists');
    expect((await refusalOf(setup.reenrollByGrant('A'.repeat(43)))).code).toBe('weak_key');
  });

  it('when others change the records thirty times: conflict, and nothing is written', async () => {
    const setup = await lifeSetup();
    let commits = 0;
    const commit: Store['commit'] = async () => ++commits < 0;
    const refused = await refusalOf(
      releaseInstance(here, anAct, later, { ...setup.operate, store: { ...setup.store, commit } }),
    );
    expect([refused, commits]).toEqual([{ code: 'conflict', facts: { instance } }, 30]);
    expect(setup.written).toEqual([]);
  });

  it('and of two at once exactly one goes through', async () => {
    const setup = await lifeSetup();
    const both = await Promise.allSettled([setup.release(), setup.block()]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(setup.written).toHaveLength(2);
  });
});

describe('an operator', () => {
  /** Whoever asks for the instance's record finds that it has changed before he writes, so often. */
  const crowded = (setup: Awaited<ReturnType<typeof lifeSetup>>, times: number): Store => {
    let left = times;
    return {
      ...setup.store,
      async getInstance(key) {
        const read = await setup.store.getInstance(key);
        if (left-- > 0 && read) await setup.store.saveInstance(read, withParts(read, { cloud: { seenAt: left } }));
        return read;
      },
    };
  };

  it.each(['release', 'block', 're-enroll'] as const)(
    'is not held off by writers that are quicker: %s',
    async (action) => {
      const setup = await lifeSetup();
      const ports = { ...setup.operate, store: crowded(setup, 20) };
      const call = {
        release: () => releaseInstance(here, anAct, later, ports),
        block: () => blockInstance(here, anAct, later, ports),
        're-enroll': () => reenrollByKey(here, newAgentKey().id, anAct, later, ports),
      }[action];
      expect(await call()).toMatchObject({ agent: null });
    },
  );
});

describe('an ending that stopped after the key was denied', () => {
  const endings = ['release', 'block', 're-enroll'] as const;
  const reasons = { release: 'released', block: 'blocked', 're-enroll': 'awaiting_enrollment' } as const;
  const grant = newSeed().publicKeyX;

  /** Muster dies between the two writes. */
  async function halfDone(action: (typeof endings)[number]) {
    const setup = await lifeSetup({}, launchChanges());
    const saveInstance = () => Promise.reject(new Error('died'));
    const ports = { ...setup.operate, store: { ...setup.store, saveInstance } };
    const call = {
      release: () => releaseInstance(here, anAct, later, ports),
      block: () => blockInstance(here, anAct, later, ports),
      're-enroll': () => reenrollByGrant(here, grant, anAct, later, ports),
    }[action];
    await expect(call()).rejects.toThrow('died');
    expect(await setup.held()).toMatchObject({ agent: { id: setup.key.id } });
    return setup;
  }
  const done = (action: (typeof endings)[number]) => ({
    agent: null,
    management: { reason: reasons[action], since: later, act: anAct },
  });

  it.each(endings)('is finished by the same call, as of then: %s', async (action) => {
    const setup = await halfDone(action);
    const at = later + 60 * second;
    const view = {
      release: () => setup.release(at),
      block: () => setup.block(at),
      're-enroll': () => setup.reenrollByGrant(grant, at),
    }[action];
    expect(await view()).toMatchObject({ agent: null, managementReason: reasons[action] });
    expect(await setup.held()).toMatchObject(done(action));
    const keys = setup.kinds().filter((kind) => kind === 'key');
    expect(keys).toHaveLength(action === 're-enroll' ? 1 : 0);
  });

  it('is finished before another call decides: a release does not undo a block', async () => {
    const setup = await halfDone('block');
    expect((await refusalOf(setup.release(later + second))).code).toBe('instance_blocked');
    expect(await setup.held()).toMatchObject(done('block'));
  });

  it.each(endings)('is finished by an enrollment, before that is decided: %s', async (action) => {
    const setup = await halfDone(action);
    const asking = setup.enroll({ key: newAgentKey(), ...byLaunch, now: later + second });
    if (action === 'release') expect(await asking).toMatchObject({ serverId: 'srv_1' });
    else expect((await refusalOf(asking)).code).toBe(action === 'block' ? 'instance_blocked' : 're_enrollment_only');
    if (action !== 'release') expect(await setup.held()).toMatchObject(done(action));
  });
});
