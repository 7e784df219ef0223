import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { registerKey, revokeKey } from '#shared/app/enrollment/keys.ts';
import type { Store } from '#shared/app/ports.ts';
import type { AttachmentOutcome } from '#shared/domain/enrollment/attachment.ts';
import { usualLaunchPolicy } from '#shared/domain/enrollment/enrollment-case.ts';
import { type EnrollmentScope, everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { second, start } from '#test/build/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import {
  byKey,
  byLaunch,
  enrollmentSetup,
  factsOfStart,
  here,
  instanceChange,
  instanceId,
  keyChange,
  keyId,
  keyScope,
  launchChanges,
  launchId,
  now,
  precisely,
  running,
} from './enrollment-setup.ts';

const profile = 'arn:aws:iam::111122223333:instance-profile/web';
const asked = [{ ...here, attempt: 0 }];
const later = start + 3600 * second;

/** A running instance, of which EC2 has told this of its present start, and a key. */
async function setupWith(scope: Partial<EnrollmentScope>, facts: Partial<InstanceFacts> = {}, launchTime = start) {
  const setup = await enrollmentSetup([instanceChange(running()), keyChange(keyScope(scope))]);
  await setup.store.putFacts(factsOfStart(instanceId, launchTime, facts));
  return setup;
}

/** The same, of a launch of Muster's. */
async function launchedWith(facts: Partial<InstanceFacts>) {
  const setup = await enrollmentSetup([
    instanceChange(running({ assignment: { launchId, serverId: 'srv_1' } })),
    ...launchChanges(),
  ]);
  await setup.store.putFacts(factsOfStart(instanceId, start, facts));
  return setup;
}

