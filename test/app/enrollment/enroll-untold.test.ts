import { describe, expect, it } from 'vitest';
import { second, start } from '#test/contracts/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import {
  byKey,
  byLaunch,
  enrollmentStage,
  here,
  instanceChange,
  instanceId,
  keyChange,
  keyId,
  running,
} from './enrollment-stage.ts';

const minutes = 60 * second;

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

  it('costs no read', async () => {
    const stage = await enrollmentStage([keyChange()]);
    const read = async () => expect.unreachable('a stranger made Muster read');
    const store = { ...stage.store, get: read, getInstance: read, getFacts: read };
    expect((await refusalOf(stage.enroll({ claim, ...byKey }, { store }))).code).toBe('refused');
  });

  it('from an unregistered region of a registered account is a stranger’s too', async () => {
    const stage = await enrollmentStage();
    const elsewhere = { ...here, region: 'eu-west-1', pendingTime: start };
    expect((await refusalOf(stage.enroll({ claim: elsewhere }))).code).toBe('refused');
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
    const stage = await enrollmentStage([instanceChange(record), keyChange()]);
    const { code, facts } = await refusalOf(stage.enroll(asking));
    const wait = told === 'retry' && { retryAfterSeconds: 5 };
    expect([code, facts]).toEqual([told, { reference: 'ref_1', ...wait }]);
    expect(stage.decided).toMatchObject([{ decision: 'refused', code: reason, reference: 'ref_1' }]);
    expect(await stage.store.getInstance(here)).toMatchObject({
      identity: { refusedAttempt: { code: reason, reference: 'ref_1' } },
    });
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
