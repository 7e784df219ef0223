import { describe, expect, it } from 'vitest';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { second, start } from '#test/build/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import {
  agentOf,
  bindingChange,
  byKey,
  byLaunch,
  enrollmentSetup,
  here,
  instance,
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

describe('an enrollment with an enrollment key', () => {
  it('binds the key, adopts the instance and counts the use, in one transaction', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange({ usesLeft: 2 })]);
    const key = newAgentKey();
    const answer = await setup.enroll({ key, ...byKey });
    const checkinUrl = 'https://muster.example/prod/v1/checkin';
    expect(answer).toEqual({ agentId: key.id, serverId: 'srv_1', checkinUrl, checkinIntervalSeconds: 60 });
    expect(setup.written.map(({ kind }) => kind)).toEqual(['instance', 'binding', 'server', 'key']);
    expect(await setup.store.getInstance(here)).toMatchObject({
      cloud: { state: 'running' },
      management: { status: 'enrolled', reason: 'enrollment_key' },
      assignment: { serverId: 'srv_1' },
      agent: agentOf(key),
    });
    expect(await setup.store.get('server', 'srv_1')).toMatchObject({ name: 'web-1', instance: here, request: null });
    expect(await setup.store.get('key', keyId)).toMatchObject({ usesLeft: 1, lastUsedAt: now, lastUsedBy: instanceId });
    expect(await setup.store.get('binding', key.id)).toMatchObject({
      ...here,
      publicKey: key.publicKeyX,
      status: 'bound',
    });
  });

  it('leaves an unlimited key unwritten, so that no enrollment waits for another', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange()]);
    await setup.enroll(byKey);
    expect(setup.written.map(({ kind }) => kind)).toEqual(['instance', 'binding', 'server']);
  });

  it('wins over discovered-only', async () => {
    const late = { management: { status: 'discovered-only', reason: 'deadline_passed' } } as const;
    const named = { ...keyScope({ instanceIds: [instanceId] }) };
    const setup = await enrollmentSetup([instanceChange(running(late)), keyChange(named)]);
    await setup.enroll({ ...byKey, now: start + 3600 * second });
    expect(await setup.store.getInstance(here)).toMatchObject({ management: { status: 'enrolled' } });
  });
});

describe('an enrollment with a launch’s grant', () => {
  it('binds the key to the server that the launch was for', async () => {
    const launched = running({ assignment: { serverId: 'srv_1', launchId } });
    const setup = await enrollmentSetup([instanceChange(launched), ...launchChanges()]);
    expect(await setup.enroll(byLaunch)).toMatchObject({ serverId: 'srv_1' });
    expect(await setup.store.getInstance(here)).toMatchObject({
      management: { reason: 'launched' },
      assignment: { serverId: 'srv_1' },
    });
    expect(setup.written.map(({ kind }) => kind)).toEqual(['instance', 'binding']);
  });
});

describe('the same key again', () => {
  it('gets the same answer, and nothing is written', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange({ usesLeft: 1 })]);
    const key = newAgentKey();
    const first = await setup.enroll({ key, ...byKey });
    const { length } = setup.written;
    expect(await setup.enroll({ key, ...byKey, jti: 'two' })).toEqual(first);
    expect(await setup.enroll({ key })).toEqual(first);
    expect(setup.written).toHaveLength(length);
    expect(setup.decided.map(({ decision }) => decision)).toEqual(['enrolled']);
  });

  it('gets the same answer where the record says that the instance has ended, which is in doubt now', async () => {
    const key = newAgentKey();
    const ended = {
      cloud: { state: 'terminated', at: start - 60_000 },
      management: { status: 'enrolled' },
      agent: agentOf(key),
    } as const;
    const setup = await enrollmentSetup([instanceChange(running(ended)), bindingChange(key.id)]);
    expect(await setup.enroll({ key })).toMatchObject({ agentId: key.id });
    expect(await setup.store.getInstance(here)).toMatchObject({ cloud: { verify: { reason: 'alive_when_ended' } } });
    expect(setup.verify.messages).toEqual([{ ...here, attempt: 0 }]);
  });

  it('gets the same answer while a restarted instance is not described yet', async () => {
    const key = newAgentKey();
    const bound = running({
      agent: agentOf(key),
      management: { status: 'enrolled' },
      assignment: { serverId: 'srv_1' },
      cloud: { epochNamed: false },
    });
    const setup = await enrollmentSetup([instanceChange(bound), bindingChange(key.id)]);
    expect(await setup.enroll({ key })).toMatchObject({ agentId: key.id, serverId: 'srv_1' });
  });

  it('enrolls anew where the instance’s record was lost', async () => {
    const key = newAgentKey();
    const setup = await enrollmentSetup([instanceChange(running()), bindingChange(key.id), keyChange()]);
    expect(await setup.enroll({ key, ...byKey })).toMatchObject({ agentId: key.id, serverId: 'srv_1' });
  });
});

describe('a key that is not this instance’s', () => {
  const other = newAgentKey();
  const enrolled = running({
    agent: agentOf(other),
    management: { status: 'enrolled' },
    assignment: { serverId: 'srv_1' },
  });

  it('is refused where another agent is enrolled', async () => {
    const setup = await enrollmentSetup([instanceChange(enrolled), bindingChange(other.id), keyChange()]);
    const facts = precisely({ enrolledAgent: other.id });
    expect(await refusalOf(setup.enroll(byKey))).toEqual({ code: 'already_enrolled', facts });
    expect(await setup.store.getInstance(here)).toMatchObject({ agent: { id: other.id } });
  });

  it('is refused where it is bound: an image was made with the key inside', async () => {
    const key = newAgentKey();
    const elsewhere = bindingChange(key.id, { instanceId: 'i-0fedcba9876543210' });
    const setup = await enrollmentSetup([instanceChange(running()), elsewhere, keyChange()]);
    const boundTo = '111122223333/us-east-1/i-0fedcba9876543210';
    for (const [nth, grant] of [{}, byKey].entries()) {
      const facts = { boundTo, instance, reference: `ref_${nth + 1}` };
      expect(await refusalOf(setup.enroll({ key, ...grant }))).toEqual({ code: 'key_bound_elsewhere', facts });
    }
  });

  it('is refused if it was released or blocked, also on its own instance', async () => {
    const key = newAgentKey();
    const denied = bindingChange(key.id, { status: 'denied' });
    const setup = await enrollmentSetup([instanceChange(running()), denied, keyChange()]);
    expect(await refusalOf(setup.enroll({ key, ...byKey }))).toEqual({ code: 'key_denied', facts: precisely({}) });
  });
});