describe('the scope of an enrollment key', () => {
  const facts = { instanceProfileArn: profile, tags: { role: 'web', team: 'a' } };
  it.each<[string, Partial<EnrollmentScope>]>([
    ['a profile by its name', { roles: ['web'] }],
    ['a profile by its ARN', { roles: [profile] }],
    ['a tag', { tags: { role: 'web' } }],
    ['the kind of proof', { proofKinds: ['iid-rsa2048'] }],
    ['all of them', { roles: ['web'], tags: facts.tags, proofKinds: ['sts', 'iid-rsa2048'], windowSeconds: 60 }],
  ])('lets an instance in by %s', async (_case, scope) => {
    const setup = await setupWith(scope, facts);
    expect(await setup.enroll(byKey)).toMatchObject({ serverId: 'srv_1' });
  });

  it.each<[keyof EnrollmentScope, Partial<EnrollmentScope>, object]>([
    ['roles', { roles: ['db'] }, { retryAfterSeconds: 60 }],
    ['tags', { tags: { role: 'web', team: 'b' } }, { retryAfterSeconds: 60 }],
    ['proofKinds', { proofKinds: ['sts'] }, {}],
    ['vpcs', { vpcs: ['vpc-other'] }, {}],
  ])('keeps an instance out by its %s, and tells a holder of the key by which', async (member, scope, wait) => {
    const setup = await setupWith(scope, { ...facts, describedAt: now });
    const told = precisely({ keyId, scope: member, ...wait });
    expect(await refusalOf(setup.enroll(byKey))).toEqual({ code: 'grant_out_of_scope', facts: told });
    expect(setup.decided).toMatchObject([{ code: 'grant_out_of_scope', scope: member }]);
    expect(setup.verify.messages).toEqual([]);
  });

  it.each<[keyof EnrollmentScope, Partial<EnrollmentScope>]>([
    ['roles', { roles: ['db'] }],
    ['tags', { tags: { role: 'db' } }],
  ])(
    'asks EC2 again for %s that may have changed, before it refuses, and after each refusal',
    async (member, scope) => {
      const setup = await setupWith(scope, { ...facts, describedAt: now - 10 * second - 1 });
      const told = precisely({ keyId, scope: member, retryAfterSeconds: 5 });
      expect(await refusalOf(setup.enroll(byKey))).toEqual({ code: 'instance_not_described', facts: told });
      expect(setup.verify.messages).toEqual(asked);
      await setup.store.putFacts(factsOfStart(instanceId, start, { ...facts, describedAt: now + second }));
      expect((await refusalOf(setup.enroll({ ...byKey, now: now + 5 * second }))).code).toBe('grant_out_of_scope');
      const mended = { instanceProfileArn: profile.replace('web', 'db'), tags: { role: 'db' } };
      await setup.store.putFacts(factsOfStart(instanceId, start, { ...mended, describedAt: now + 66 * second }));
      expect(await setup.enroll({ ...byKey, now: now + 70 * second })).toMatchObject({ serverId: 'srv_3' });
    },
  );

  it('refuses for good, and asks no more, when the key’s window has closed', async () => {
    const setup = await setupWith({ tags: { role: 'db' } }, facts);
    const closed = start + (5 + defaultTiming.enrollmentWindowSeconds) * second + 1;
    const told = precisely({ keyId, scope: 'tags' });
    expect(await refusalOf(setup.enroll({ ...byKey, now: closed }))).toEqual({
      code: 'grant_out_of_scope',
      facts: told,
    });
    expect(setup.verify.messages).toEqual([]);
  });

  it('tells nobody else what it is', async () => {
    const setup = await setupWith({ roles: ['db'] }, facts);
    const forged = { grant: { id: keyId, seed: newGrantKey(randomBytes).seed } };
    for (const [nth, asking] of [{}, forged].entries()) {
      const told = { code: 'refused', facts: { reference: `ref_${nth + 1}` } };
      expect(await refusalOf(setup.enroll(asking))).toEqual(told);
    }
  });

  it.each<[string, number, Partial<EnrollmentScope>, boolean]>([
    ['twenty minutes, then', 1205, { windowSeconds: 1200 }, true],
    ['twenty minutes, later', 1206, { windowSeconds: 1200 }, false],
    ['a minute, later', 66, { windowSeconds: 60 }, false],
    ['a minute, but the instance is named', 66, { windowSeconds: 60, instanceIds: [instanceId] }, true],
  ])('has a window of its own: %s', async (_case, secondsLater, scope, enters) => {
    const setup = await setupWith(scope);
    const enrolling = setup.enroll({ ...byKey, now: start + secondsLater * second });
    if (enters) expect(await enrolling).toMatchObject({ serverId: 'srv_1' });
    else expect((await refusalOf(enrolling)).code).toBe('enrollment_window_closed');
  });

  const minutes = 60 * second;
  it.each([
    [21, null, true],
    [35, null, true],
    [35.1, null, false],
    [31, 'discovered-only', true],
  ] as const)(
    'begins when EC2 saw the instance running, twenty minutes after its start: at minute %d (%s)',
    async (minute, status, enters) => {
      const runningAt = start + 20 * minutes;
      const found = status ? ({ status, reason: 'deadline_passed', since: start + 16 * minutes } as const) : {};
      const slow = running({ cloud: { runningAt, at: runningAt }, management: found });
      const setup = await enrollmentSetup([instanceChange(slow), keyChange()]);
      const enrolling = setup.enroll({ ...byKey, now: start + minute * minutes });
      if (enters) expect(await enrolling).toMatchObject({ serverId: 'srv_1' });
      else
        expect(await refusalOf(enrolling)).toMatchObject({
          code: 'enrollment_window_closed',
          facts: { pendingTime: '2026-11-02T10:00:00Z', closedAt: '2026-11-02T10:35:00Z' },
        });
    },
  );

  it('has not begun while EC2 says that the instance is pending', async () => {
    const slow = running({ cloud: { state: 'pending', runningAt: null, at: start } });
    const setup = await enrollmentSetup([instanceChange(slow), keyChange()]);
    expect(await setup.enroll({ ...byKey, now: start + 25 * minutes })).toMatchObject({ serverId: 'srv_1' });
  });
});

describe('what EC2 said of another start', () => {
  it.each([
    ['an earlier', start - 11 * second],
    ['a later', start + 11 * second],
  ])('tells nothing of this one: %s', async (_case, launchTime) => {
    const setup = await setupWith({}, {}, launchTime);
    const told = precisely({ keyId, retryAfterSeconds: 5 });
    expect(await refusalOf(setup.enroll(byKey))).toEqual({ code: 'instance_not_described', facts: told });
    expect(setup.verify.messages).toEqual(asked);
  });

  it('is of this start within ten seconds', async () => {
    const setup = await setupWith({}, {}, start + 10 * second);
    expect(await setup.enroll(byKey)).toMatchObject({ serverId: 'srv_1' });
  });

  it('is asked for again, and the agent that comes back enrolls', async () => {
    const setup = await setupWith({ tags: { role: 'web' } }, { tags: { role: 'web' } }, start - 3600 * second);
    const key = newAgentKey();
    expect((await refusalOf(setup.enroll({ key, ...byKey }))).code).toBe('instance_not_described');
    await setup.store.putFacts(factsOfStart(instanceId, start, { tags: { role: 'web' } }));
    expect(await setup.enroll({ key, ...byKey })).toMatchObject({ agentId: key.id });
  });
});

