import { describe, expect, it } from 'vitest';
import { newAgentKey } from '#agent/proof-request.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { bindingNamed, factsOf, second, start } from '../contracts/records.ts';
import { audience, signedGrant } from '../fakes/identity.ts';
import { refusalOf } from '../fakes/refusal.ts';
import {
  agentOf,
  byKey,
  byLaunch,
  enrollmentStage,
  here,
  instanceChange,
  instanceId,
  keyChange,
  keyId,
  launchChanges,
  launchId,
  now,
  running,
} from './enrollment-stage.ts';

const instance = `111122223333/us-east-1/${instanceId}`;
const minutes = 60 * second;

describe('an enrollment with an enrollment key', () => {
  it('binds the key, adopts the instance and counts the use, in one transaction', async () => {
    const stage = await enrollmentStage([instanceChange(running()), keyChange({ usesLeft: 2 })]);
    const key = newAgentKey();
    const answer = await stage.enroll({ key, ...byKey });
    const checkinUrl = 'https://muster.example/prod/v1/checkin';
    expect(answer).toEqual({ agentId: key.id, serverId: 'srv_1', checkinUrl, checkinIntervalSeconds: 60 });
    expect(stage.written.map(({ kind }) => kind)).toEqual(['instance', 'binding', 'server', 'key']);
    expect(await stage.store.getInstance(here)).toMatchObject({
      ...{ state: 'running', management: 'enrolled', managementReason: 'enrollment_key', serverId: 'srv_1' },
      agent: agentOf(key),
    });
    expect(await stage.store.getServer('srv_1')).toMatchObject({ name: 'web-1', instance: here, request: null });
    expect(await stage.store.getKey(keyId)).toMatchObject({ usesLeft: 1, lastUsedAt: now, lastUsedBy: instanceId });
    expect(await stage.store.getBinding(key.id)).toMatchObject({ ...here, publicKey: key.publicKeyX, status: 'bound' });
  });

  it('leaves an unlimited key unwritten, so that no enrollment waits for another', async () => {
    const stage = await enrollmentStage([instanceChange(running()), keyChange()]);
    await stage.enroll(byKey);
    expect(stage.written.map(({ kind }) => kind)).toEqual(['instance', 'binding', 'server']);
  });

  it('wins over discovered-only', async () => {
    const late = { management: 'discovered-only', managementReason: 'deadline_passed' } as const;
    const named = { ...keyScope({ instanceIds: [instanceId] }) };
    const stage = await enrollmentStage([instanceChange(running(late)), keyChange(named)]);
    await stage.enroll({ ...byKey, now: start + 3600 * second });
    expect(await stage.store.getInstance(here)).toMatchObject({ management: 'enrolled' });
  });
});

describe('an enrollment with a launch’s grant', () => {
  it('binds the key to the server that the launch was for', async () => {
    const launched = running({ serverId: 'srv_1', launchId });
    const stage = await enrollmentStage([instanceChange(launched), ...launchChanges()]);
    expect(await stage.enroll(byLaunch)).toMatchObject({ serverId: 'srv_1' });
    expect(await stage.store.getInstance(here)).toMatchObject({ managementReason: 'launched', serverId: 'srv_1' });
    expect(stage.written.map(({ kind }) => kind)).toEqual(['instance', 'binding']);
  });
});

