import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { AgentKey } from '#agent/key/agent-key.ts';
import { bodyHash, signAgentToken, signEnrollment, signGrant } from '#agent/key/sign.ts';
import { identityDocument } from '#local/aws/ec2/identity-document.ts';
import type { SimulatedInstance } from '#local/aws/ec2/simulated-instance.ts';
import { createAuthority } from '#local/aws/identity/authority.ts';
import type { OperatorKey } from '#local/scenario/acts.ts';
import { grantMessage } from '#protocol/grant.ts';
import { sample } from '../events/samples.ts';

const nowInSeconds = () => Math.floor(Date.now() / 1000);

/** What a running local region needs for a document to be genuine and a request its own. */
export interface Place {
  url: string;
  /** The keys of its authority, in its folder. */
  authorityFile: string;
  grant: OperatorKey;
}

/** The sample of an enrollment, signed anew: by this agent, now, for this instance. */
export function enrollmentNow(
  agent: AgentKey,
  instance: Readonly<SimulatedInstance>,
  place: Place,
): APIGatewayProxyEventV2 {
  const authority = createAuthority([instance.region], JSON.parse(readFileSync(place.authorityFile, 'utf8')));
  const { document, rsa2048 } = authority.sign(identityDocument(instance), new Date());
  const [aud, jti] = [place.url, randomUUID()];
  const seed = Buffer.from(place.grant.seed, 'base64url');
  const payload = {
    ...{ aud, iat: nowInSeconds(), jti },
    proof: { kind: 'iid-rsa2048', document, rsa2048 },
    grant: { id: place.grant.id, signature: signGrant(seed, grantMessage(aud, agent.id, jti)) },
    agent: { version: '0.1.0', os: 'linux', osVersion: '', arch: 'arm64', hostname: 'web-1', bootId: randomUUID() },
  };
  const body = Buffer.from(signEnrollment(agent, payload)).toString('base64');
  return { ...sample<APIGatewayProxyEventV2>('enroll'), body };
}

/** The sample of a check-in in the name of that instance, under a token made anew. */
export function checkinNow(agent: AgentKey, instanceId: string, url: string): APIGatewayProxyEventV2 {
  const event = sample<APIGatewayProxyEventV2>('checkin');
  const body = JSON.stringify({ ...JSON.parse(event.body ?? ''), instanceId });
  const claims = {
    htm: 'POST',
    htu: `${url}/v1/checkin`,
    iat: nowInSeconds(),
    seq: 1,
    bsh: bodyHash(body),
  };
  return { ...event, body, headers: { ...event.headers, authorization: `Bearer ${signAgentToken(agent, claims)}` } };
}