/** Facts that come to each outcome. */
const attached: Record<AttachmentOutcome, Partial<InstanceFacts>> = {
  consistent: {},
  root_moved: { rootAttachedAt: later, rootVolumeId: 'vol-other' },
  instance_store_root: { rootDeviceType: 'instance-store', rootAttachedAt: null, rootVolumeId: null },
  root_unknown: { rootAttachedAt: null, rootVolumeId: null },
};
const told = {
  root_moved: {
    ...{ attachment: 'root_moved', rootVolumeId: 'vol-other' },
    ...{ rootAttachedAt: '2026-11-02T11:00:00Z', interfaceAttachedAt: '2026-11-02T10:00:00Z' },
  },
  instance_store_root: {
    ...{ attachment: 'instance_store_root', rootVolumeId: null },
    ...{ rootAttachedAt: null, interfaceAttachedAt: '2026-11-02T10:00:00Z' },
  },
};
const final = ['root_moved', 'instance_store_root'] as const;

describe('a root volume or a first interface that did not come with the instance', () => {
  it.each(final)('is refused with an enrollment key, with what EC2 said: %s', async (outcome) => {
    const setup = await setupWith({}, attached[outcome]);
    const facts = precisely(told[outcome]);
    expect(await refusalOf(setup.enroll(byKey))).toEqual({ code: 'attachments_differ', facts });
    expect(await setup.store.getInstance(here)).toMatchObject({ agent: null, management: { status: 'pending' } });
    expect(setup.verify.messages).toEqual([]);
  });

  it.each(final)('is refused with a launch’s grant: %s', async (outcome) => {
    const setup = await launchedWith(attached[outcome]);
    const facts = precisely(told[outcome]);
    expect(await refusalOf(setup.enroll(byLaunch))).toEqual({ code: 'attachments_differ', facts });
  });

  it.each(final)('is accepted where the key says so, and the binding remembers it: %s', async (outcome) => {
    const setup = await setupWith({ attachments: [outcome] }, attached[outcome]);
    const { agentId } = await setup.enroll(byKey);
    const checks = { attachment: outcome, privateIp: 'differs' };
    expect(await setup.store.get('binding', agentId)).toMatchObject({ checks });
    expect(setup.decided).toMatchObject([{ decision: 'enrolled', ...checks }]);
    const other = await setupWith({ attachments: final.filter((one) => one !== outcome) }, attached[outcome]);
    expect((await refusalOf(other.enroll(byKey))).code).toBe('attachments_differ');
  });

  it.each(final)('is accepted where the policy of launches says so, which is no key’s: %s', async (outcome) => {
    const policy = { launchPolicy: { ...usualLaunchPolicy, attachments: [outcome] } };
    const launched = await launchedWith(attached[outcome]);
    expect(await launched.enroll(byLaunch, policy)).toMatchObject({ serverId: 'srv_1' });
    const adopted = await setupWith({}, attached[outcome]);
    expect((await refusalOf(adopted.enroll(byKey, policy))).code).toBe('attachments_differ');
  });

  it('is nobody else’s to know', async () => {
    const setup = await setupWith({}, attached.root_moved);
    expect(await refusalOf(setup.enroll())).toEqual({ code: 'refused', facts: { reference: 'ref_1' } });
  });

  it('takes nothing from an agent that is enrolled', async () => {
    const setup = await setupWith({});
    const key = newAgentKey();
    const first = await setup.enroll({ key, ...byKey });
    await setup.store.putFacts(factsOfStart(instanceId, start, attached.root_moved));
    expect(await setup.enroll({ key, ...byKey, jti: 'two' })).toEqual(first);
  });
});

describe('a launch’s grant on an instance of whose present start EC2 has told nothing', () => {
  it.each([
    ['an earlier start', start - 3600 * second],
    ['a later start', start + 3600 * second],
  ])('binds nothing: Muster knows %s only, asks EC2, and the agent comes back', async (_case, launchTime) => {
    const setup = await launchedWith({ launchTime });
    const facts = precisely({ retryAfterSeconds: 5 });
    expect(await refusalOf(setup.enroll(byLaunch))).toEqual({ code: 'instance_not_described', facts });
    expect(setup.verify.messages).toEqual(asked);
    await setup.store.putFacts(factsOfStart(instanceId, start));
    expect(await setup.enroll(byLaunch)).toMatchObject({ serverId: 'srv_1' });
  });
});