describe('the same key again', () => {
  it('gets the same answer, and nothing is written', async () => {
    const stage = await enrollmentStage([instanceChange(running()), keyChange({ usesLeft: 1 })]);
    const key = newAgentKey();
    const first = await stage.enroll({ key, ...byKey });
    const { length } = stage.written;
    expect(await stage.enroll({ key, ...byKey, jti: 'two' })).toEqual(first);
    expect(await stage.enroll({ key })).toEqual(first);
    expect(stage.written).toHaveLength(length);
    expect(stage.decided.map(({ decision }) => decision)).toEqual(['enrolled']);
  });

  it('gets the same answer while a restarted instance is not described yet', async () => {
    const key = newAgentKey();
    const bound = running({ management: 'enrolled', agent: agentOf(key), serverId: 'srv_1', epochNamed: false });
    const stage = await enrollmentStage([instanceChange(bound), bindingChange(key.id)]);
    expect(await stage.enroll({ key })).toMatchObject({ agentId: key.id, serverId: 'srv_1' });
  });

  it('enrolls anew where the instance’s record was lost', async () => {
    const key = newAgentKey();
    const stage = await enrollmentStage([instanceChange(running()), bindingChange(key.id), keyChange()]);
    expect(await stage.enroll({ key, ...byKey })).toMatchObject({ agentId: key.id, serverId: 'srv_1' });
  });
});

const bindingChange = (agentId: string, fields: Parameters<typeof bindingNamed>[1] = {}) =>
  ({ kind: 'binding', before: undefined, after: bindingNamed(agentId, { ...here, ...fields }) }) as const;

function keyScope(scope: Partial<ReturnType<typeof emptyScope>>) {
  return { scope: { ...emptyScope(), ...scope } };
}
const emptyScope = () => ({
  accounts: [] as string[],
  regions: [] as string[],
  images: [] as string[],
  vpcs: [] as string[],
  instanceIds: [] as string[],
});

describe('a stranger’s document', () => {
  const claim = { ...here, account: '999988887777', pendingTime: start };

  it('learns that it is refused, and a reference, and nothing else', async () => {
    const stage = await enrollmentStage([keyChange()]);
    for (const grant of [{}, byKey]) {
      const { code, facts } = await refusalOf(stage.enroll({ claim, ...grant }));
      expect([code, facts]).toEqual(['refused', { reference: expect.stringMatching(/^ref_/) }]);
    }
    expect(stage.written).toEqual([]);
    expect(stage.verify.sent).toEqual([]);
  });

  it('leaves the true reason under the reference', async () => {
    const stage = await enrollmentStage();
    const { facts } = await refusalOf(stage.enroll({ claim }));
    expect(stage.decided).toEqual([
      {
        ...{ decision: 'refused', code: 'account_not_registered', reference: facts.reference },
        ...{ account: '999988887777', region: 'us-east-1', instanceId },
        instance: `999988887777/us-east-1/${instanceId}`,
      },
    ]);
  });

  it('from an unregistered region of a registered account is a stranger’s too', async () => {
    const stage = await enrollmentStage();
    const elsewhere = { ...here, region: 'eu-west-1', pendingTime: start };
    expect((await refusalOf(stage.enroll({ claim: elsewhere }))).code).toBe('refused');
  });
});

/** What an agent is told by a refusal that tells everything. */
const precisely = (facts: object) => ({ ...facts, instance, reference: 'ref_1' });

