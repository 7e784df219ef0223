import { describe, expect, it } from 'vitest';
import type { InstanceCredentials } from '#agent/imds/credentials.ts';
import { SimulatedSts } from '#local/aws/sts/simulated-sts.ts';
import { random } from '#local/random.ts';
import { askCallerIdentity } from '#shared/adapters/aws/sts.ts';
import type { EnrollPorts } from '#shared/app/enrollment/enroll-instance.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { second } from '#test/build/records.ts';
import type { Asking } from '#test/fakes/identity.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import { later, lifeSetup } from '../agent/life-setup.ts';
import { byKey, enrollmentSetup, here, instanceChange, keyChange, now, running } from './enrollment-setup.ts';

/** An enrollment setup whose deployment takes `sts`, and an STS that gave this instance its own credentials. */
async function stsEnrollment(allowedProofs: EnrollPorts['allowedProofs'] = ['sts']) {
  const setup = await enrollmentSetup([instanceChange(running()), keyChange()]);
  const sts = new SimulatedSts({ now: () => new Date(now), random: random(1) });
  const own = sts.instanceCredentials(here);
  const askSts: EnrollPorts['askSts'] = (request) => askCallerIdentity(request, sts.fetch);
  const enroll = (by: InstanceCredentials, asking: Partial<Asking> = {}, ports: Partial<EnrollPorts> = {}) =>
    setup.enroll({ ...byKey, sts: { by }, ...asking }, { allowedProofs, askSts, ...ports });
  return { ...setup, sts, own, enroll };
}

describe('an enrollment with a proof by STS', () => {
  it('binds, and the record says by which proof', async () => {
    const { enroll, own, sts, written, decided } = await stsEnrollment();
    await enroll(own);
    expect(sts.requests).toHaveLength(1);
    expect(written.find(({ kind }) => kind === 'binding')?.after).toMatchObject({ status: 'bound', proof: 'sts' });
    expect(decided).toMatchObject([{ decision: 'enrolled', proof: 'sts' }]);
  });

  it('gets its stored answer again without another question', async () => {
    const { enroll, own, sts } = await stsEnrollment();
    const key = newAgentKey();
    const answer = await enroll(own, { key });
    expect(await enroll(own, { key, jti: 'two' })).toEqual(answer);
    expect(sts.requests).toHaveLength(1);
  });

  it.each<[string, Partial<Asking>]>([
    ['without a sound grant', { grant: { id: 'key_none', signature: 'A'.repeat(86) } }],
    ['with a document of an earlier start', { claim: { ...here, pendingTime: now - 3_600_000 } }],
  ])('asks nothing of STS %s', async (_, asking) => {
    const { enroll, own, sts } = await stsEnrollment();
    await expect(enroll(own, asking)).rejects.toThrow();
    expect(sts.requests).toEqual([]);
  });

  it('is refused by another instance’s credentials, and both are named', async () => {
    const { enroll, sts, written } = await stsEnrollment();
    const other = sts.instanceCredentials({ ...here, instanceId: 'i-0fedcba9876543210' });
    expect(await refusalOf(enroll(other))).toMatchObject({ code: 'sts_other_instance' });
    expect(written.filter(({ kind }) => kind !== 'instance')).toEqual([]);
  });

  it.each(['jkt', 'aud', 'jti'] as const)('is refused where the signature was made for another %s', async (member) => {
    const { enroll, own } = await stsEnrollment();
    const other = { [member]: member === 'aud' ? 'https://other.example' : 'another' };
    expect(await refusalOf(enroll(own, { sts: { by: own, other } }))).toMatchObject({
      code: 'sts_refused',
      facts: { stsCode: 'SignatureDoesNotMatch' },
    });
  });

  it('comes back where STS cannot be heard: never refused, never accepted', async () => {
    const { enroll, own, written } = await stsEnrollment();
    const silent: EnrollPorts['askSts'] = (request) =>
      askCallerIdentity(request, () => Promise.reject(new TypeError('fetch failed')));
    expect(await refusalOf(enroll(own, {}, { askSts: silent }))).toMatchObject({
      code: 'sts_unavailable',
      facts: { reason: 'network', retryAfterSeconds: 5 },
    });
    expect(written.filter(({ kind }) => kind !== 'instance')).toEqual([]);
  });

  it('is told of a clock that is off before anything is asked', async () => {
    const { enroll, own, sts } = await stsEnrollment();
    expect(await refusalOf(enroll(own, { sts: { by: own, at: now - 301_000 } }))).toMatchObject({ code: 'clock_skew' });
    expect(sts.requests).toEqual([]);
  });

  it('counts only where the policy takes it', async () => {
    const { enroll, own, sts } = await stsEnrollment(['iid-rsa2048']);
    expect(await refusalOf(enroll(own))).toMatchObject({ code: 'proof_not_allowed', facts: { proof: 'sts' } });
    expect(sts.requests).toEqual([]);
  });

  it('of a stranger on a start that would do without a grant is refused without a word more', async () => {
    const startedAt = later - 60 * second;
    const setup = await lifeSetup({ cloud: { epoch: startedAt } });
    const sts = new SimulatedSts({ now: () => new Date(later), random: random(1) });
    const by = sts.instanceCredentials({ ...here, instanceId: 'i-0fedcba9876543210' });
    const askSts: EnrollPorts['askSts'] = (request) => askCallerIdentity(request, sts.fetch);
    const asking = { claim: { ...here, pendingTime: startedAt }, sts: { by }, now: later };
    const policy = { allowedProofs: ['sts'] as const, askSts, reenrollOnRestart: true };
    const { code, facts } = await refusalOf(setup.enroll(asking, policy));
    expect([code, Object.keys(facts)]).toEqual(['refused', ['reference']]);
    expect(setup.decided.at(-1)).toMatchObject({ code: 'sts_other_instance' });
  });

  it('where the policy does not take it, buys no question to EC2 for an old document of an unknown instance', async () => {
    const { enroll, own, verify } = await stsEnrollment(['iid-rsa2048']);
    const unknown = { ...here, instanceId: 'i-0fedcba9876543210', pendingTime: now - 30 * 86_400_000 };
    expect(await refusalOf(enroll(own, { claim: unknown }))).toMatchObject({ code: 'proof_not_allowed' });
    expect(verify.messages).toEqual([]);
  });
});
