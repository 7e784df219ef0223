import { signCallerIdentity } from '#agent/enroll/sts-proof.ts';
import type { InstanceCredentials } from '#agent/imds/credentials.ts';
import { SimulatedSts } from '#local/aws/sts/simulated-sts.ts';
import { random } from '#local/random.ts';
import type { StsPurpose, StsSignature } from '#protocol/sts.ts';
import { askCallerIdentity } from '#shared/adapters/aws/sts.ts';
import { type Caller, readCallerIdentity } from '#shared/identity/sts-answer.ts';
import { buildCallerIdentityRequest } from '#shared/identity/sts-request.ts';

export const now = new Date('2026-11-26T10:00:00Z');
export const claim = { account: '111122223333', instanceId: 'i-0123456789abcdef0' };
export const purpose: StsPurpose = {
  region: 'us-east-1',
  aud: 'https://muster.example/prod',
  jkt: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  jti: '3f2a6c1e-0f5b-4d0b-9d8e-6f1f4f0b7a11',
};

/** A simulated STS, the credentials of one instance, and both ends of an enrollment's proof. */
export function stsSetup() {
  let time = now;
  const sts = new SimulatedSts({ now: () => time, random: random(1) });
  const credentials = sts.instanceCredentials({ ...claim, region: purpose.region });
  /** What the instance's agent signs. */
  const sign = (other: Partial<StsPurpose> = {}, by: InstanceCredentials = credentials, at = time): StsSignature =>
    signCallerIdentity({ ...purpose, ...other }, by, at);
  /** What Muster makes of a signature: builds the request, asks, reads. */
  const ask = async (signature: StsSignature, other: Partial<StsPurpose> = {}): Promise<Caller> => {
    const asked = { ...purpose, ...other };
    const body = await askCallerIdentity(buildCallerIdentityRequest({ ...asked, sts: signature }), sts.fetch);
    return readCallerIdentity(body, asked.region);
  };
  const later = (ms: number) => {
    time = new Date(time.getTime() + ms);
  };
  return { sts, credentials, sign, ask, later };
}