describe('a root volume of which EC2 has not told yet', () => {
  const pending = running({ cloud: { state: 'pending', runningAt: null } });
  const unknown = factsOfStart(instanceId, start, attached.root_unknown);

  it('is asked about, and the agent with an enrollment key comes back: no refusal lasts', async () => {
    const setup = await enrollmentSetup([instanceChange(pending), keyChange()]);
    await setup.store.putFacts(unknown);
    const key = newAgentKey();
    const facts = precisely({ attachment: 'root_unknown', retryAfterSeconds: 5 });
    expect(await refusalOf(setup.enroll({ key, ...byKey }))).toEqual({ code: 'instance_not_described', facts });
    expect(setup.verify.messages).toEqual(asked);
    await setup.store.putFacts(factsOfStart(instanceId, start));
    expect(await setup.enroll({ key, ...byKey })).toMatchObject({ agentId: key.id });
  });

  it('is asked about by nobody without a valid grant', async () => {
    const setup = await enrollmentSetup([instanceChange(pending)]);
    await setup.store.putFacts(unknown);
    expect((await refusalOf(setup.enroll())).code).toBe('refused');
    expect(setup.verify.messages).toEqual([]);
  });

  it('is accepted where the key says so', async () => {
    const setup = await setupWith({ attachments: ['root_unknown'] }, attached.root_unknown);
    expect(await setup.enroll(byKey)).toMatchObject({ serverId: 'srv_1' });
  });

  it('is what a launch is answered with: that enrolls at once, unless the policy of launches says otherwise', async () => {
    const setup = await launchedWith(attached.root_unknown);
    const strict = { launchPolicy: { proofKinds: [], attachments: [] } };
    const { code } = await refusalOf(setup.enroll(byLaunch, strict));
    expect([code, setup.verify.messages]).toEqual(['instance_not_described', asked]);
    expect(await setup.enroll(byLaunch)).toMatchObject({ serverId: 'srv_1' });
  });
});

describe('the private address in the document', () => {
  // The documents of these tests all say 10.0.0.4.
  it.each([
    ['10.0.0.4', 'same'],
    ['10.0.0.7', 'differs'],
    [null, 'unknown'],
  ] as const)('is compared with EC2’s %s and refuses nothing: %s', async (privateIp, outcome) => {
    const setup = await setupWith({}, { privateIp });
    const { agentId } = await setup.enroll(byKey);
    expect(setup.decided).toMatchObject([{ decision: 'enrolled', privateIp: outcome, attachment: 'consistent' }]);
    expect(await setup.store.get('binding', agentId)).toMatchObject({ checks: { privateIp: outcome } });
  });
});

describe('the policy on kinds of proof', () => {
  const kinds = { allowedProofs: ['sts', 'iid-rsa2048'] } as const;

  it('may ask more of launches than of keys', async () => {
    const policy = { ...kinds, launchPolicy: { ...usualLaunchPolicy, proofKinds: ['sts'] as const } };
    const launched = await launchedWith({});
    const facts = precisely({ proof: 'iid-rsa2048', management: 'pending' });
    expect(await refusalOf(launched.enroll(byLaunch, policy))).toEqual({ code: 'proof_not_allowed', facts });
    expect(await (await setupWith({})).enroll(byKey, policy)).toMatchObject({ serverId: 'srv_1' });
  });

  it('is narrowed by a key and by that of launches, never widened', async () => {
    const weak = { kind: 'iid-rsa' } as const;
    const adopted = await setupWith({ proofKinds: ['iid-rsa'] });
    expect((await refusalOf(adopted.enroll({ ...weak, ...byKey }, kinds))).code).toBe('proof_not_allowed');
    const policy = { ...kinds, launchPolicy: { ...usualLaunchPolicy, proofKinds: ['iid-rsa'] as const } };
    const launched = await launchedWith({});
    expect((await refusalOf(launched.enroll({ ...weak, ...byLaunch }, policy))).code).toBe('proof_not_allowed');
  });

  it('that names none takes none', async () => {
    const setup = await setupWith({});
    expect((await refusalOf(setup.enroll(byKey, { allowedProofs: [] }))).code).toBe('proof_not_allowed');
  });
});