describe('without a valid grant an agent of a registered account gets one of four words', () => {
  const later = { claim: { ...here, pendingTime: start + 10 * minutes }, now: start + 11 * minutes };
  const foreignSeed = { grant: { id: keyId, seed: byLaunch.grant.seed } };
  it.each([
    ['no grant', running(), {}, 'refused', 'grant_missing'],
    ['an unknown grant', running(), { grant: { ...byKey.grant, id: 'key_none' } }, 'refused', 'grant_unknown'],
    ['a grant of no kind', running(), { grant: { ...byKey.grant, id: 'web' } }, 'refused', 'grant_unknown'],
    ['an unknown launch', running(), { grant: { ...byKey.grant, id: 'lch_none' } }, 'refused', 'grant_unknown'],
    ['another seed', running(), foreignSeed, 'refused', 'grant_invalid'],
    ['a stopped record', running({ state: 'stopped' }), {}, 'refused', 'instance_not_running'],
    [
      'a document from before the start',
      running({ epoch: start + 5 * minutes }),
      {},
      'stale_document',
      'stale_document',
    ],
    ['a start that EC2 has not confirmed', running({ epochNamed: false }), {}, 'retry', 'instance_not_described'],
    ['a document newer than EC2’s word', running(), later, 'retry', 'document_from_future'],
  ])('%s', async (_case, record, asking, told, reason) => {
    const stage = await enrollmentStage([instanceChange(record), keyChange()]);
    const { code, facts } = await refusalOf(stage.enroll(asking));
    const wait = told === 'retry' && { retryAfterSeconds: 5 };
    expect([code, facts]).toEqual([told, { reference: 'ref_1', ...wait }]);
    expect(stage.decided).toMatchObject([{ decision: 'refused', code: reason, reference: 'ref_1' }]);
    expect(await stage.store.getInstance(here)).toMatchObject({ attempt: { code: reason, reference: 'ref_1' } });
  });

  it('and EC2 is asked nothing, whatever comes', async () => {
    const stage = await enrollmentStage([]);
    for (let nth = 0; nth < 20; nth++) {
      expect((await refusalOf(stage.enroll())).code).toBe('retry');
    }
    expect(stage.verify.sent).toEqual([]);
    expect(stage.written).toEqual([]);
  });
});

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
    const stage = await enrollmentStage([instanceChange(running()), keyChange(fields)]);
    await stage.store.putFacts(factsOf(instanceId, { vpcId: 'vpc-0123abcd' }));
    expect(await refusalOf(stage.enroll(byKey))).toEqual({ code, facts: precisely({ keyId, ...facts }) });
    expect(stage.verify.sent).toEqual([]);
  });

  it('the key is for a VPC, and EC2 has not told which one it is', async () => {
    const stage = await enrollmentStage([instanceChange(running()), keyChange(keyScope({ vpcs: ['vpc-0123abcd'] }))]);
    const { code, facts } = await refusalOf(stage.enroll(byKey));
    expect([code, facts.scope]).toEqual(['grant_out_of_scope', 'vpcs']);
  });

  it('the instance is older than the key’s window, unless the key names it', async () => {
    const asking = { ...byKey, now: start + defaultTiming.enrollmentWindowSeconds * second + 1 };
    const stage = await enrollmentStage([instanceChange(running()), keyChange()]);
    const facts = precisely({ keyId, pendingTime: '2026-11-02T10:00:00Z' });
    expect(await refusalOf(stage.enroll(asking))).toEqual({ code: 'enrollment_window_closed', facts });
    const naming = await enrollmentStage([
      instanceChange(running()),
      keyChange(keyScope({ instanceIds: [instanceId] })),
    ]);
    expect(await naming.enroll(asking)).toMatchObject({ serverId: 'srv_1' });
  });

  it('Muster launched the instance, and the grant is an enrollment key’s', async () => {
    const stage = await enrollmentStage([instanceChange(running({ launchId, serverId: 'srv_1' })), keyChange()]);
    const facts = precisely({ keyId, launchId });
    expect(await refusalOf(stage.enroll(byKey))).toEqual({ code: 'launched_by_muster', facts });
  });

  it('the launch made another instance', async () => {
    const other = { ...here, instanceId: 'i-0fedcba9876543210' };
    const stage = await enrollmentStage([instanceChange(running()), ...launchChanges({ instances: [other] })]);
    const facts = precisely({ launchId, instances: ['111122223333/us-east-1/i-0fedcba9876543210'] });
    expect(await refusalOf(stage.enroll(byLaunch))).toEqual({ code: 'grant_of_other_instance', facts });
  });

  it('RunInstances has not answered yet: EC2 is asked once, and the agent comes back', async () => {
    const requested = launchChanges({ state: 'requested', instances: [] });
    const stage = await enrollmentStage([instanceChange(running()), ...requested]);
    const facts = precisely({ launchId, retryAfterSeconds: 5 });
    expect(await refusalOf(stage.enroll(byLaunch))).toEqual({ code: 'instance_not_described', facts });
    expect(stage.verify.sent).toEqual([{ message: { ...here, attempt: 0 }, delaySeconds: 0 }]);
  });

  it('two instances fit the launch', async () => {
    const ambiguous = launchChanges({ state: 'ambiguous', instances: [] });
    const stage = await enrollmentStage([instanceChange(running({ launchId, surplusSince: start })), ...ambiguous]);
    expect(await refusalOf(stage.enroll(byLaunch))).toEqual({
      code: 'ambiguous_launch',
      facts: precisely({ launchId }),
    });
  });

  it('the server has moved on to another generation', async () => {
    const stage = await enrollmentStage([
      instanceChange(running({ launchId, surplusSince: start })),
      ...launchChanges(),
    ]);
    expect(await refusalOf(stage.enroll(byLaunch))).toEqual({
      code: 'ambiguous_launch',
      facts: precisely({ launchId }),
    });
  });

  it('policy does not take the kind of proof', async () => {
    const stage = await enrollmentStage([instanceChange(running()), keyChange()]);
    const facts = precisely({ proof: 'iid-rsa', management: 'pending' });
    expect(await refusalOf(stage.enroll({ kind: 'iid-rsa', ...byKey }))).toEqual({ code: 'proof_not_allowed', facts });
    const allowedProofs = ['iid-rsa2048', 'iid-rsa'] as const;
    expect(await stage.enroll({ kind: 'iid-rsa', ...byKey }, { allowedProofs })).toMatchObject({ serverId: 'srv_2' });
  });

  it('it was signed for another key, another request or another deployment', async () => {
    const stage = await enrollmentStage([instanceChange(running()), keyChange()]);
    const mine = newAgentKey();
    const grant = signedGrant(byKey.grant, { key: mine, jti: 'one' });
    const aud = 'https://muster.example/test';
    for (const theft of [{ key: newAgentKey() }, { jti: 'two' }, { aud }]) {
      const asking = { key: mine, jti: 'one', ...theft, grant };
      await refusalOf(stage.enroll(asking, { audiences: [audience, aud] }));
      expect(stage.decided.at(-1)).toMatchObject({ code: 'grant_invalid', grantId: keyId });
    }
    expect(await stage.enroll({ key: mine, jti: 'one', grant })).toMatchObject({ agentId: mine.id });
  });
});

