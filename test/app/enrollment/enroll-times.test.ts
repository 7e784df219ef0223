import { describe, expect, it } from 'vitest';
import { second, start } from '#test/build/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import {
  byKey,
  enrollmentSetup,
  here,
  instanceChange,
  keyChange,
  now,
  precisely,
  running,
} from './enrollment-setup.ts';

const minutes = 60 * second;

describe('a valid grant, too early or too late', () => {
  const asked = [{ message: { ...here, attempt: 0 }, delaySeconds: 0 }];

  it('for an instance that nobody has heard of asks EC2 once, and says when to come back', async () => {
    const setup = await enrollmentSetup([keyChange()]);
    const facts = precisely({ retryAfterSeconds: 5 });
    expect(await refusalOf(setup.enroll(byKey))).toEqual({ code: 'instance_not_described', facts });
    expect(setup.verify.sent).toEqual(asked);
    expect(setup.written).toEqual([]);
  });

  it('with a document of a start that EC2 has not told of asks EC2', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange()]);
    const pendingTime = start + 5 * minutes;
    const restarted = { claim: { ...here, pendingTime }, now: pendingTime + 20 * second };
    const facts = { pendingTime: '2026-11-02T10:05:00Z', startedAt: '2026-11-02T10:00:00Z', retryAfterSeconds: 5 };
    expect(await refusalOf(setup.enroll({ ...byKey, ...restarted }))).toEqual({
      code: 'document_from_future',
      facts: precisely(facts),
    });
    expect(setup.verify.sent).toEqual(asked);
  });

  it('with a document of an earlier start is told so', async () => {
    const setup = await enrollmentSetup([
      instanceChange(running({ cloud: { epoch: start + 61 * second } })),
      keyChange(),
    ]);
    const facts = precisely({ pendingTime: '2026-11-02T10:00:00Z', startedAt: '2026-11-02T10:01:01Z' });
    expect(await refusalOf(setup.enroll(byKey))).toEqual({ code: 'stale_document', facts });
    expect(setup.verify.sent).toEqual([]);
  });

  it('with a document a minute off either way is of this start', async () => {
    for (const epoch of [start - minutes, start + minutes]) {
      const setup = await enrollmentSetup([instanceChange(running({ cloud: { epoch } })), keyChange()]);
      expect(await setup.enroll(byKey)).toMatchObject({ serverId: 'srv_1' });
    }
  });
});

describe('an instance that is not pending or running', () => {
  const longEnough = now - 10 * second - 1;

  it.each(['stopping', 'stopped', 'shutting-down', 'terminated'] as const)('does not enroll: %s', async (state) => {
    const setup = await enrollmentSetup([instanceChange(running({ cloud: { state, at: longEnough } })), keyChange()]);
    expect(await refusalOf(setup.enroll(byKey))).toEqual({ code: 'instance_not_running', facts: precisely({ state }) });
    expect(await setup.store.getInstance(here)).toMatchObject({
      agent: null,
      cloud: { state },
      management: { status: 'pending' },
    });
  });

  it('and whose document is of an earlier start: that is told first, also to a stranger, and no doubt comes of it', async () => {
    const ended = running({ cloud: { state: 'stopped', at: longEnough, epoch: start + 61 * second } });
    for (const asking of [byKey, {}]) {
      const setup = await enrollmentSetup([instanceChange(ended), keyChange()]);
      expect((await refusalOf(setup.enroll(asking))).code).toBe('stale_document');
      expect(await setup.store.getInstance(here)).toMatchObject({ cloud: { verify: null } });
    }
  });

  it.each(['stopped', 'terminated'] as const)(
    'is in doubt, and EC2 is asked, if it is %s and its agent speaks',
    async (state) => {
      const setup = await enrollmentSetup([instanceChange(running({ cloud: { state, at: longEnough } })), keyChange()]);
      await refusalOf(setup.enroll(byKey));
      await refusalOf(setup.enroll(byKey));
      const verify = { reason: 'alive_when_ended', since: now };
      expect(await setup.store.getInstance(here)).toMatchObject({ cloud: { state, verify } });
      expect(setup.verify.messages).toEqual([{ ...here, attempt: 0 }]);
    },
  );

  it('is in doubt without a valid grant too, and the sweep settles it', async () => {
    const setup = await enrollmentSetup([instanceChange(running({ cloud: { state: 'stopped', at: longEnough } }))]);
    await refusalOf(setup.enroll());
    expect(await setup.store.getInstance(here)).toMatchObject({ cloud: { verify: { reason: 'alive_when_ended' } } });
    expect(setup.verify.sent).toEqual([]);
  });

  it('is not in doubt ten seconds after its end', async () => {
    const setup = await enrollmentSetup([
      instanceChange(running({ cloud: { state: 'stopped', at: now - 10 * second } })),
      keyChange(),
    ]);
    await refusalOf(setup.enroll(byKey));
    expect(await setup.store.getInstance(here)).toMatchObject({ cloud: { verify: null } });
  });
});
