import { describe, expect, it } from 'vitest';
import { second, start } from '#test/build/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import {
  byKey,
  byLaunch,
  enrollmentSetup,
  here,
  instanceChange,
  instanceId,
  keyChange,
  keyId,
  running,
} from './enrollment-setup.ts';

const minutes = 60 * second;

describe('a stranger’s document', () => {
  const claim = { ...here, account: '999988887777', pendingTime: start };

  it('learns that it is refused, and a reference, and nothing else', async () => {
    const setup = await enrollmentSetup([keyChange()]);
    for (const grant of [{}, byKey]) {
      const { code, facts } = await refusalOf(setup.enroll({ claim, ...grant }));
      expect([code, facts]).toEqual(['refused', { reference: expect.stringMatching(/^ref_/) }]);
    }
    expect(setup.written).toEqual([]);
    expect(setup.verify.sent).toEqual([]);
  });

  it('leaves the true reason under the reference', async () => {
    const setup = await enrollmentSetup();
    const { facts } = await refusalOf(setup.enroll({ claim }));
    expect(setup.decided).toEqual([
      {
        ...{ decision: 'refused', code: 'account_not_registered', reference: facts.reference },
        ...{ account: '999988887777', region: 'us-east-1', instanceId },
        instance: `999988887777/us-east-1/${instanceId}`,
      },
    ]);
  });

  it('costs no read', async () => {
    const setup = await enrollmentSetup([keyChange()]);
    const read = async () => expect.unreachable('a stranger made Muster read');
    const store = { ...setup.store, get: read, getInstance: read, getFacts: read };
    expect((await refusalOf(setup.enroll({ claim, ...byKey }, { store }))).code).toBe('refused');
  });

  it('from an unregistered region of a registered account is a stranger’s too', async () => {
    const setup = await enrollmentSetup();
    const elsewhere = { ...here, region: 'eu-west-1', pendingTime: start };
    expect((await refusalOf(setup.enroll({ claim: elsewhere }))).code).toBe('refused');
  });
});

describe('without a valid grant an agent of a registered account gets one of four words', () => {
  const later = { claim: { ...here, pendingTime: start + 10 * minutes }, now: start + 11 * minutes };
  const foreignSeed = { grant: { id: keyId, seed: byLaunch.grant.seed } };
  it.each([
    ['no grant', running(), {}, 'refused', 'grant_missing'],
    ['an unknown grant', running(), { grant: { ...byKey.grant, id: 'key_none' } }, 'refused', 'grant_unknown'],
    ['a grant of no kind', running(), { grant: { ...byKey.grant, id: 'web' } }, 'refused', 'grant_unknown'],
    ['an unknown launch', running(), { grant: { ...byKey.grant, id: 'lch_none' } }, 'refused', 'grant_unknown'],
    ['another seed', running(), foreignSeed, 'refused', 'grant_invalid'],
    ['a stopped record', running({ cloud: { state: 'stopped' } }), {}, 'refused', 'instance_not_running'],
    [
      'a document from before the start',
      running({ cloud: { epoch: start + 5 * minutes } }),
      {},
      'stale_document',
      'stale_document',
    ],
    [
      'a start that EC2 has not confirmed',
      running({ cloud: { epochNamed: false } }),
      {},
      'retry',
      'instance_not_described',
    ],
    ['a document newer than EC2’s word', running(), later, 'retry', 'document_from_future'],
  ])('%s', async (_case, record, asking, told, reason) => {
    const setup = await enrollmentSetup([instanceChange(record), keyChange()]);
    const { code, facts } = await refusalOf(setup.enroll(asking));
    const wait = told === 'retry' && { retryAfterSeconds: 5 };
    expect([code, facts]).toEqual([told, { reference: 'ref_1', ...wait }]);
    expect(setup.decided).toMatchObject([{ decision: 'refused', code: reason, reference: 'ref_1' }]);
    expect(await setup.store.getInstance(here)).toMatchObject({
      identity: { refusedAttempt: { code: reason, reference: 'ref_1' } },
    });
  });

  it('and EC2 is asked nothing, whatever comes', async () => {
    const setup = await enrollmentSetup([]);
    for (let nth = 0; nth < 20; nth++) {
      expect((await refusalOf(setup.enroll())).code).toBe('retry');
    }
    expect(setup.verify.sent).toEqual([]);
    expect(setup.written).toEqual([]);
  });
});