describe('the last use of an unlimited key', () => {
  it('is noted outside of the transaction, once a minute', async () => {
    const ids = [0, 1, 2].map((nth) => `i-${String(nth).padStart(17, '0')}`);
    const setup = await enrollmentSetup([...ids.map((id) => instanceChange(running({ instanceId: id }))), keyChange()]);
    const notes: string[] = [];
    const store: Store = {
      ...setup.store,
      noteKeyUse: (id, use) => {
        notes.push(use.by);
        return setup.store.noteKeyUse(id, use);
      },
    };
    const minute = defaultTiming.keyUseNoteSeconds * second;
    for (const [nth, at] of [now, now + minute - 1, now + minute].entries()) {
      const claim = { ...here, instanceId: ids[nth]!, pendingTime: start };
      await setup.enroll({ ...byKey, claim, now: at }, { store });
    }
    expect(notes).toEqual([ids[0], ids[2]]);
    expect(await setup.store.get('key', keyId)).toMatchObject({ lastUsedAt: now, lastUsedBy: ids[0], version: 1 });
  });

  it('is no part of the enrollment: where it fails, that stands', async () => {
    const setup = await setupWith({});
    const store: Store = { ...setup.store, noteKeyUse: () => Promise.reject(new Error('throttled')) };
    expect(await setup.enroll(byKey, { store })).toMatchObject({ serverId: 'srv_1' });
    expect(await setup.store.get('key', keyId)).toMatchObject({ lastUsedAt: null });
  });

  it('of a counted key is in the transaction alone', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange({ usesLeft: 2 })]);
    const store: Store = { ...setup.store, noteKeyUse: () => expect.unreachable('noted twice') };
    await setup.enroll(byKey, { store });
    expect(await setup.store.get('key', keyId)).toMatchObject({ usesLeft: 1, lastUsedAt: now, lastUsedBy: instanceId });
  });
});

describe('a key that is revoked between the decision and the binding', () => {
  it.each([null, 5])('enrolls nobody any more (uses left: %s)', async (usesLeft) => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange({ usesLeft })]);
    const commit: Store['commit'] = async (...commitment) => {
      await revokeKey(keyId, now, setup);
      return setup.store.commit(...commitment);
    };
    const { code } = await refusalOf(setup.enroll(byKey, { store: { ...setup.store, commit } }));
    expect(code).toBe('grant_revoked');
    expect(await setup.store.getInstance(here)).toMatchObject({ agent: null, management: { status: 'pending' } });
    expect(await setup.store.get('key', keyId)).toMatchObject({ usesLeft, revokedAt: now });
  });
});

describe('a key in another’s place', () => {
  it('is registered first and the old one revoked later: both enroll in between, and only the new one after', async () => {
    const ids = [0, 1, 2, 3].map((nth) => `i-${String(nth).padStart(17, '0')}`);
    const setup = await enrollmentSetup(ids.map((id) => instanceChange(running({ instanceId: id }))));
    const scope = { ...everyInstance, tags: { role: 'web' } };
    for (const id of ids) await setup.store.putFacts(factsOfStart(id, start, { tags: { role: 'web' } }));
    const register = async () => {
      const { seed, publicKeyX: publicKey } = newGrantKey(randomBytes);
      const { id } = await registerKey({ publicKey, scope, expiresAt: null, uses: null }, 'ann', start, setup);
      return { id, seed };
    };
    const enrollAt = (nth: number, grant: { id: string; seed: Uint8Array }) =>
      setup.enroll({ grant, claim: { ...here, instanceId: ids[nth]!, pendingTime: start } });
    const [old, fresh] = [await register(), await register()];
    expect(await enrollAt(0, old)).toMatchObject({ serverId: 'srv_1' });
    expect(await enrollAt(1, fresh)).toMatchObject({ serverId: 'srv_2' });
    await revokeKey(old.id, now, setup);
    const { code, facts } = await refusalOf(enrollAt(2, old));
    expect([code, facts]).toMatchObject(['grant_revoked', { keyId: old.id, revokedAt: '2026-11-02T10:00:30Z' }]);
    expect(await enrollAt(3, fresh)).toMatchObject({ agentId: expect.any(String) });
    for (const nth of [0, 1])
      expect(await setup.store.getInstance({ ...here, instanceId: ids[nth]! })).toMatchObject({
        management: { status: 'enrolled' },
      });
  });
});
