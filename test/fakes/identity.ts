import { signCallerIdentity } from '#agent/enroll/sts-proof.ts';
import type { InstanceCredentials } from '#agent/imds/credentials.ts';
import type { AgentKey } from '#agent/key/agent-key.ts';
import { signEnrollment, signGrant, signRotation } from '#agent/key/sign.ts';
import { identityDocument } from '#local/aws/ec2/identity-document.ts';
import type { SimulatedInstance } from '#local/aws/ec2/simulated-instance.ts';
import { createAuthority, newAuthorityKeys } from '#local/aws/identity/authority.ts';
import { grantMessage } from '#protocol/grant.ts';
import type { StsPurpose } from '#protocol/sts.ts';
import type { RotationClaims } from '#protocol/token.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import { readAnchors } from '#shared/identity/anchor-file.ts';
import { awsAnchors, withTest } from '#shared/identity/anchors.ts';
import { makeRegion, oneInstance } from '../local/aws/ec2/lab.ts';

/** A test authority in AWS's place, and agents that ask with its documents. */
export const audience = 'https://muster.example/prod';
export const authority = createAuthority(['us-east-1', 'eu-west-1'], newAuthorityKeys());
export const anchors = withTest(awsAnchors(), readAnchors(authority.anchors));

interface Claim extends InstanceKey {
  pendingTime: Instant;
  imageId?: string;
}

/** What instance metadata would serve of an instance that started at `pendingTime`, signed a second later. */
export function proofOf(claim: Claim, kind: 'iid-rsa2048' | 'iid-rsa' = 'iid-rsa2048') {
  const { document, rsa2048, signature } = authority.sign(documentOf(claim), new Date(claim.pendingTime + 1000));
  return kind === 'iid-rsa2048' ? { kind, rsa2048, document } : { kind, document, signature };
}

const template = simulatedInstance();

function simulatedInstance(): SimulatedInstance {
  const { region } = makeRegion();
  region.runInstances({ account: '111122223333', region: 'us-east-1' }, oneInstance);
  return region.truth()[0]!;
}

function documentOf({ account, region, instanceId, pendingTime, imageId }: Claim): string {
  const configuration = {
    ...template.configuration,
    availabilityZone: `${region}a`,
    imageId: imageId ?? template.configuration.imageId,
  };
  const history: SimulatedInstance['history'] = [{ ...template.history[0], launchTime: pendingTime }];
  return identityDocument({ ...template, account, region, instanceId, configuration, history });
}

/** A grant as a request carries it, or the seed to sign it with for this very request. */
type Grant = { id: string; seed: Uint8Array } | { id: string; signature: string };

export interface Asking {
  key: AgentKey;
  claim: Claim;
  now: Instant;
  kind?: 'iid-rsa2048' | 'iid-rsa';
  /** Credentials whose signature makes an `sts` proof of it, for the asking key and request or, if told so, for others. */
  sts?: { by: InstanceCredentials; other?: Partial<StsPurpose>; at?: Instant };
  grant?: Grant;
  /** The key whose place the asking one is to take, with what its token says if not the usual. */
  previous?: { key: AgentKey; claims?: Partial<RotationClaims> };
  jti?: string;
  aud?: string;
}

/** A grant's signature for one request. */
export function signedGrant(grant: Grant, request: { key: AgentKey; aud?: string; jti: string }) {
  if ('signature' in grant) return grant;
  const { key, aud = audience, jti } = request;
  return { id: grant.id, signature: signGrant(grant.seed, grantMessage(aud, key.id, jti)) };
}

/** The body of an enrollment as an agent signs it. */
export function enrollmentOf(asking: Asking): string {
  const { key, claim, now, kind, sts, grant, previous, jti = 'one', aud = audience } = asking;
  const iat = Math.floor(now / 1000);
  const purpose = { region: claim.region, aud, jkt: key.id, jti, ...sts?.other };
  const signed = sts && { kind: 'sts', sts: signCallerIdentity(purpose, sts.by, new Date(sts.at ?? now)) };
  const rotation = { htm: 'POST', htu: `${aud}/v1/enroll`, iat, jti, jkt: key.id, ...previous?.claims };
  return signEnrollment(key, {
    ...{ aud, jti, iat, proof: { ...proofOf(claim, kind), ...signed } },
    ...(previous && { previous: signRotation(previous.key, rotation) }),
    ...(grant && { grant: signedGrant(grant, { key, aud, jti }) }),
    agent: { version: '0.1.0', os: 'linux', osVersion: '13', arch: 'arm64', hostname: 'web-1', bootId: 'b0' },
  });
}
