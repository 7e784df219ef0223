import { type EnrollmentPayload, enrollmentMediaType, type Proof } from '#protocol/enrollment.ts';
import { grantMessage } from '#protocol/grant.ts';
import { enrollPath } from '#protocol/paths.ts';
import type { Settings } from '#protocol/settings.ts';
import type { StsPurpose } from '#protocol/sts.ts';
import { readInstanceCredentials } from '../imds/credentials.ts';
import { type Metadata, readMetadata } from '../imds/metadata.ts';
import type { AgentKey } from '../key/agent-key.ts';
import { signEnrollment, signGrant, signRotation } from '../key/sign.ts';
import type { AgentPorts } from '../ports.ts';
import { signCallerIdentity } from './sts-proof.ts';

/** What an agent wants to enroll. */
export interface Enrollment {
  key: AgentKey;
  settings: Settings;
  grant?: Settings['grant'];
  /** The key that is enrolled until now, which `key` replaces. */
  previous?: AgentKey;
}

/** Reads the metadata anew and signs a request with it. Throws if the metadata service does not answer or answers with an error. */
export async function buildEnrollment(
  { key, settings, grant, previous }: Enrollment,
  ports: AgentPorts,
): Promise<{ body: string; headers: Record<string, string> }> {
  const metadata = await readMetadata(ports);
  const [aud, jti, iat] = [settings.url, ports.newId(), Math.floor(ports.now() / 1000)];
  const message = grantMessage(aud, key.id, jti);
  const payload: EnrollmentPayload = {
    ...{ aud, iat, jti },
    proof: await proofOf(metadata, settings, { aud, jkt: key.id, jti }, ports),
    agent: ports.describe(),
    ...(grant && { grant: { id: grant.id, signature: signGrant(Buffer.from(grant.seed, 'base64url'), message) } }),
    ...(previous && {
      previous: signRotation(previous, { htm: 'POST', htu: `${aud}${enrollPath}`, iat, jti, jkt: key.id }),
    }),
  };
  return { body: signEnrollment(key, payload), headers: { 'content-type': enrollmentMediaType } };
}

/** An `sts` proof is signed for the document's Region, because Muster asks the STS of that Region. */
async function proofOf(
  { rsa2048, document }: Metadata,
  settings: Settings,
  purpose: Omit<StsPurpose, 'region'>,
  ports: AgentPorts,
): Promise<Proof> {
  if (settings.proof !== 'sts') return { kind: 'iid-rsa2048', rsa2048, document };
  const credentials = await readInstanceCredentials(ports);
  const { region } = JSON.parse(document) as { region: string };
  const sts = signCallerIdentity({ region, ...purpose }, credentials, new Date(ports.now()));
  return { kind: 'sts', rsa2048, document, sts };
}
