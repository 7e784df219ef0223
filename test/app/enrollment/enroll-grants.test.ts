import { describe, expect, it } from 'vitest';
import { attachByToken } from '#shared/app/launch/attach-launched.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { factsOf, second, start } from '#test/build/records.ts';
import { audience, signedGrant } from '#test/fakes/identity.ts';
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

describe('a grant does not count where', () => {
  it.each([
    ['the key was revoked', { revokedAt: start + second }, 'grant_revoked', { revokedAt: '2026-11-02T10:00:01Z' }],
    ['the key is past its time', { expiresAt: now - 1 }, 'grant_expired', { expiresAt: '2026-11-02T10:00:29.999Z' }],
    ['the key is used up', { usesLeft: 0 }, 'grant_used_up', {}],
    ['the account is another', keyScope({ accounts: ['999988887777'] }), 'grant_out_of_scope', { scope: 'accounts' }],
    ['the region is another', keyScope({ regions: ['eu-west-1'] }), 'grant_out_of_scope', { scope: 'regions' }],
    [
      'the image is another',
      keyScope({ images: ['ami-0fedcba9876543210'] }),
      'grant_out_of_scope',
      { scope: 'images' },
    ],
    ['the VPC is another', keyScope({ vpcs: ['vpc-0fedcba9'] }), 'grant_out_of_scope', { scope: 'vpcs' }],
    [
      'other instances are named',
      keyScope({ instanceIds: ['i-0fedcba9876543210'] }),
      'grant_out_of_scope',
      { scope: 'instanceIds' },
    ],
  ] as const)('%s', async (_case, fields, code, facts) => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange(fields)]);
    await setup.store.putFacts(factsOf(instanceId, { vpcId: 'vpc-0123abcd' }));
    expect(await refusalOf(setup.enroll(byKey))).toEqual({ code, facts: precisely({ keyId, ...facts }) });
    expect(setup.verify.sent).toEqual([]);
  });

  it('the key is for a VPC, and the instance is in none', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange(keyScope({ vpcs: ['vpc-0123abcd'] }))]);
    await setup.store.putFacts(factsOf(instanceId, { vpcId: null }));
    const { code, facts } = await refusalOf(setup.enroll(byKey));
    expect([code, facts.scope]).toEqual(['grant_out_of_scope', 'vpcs']);
  });

  it('the instance is older than the key’s window, unless the key names it', async () => {
    const asking = { ...byKey, now: start + (5 + defaultTiming.enrollmentWindowSeconds) * second + 1 };
    const setup = await enrollmentSetup([instanceChange(running()), keyChange()]);
    // The window began when EC2 saw the instance running, five seconds after its start.
    const facts = precisely({
      keyId,
      pendingTime: '2026-11-02T10:00:00Z',
      closedAt: '2026-11-02T10:15:05Z',
    });
    expect(await refusalOf(setup.enroll(asking))).toEqual({ code: 'enrollment_window_closed', facts });
    const naming = await enrollmentSetup([
      instanceChange(running()),
      keyChange(keyScope({ instanceIds: [instanceId] })),
    ]);
    expect(await naming.enroll(asking)).toMatchObject({ serverId: 'srv_1' });
  });

  it('Muster launched the instance, and the grant is an enrollment key’s', async () => {
    const setup = await enrollmentSetup([
      instanceChange(running({ assignment: { launchId, serverId: 'srv_1' } })),
      keyChange(),
    ]);
    const facts = precisely({ keyId, launchId });
    expect(await refusalOf(setup.enroll(byKey))).toEqual({ code: 'launched_by_muster', facts });
  });

  it('the launch made another instance', async () => {
    const other = { ...here, instanceId: 'i-0fedcba9876543210' };
    const setup = await enrollmentSetup([instanceChange(running()), ...launchChanges({ instances: [other] })]);
    const facts = precisely({ launchId, instances: ['111122223333/us-east-1/i-0fedcba9876543210'] });
    expect(await refusalOf(setup.enroll(byLaunch))).toEqual({ code: 'grant_of_other_instance', facts });
  });

  it.each(['expired', 'refused_by_ec2', 'token_mismatch', 'token_terminated'] as const)(
    'the launch ended without an instance (%s): EC2 is asked, and the instance that its token made enrolls',
    async (state) => {
      const setup = await enrollmentSetup([instanceChange(running()), ...launchChanges({ state, instances: [] })]);
      const token = { clientToken: `mst-${launchId}` };
      for (const facts of [factsOfStart(instanceId, start - 3600 * second), factsOfStart(instanceId, start, token)]) {
        await setup.store.putFacts(facts);
        expect((await refusalOf(setup.enroll(byLaunch))).code).toBe('instance_not_described');
      }
      expect(setup.verify.messages).toHaveLength(2);
      const facts = factsOfStart(instanceId, start, token);
      const told = {
        state: 'running',
        transitionAt: null,
        stateReason: null,
        sentAt: now,
        source: 'describe',
      } as const;
      await attachByToken([{ sight: { ...facts, ...told }, facts }], { store: setup.store, timing: defaultTiming });
      expect(await setup.enroll(byLaunch)).toMatchObject({ serverId: 'srv_1' });
    },
  );

  it('the launch ended without an instance, and EC2 names another launch or the window has closed', async () => {
    const ended = launchChanges({ state: 'expired', instances: [] });
    const facts = precisely({ launchId, instances: [] });
    const foreign = await enrollmentSetup([instanceChange(running()), ...ended]);
    await foreign.store.putFacts(factsOfStart(instanceId, start, { clientToken: 'mst-lch_other' }));
    expect(await refusalOf(foreign.enroll(byLaunch))).toEqual({ code: 'grant_of_other_instance', facts });
    const late = await enrollmentSetup([instanceChange(running()), ...ended]);
    await late.store.putFacts(factsOfStart(instanceId, start, { clientToken: `mst-${launchId}` }));
    const asking = { ...byLaunch, now: start + (5 + defaultTiming.enrollmentWindowSeconds) * second + 1 };
    expect(await refusalOf(late.enroll(asking))).toEqual({ code: 'grant_of_other_instance', facts });
  });

  it('RunInstances has not answered yet: EC2 is asked once, and the agent comes back', async () => {
    const requested = launchChanges({ state: 'requested', instances: [] });
    const setup = await enrollmentSetup([instanceChange(running()), ...requested]);
    const facts = precisely({ launchId, retryAfterSeconds: 5 });
    expect(await refusalOf(setup.enroll(byLaunch))).toEqual({ code: 'instance_not_described', facts });
    expect(setup.verify.sent).toEqual([{ message: { ...here, attempt: 0 }, delaySeconds: 0 }]);
  });

  it('two instances fit the launch', async () => {
    const ambiguous = launchChanges({ state: 'ambiguous', instances: [] });
    const setup = await enrollmentSetup([
      instanceChange(running({ assignment: { launchId, surplusSince: start } })),
      ...ambiguous,
    ]);
    expect(await refusalOf(setup.enroll(byLaunch))).toEqual({
      code: 'ambiguous_launch',
      facts: precisely({ launchId }),
    });
  });

  it('the server has moved on to another generation', async () => {
    const setup = await enrollmentSetup([
      instanceChange(running({ assignment: { launchId, surplusSince: start } })),
      ...launchChanges(),
    ]);
    expect(await refusalOf(setup.enroll(byLaunch))).toEqual({
      code: 'ambiguous_launch',
      facts: precisely({ launchId }),
    });
  });

  it('policy does not take the kind of proof', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange()]);
    const facts = precisely({ proof: 'iid-rsa', management: 'pending' });
    expect(await refusalOf(setup.enroll({ kind: 'iid-rsa', ...byKey }))).toEqual({ code: 'proof_not_allowed', facts });
    const allowedProofs = ['iid-rsa2048', 'iid-rsa'] as const;
    expect(await setup.enroll({ kind: 'iid-rsa', ...byKey }, { allowedProofs })).toMatchObject({ serverId: 'srv_2' });
  });

  it('it was signed for another key, another request or another deployment', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange()]);
    const mine = newAgentKey();
    const grant = signedGrant(byKey.grant, { key: mine, jti: 'one' });
    const aud = 'https://muster.example/test';
    for (const theft of [{ key: newAgentKey() }, { jti: 'two' }, { aud }]) {
      const asking = { key: mine, jti: 'one', ...theft, grant };
      await refusalOf(setup.enroll(asking, { audiences: [audience, aud] }));
      expect(setup.decided.at(-1)).toMatchObject({ code: 'grant_invalid', grantId: keyId });
    }
    expect(await setup.enroll({ key: mine, jti: 'one', grant })).toMatchObject({ agentId: mine.id });
  });
});

describe('an enrollment key on an instance of a launch that still waits for EC2’s answer', () => {
  it('must wait: the launch’s own grant is to come', async () => {
    const facts = factsOf(instanceId, { clientToken: `mst-${launchId}` });
    const [launch] = launchChanges({ state: 'requested', instances: [] });
    const setup = await enrollmentSetup([instanceChange(running()), keyChange(), launch!]);
    await setup.store.putFacts(facts);
    const refused = await refusalOf(setup.enroll(byKey));
    expect(refused).toMatchObject({ code: 'instance_not_described', facts: { keyId } });
    expect(setup.verify.messages).toHaveLength(1);
  });
});