describe('a valid grant, too early or too late', () => {
  const asked = [{ message: { ...here, attempt: 0 }, delaySeconds: 0 }];

  it('for an instance that nobody has heard of asks EC2 once, and says when to come back', async () => {
    const stage = await enrollmentStage([keyChange()]);
    const facts = precisely({ retryAfterSeconds: 5 });
    expect(await refusalOf(stage.enroll(byKey))).toEqual({ code: 'instance_not_described', facts });
    expect(stage.verify.sent).toEqual(asked);
    expect(stage.written).toEqual([]);
  });

  it('with a document of a start that EC2 has not told of asks EC2', async () => {
    const stage = await enrollmentStage([instanceChange(running()), keyChange()]);
    const pendingTime = start + 5 * minutes;
    const restarted = { claim: { ...here, pendingTime }, now: pendingTime + 20 * second };
    const facts = { pendingTime: '2026-11-02T10:05:00Z', startedAt: '2026-11-02T10:00:00Z', retryAfterSeconds: 5 };
    expect(await refusalOf(stage.enroll({ ...byKey, ...restarted }))).toEqual({
      code: 'document_from_future',
      facts: precisely(facts),
    });
    expect(stage.verify.sent).toEqual(asked);
  });

  it('with a document of an earlier start is told so', async () => {
    const stage = await enrollmentStage([instanceChange(running({ epoch: start + 61 * second })), keyChange()]);
    const facts = precisely({ pendingTime: '2026-11-02T10:00:00Z', startedAt: '2026-11-02T10:01:01Z' });
    expect(await refusalOf(stage.enroll(byKey))).toEqual({ code: 'stale_document', facts });
    expect(stage.verify.sent).toEqual([]);
  });

  it('with a document a minute off either way is of this start', async () => {
    for (const epoch of [start - minutes, start + minutes]) {
      const stage = await enrollmentStage([instanceChange(running({ epoch })), keyChange()]);
      expect(await stage.enroll(byKey)).toMatchObject({ serverId: 'srv_1' });
    }
  });
});

describe('an instance that is not pending or running', () => {
  const longEnough = now - 10 * second - 1;

  it.each(['stopping', 'stopped', 'shutting-down', 'terminated'] as const)('does not enroll: %s', async (state) => {
    const stage = await enrollmentStage([instanceChange(running({ state, at: longEnough })), keyChange()]);
    expect(await refusalOf(stage.enroll(byKey))).toEqual({ code: 'instance_not_running', facts: precisely({ state }) });
    expect(await stage.store.getInstance(here)).toMatchObject({ state, management: 'pending', agent: null });
  });

  it.each(['stopped', 'terminated'] as const)(
    'is in doubt, and EC2 is asked, if it is %s and its agent speaks',
    async (state) => {
      const stage = await enrollmentStage([instanceChange(running({ state, at: longEnough })), keyChange()]);
      await refusalOf(stage.enroll(byKey));
      await refusalOf(stage.enroll(byKey));
      const verify = { reason: 'alive_when_ended', since: now };
      expect(await stage.store.getInstance(here)).toMatchObject({ state, verify });
      expect(stage.verify.messages).toEqual([{ ...here, attempt: 0 }]);
    },
  );

  it('is in doubt without a valid grant too, and the sweep settles it', async () => {
    const stage = await enrollmentStage([instanceChange(running({ state: 'stopped', at: longEnough }))]);
    await refusalOf(stage.enroll());
    expect(await stage.store.getInstance(here)).toMatchObject({ verify: { reason: 'alive_when_ended' } });
    expect(stage.verify.sent).toEqual([]);
  });

  it('is not in doubt ten seconds after its end', async () => {
    const stage = await enrollmentStage([
      instanceChange(running({ state: 'stopped', at: now - 10 * second })),
      keyChange(),
    ]);
    await refusalOf(stage.enroll(byKey));
    expect(await stage.store.getInstance(here)).toMatchObject({ verify: null });
  });
});

describe('a key that is not this instance’s', () => {
  const other = newAgentKey();
  const enrolled = running({ management: 'enrolled', agent: agentOf(other), serverId: 'srv_1' });

  it('is refused where another agent is enrolled', async () => {
    const stage = await enrollmentStage([instanceChange(enrolled), bindingChange(other.id), keyChange()]);
    const facts = precisely({ enrolledAgent: other.id });
    expect(await refusalOf(stage.enroll(byKey))).toEqual({ code: 'already_enrolled', facts });
    expect(await stage.store.getInstance(here)).toMatchObject({ agent: { id: other.id } });
  });

  it('is refused where it is bound: an image was made with the key inside', async () => {
    const key = newAgentKey();
    const elsewhere = bindingChange(key.id, { instanceId: 'i-0fedcba9876543210' });
    const stage = await enrollmentStage([instanceChange(running()), elsewhere, keyChange()]);
    const facts = precisely({ boundTo: '111122223333/us-east-1/i-0fedcba9876543210' });
    for (const grant of [{}, byKey]) {
      expect(await refusalOf(stage.enroll({ key, ...grant }))).toMatchObject({ code: 'key_bound_elsewhere' });
    }
    expect(stage.decided[0]).toMatchObject({ boundTo: facts.boundTo });
  });

  it('is refused if it was released or blocked, also on its own instance', async () => {
    const key = newAgentKey();
    const denied = bindingChange(key.id, { status: 'denied' });
    const stage = await enrollmentStage([instanceChange(running()), denied, keyChange()]);
    expect(await refusalOf(stage.enroll({ key, ...byKey }))).toEqual({ code: 'key_denied', facts: precisely({}) });
  });
});
