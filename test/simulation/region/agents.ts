import { createHash } from 'node:crypto';
import type { AgentKey } from '#agent/key/agent-key.ts';
import { bodyHash, signAgentToken, signEnrollment, signGrant } from '#agent/key/sign.ts';
import { identityDocument } from '#local/aws/ec2/identity-document.ts';
import { hex } from '#local/aws/ec2/random-ids.ts';
import { presentOf, type SimulatedInstance } from '#local/aws/ec2/simulated-instance.ts';
import type { Random } from '#local/random.ts';
import { grantMessage } from '#protocol/grant.ts';
import type { CheckinRequest } from '#shared/app/agent/check-in.ts';
import { type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import { seconds } from '#shared/domain/time.ts';
import { privateKeyFromSeed, publicKeyX, thumbprint } from '#shared/identity/ed25519.ts';
import { signDocument } from './authority.ts';
import { ProcessDied } from './killable.ts';
import type { Pipeline } from './pipeline.ts';
import { agentImage, audience } from './places.ts';

/** The agent of one simulated instance, with what it keeps on its disk. */
export interface SimulatedAgent {
  key: InstanceKey;
  identity: AgentKey;
  seq: number;
  /** What its check-ins bring until Muster has taken it, and the last one that Muster took. */
  link: string;
  previousLink: string | null;
  /** How far its clock is off. */
  skewMs: number;
  enrolled: boolean;
  refused: string | null;
}

const firstCheckinMs = seconds(10);
const checkinMs = seconds(900);
/** An agent that hears nothing good for this many tries is given up by its operator. */
const mostTries = 60;

/** Agents in the instances of the image that has them: real keys, documents and requests, but no process and no network. */
export class Agents {
  readonly all = new Map<string, SimulatedAgent>();
  readonly #pipeline: Pipeline;
  readonly #drawSkew: () => number;

  constructor(pipeline: Pipeline, drawSkew: () => number = () => 0) {
    this.#pipeline = pipeline;
    this.#drawSkew = drawSkew;
    pipeline.listeners.push((event) => {
      if (event.detail.state !== 'running') return;
      const { account, region, detail } = event;
      this.#boot({ account, region, instanceId: detail['instance-id'] });
    });
  }

  #boot(key: InstanceKey): void {
    const instance = this.#pipeline.ec2.instance(key);
    if (instance?.configuration.imageId !== agentImage) return;
    const { random, clock } = this.#pipeline;
    const agent = this.all.get(keyOf(key)) ?? newAgent(key, random, this.#drawSkew());
    this.all.set(keyOf(key), agent);
    const { launchTime } = presentOf(instance);
    clock.after(random() * seconds(20), () => this.#next(agent, launchTime, 0));
  }

  /** Enrolls or checks in, and says when to come again; an agent of another boot goes on in its place. */
  async #next(agent: SimulatedAgent, launchTime: number, tries: number): Promise<void> {
    const { clock, ec2 } = this.#pipeline;
    const instance = ec2.instance(agent.key);
    const present = instance && presentOf(instance);
    if (present?.state !== 'running' || present.launchTime !== launchTime || tries > mostTries) return;
    const waitMs = agent.enrolled
      ? await this.#checkIn(agent)
      : await this.#enroll(agent, instance as SimulatedInstance);
    if (waitMs === null) return;
    clock.after(waitMs, () => this.#next(agent, launchTime, agent.enrolled ? 0 : tries + 1));
  }

  async #enroll(agent: SimulatedAgent, instance: SimulatedInstance): Promise<number | null> {
    const body = enrollmentBody(agent, instance, this.#pipeline);
    try {
      await this.#pipeline.functions.enroll(body);
      Object.assign(agent, { enrolled: true, refused: null });
      this.#pipeline.timeline.word(this.#pipeline.now(), 'enroll', agent.key);
      return firstCheckinMs;
    } catch (error) {
      return this.#afterRefusal(agent, error);
    }
  }

  async #checkIn(agent: SimulatedAgent): Promise<number | null> {
    try {
      const { link } = await this.#pipeline.functions.checkin(checkinRequest(agent, this.#pipeline));
      if (link === 'taken') Object.assign(agent, { previousLink: agent.link, link: nextLink(agent) });
      this.#pipeline.timeline.word(this.#pipeline.now(), 'checkin', agent.key);
      return checkinMs;
    } catch (error) {
      return this.#afterRefusal(agent, error);
    }
  }

  /** As agent/agent.ts: what waiting may cure is tried again, everything else is final. */
  #afterRefusal(agent: SimulatedAgent, error: unknown): number | null {
    this.#pipeline.failed(error);
    if (error instanceof ProcessDied || !(error instanceof Problem)) return seconds(10);
    agent.refused = error.code;
    return curable.has(error.code) ? seconds(30) : null;
  }
}

const curable = new Set([
  ...['retry', 'busy', 'conflict', 'instance_not_described', 'document_from_future', 'clock_skew', 'stale_sequence'],
]);

export function newAgent(key: InstanceKey, random: Random, skewMs = 0): SimulatedAgent {
  const identity = newIdentity(random);
  const link = nextLink({ identity, link: '' });
  return { key, identity, seq: 0, link, previousLink: null, skewMs, enrolled: false, refused: null };
}

/** As good as random here, and it leaves the seed's other draws as they were. */
const nextLink = ({ identity, link }: Pick<SimulatedAgent, 'identity' | 'link'>): string =>
  createHash('sha256').update(`${identity.id} ${link}`).digest().subarray(0, 16).toString('base64url');

/** The key that an agent makes at its first start. */
export function newIdentity(random: Random): AgentKey {
  const privateKey = privateKeyFromSeed(Buffer.from(hex(random, 64), 'hex'));
  const x = publicKeyX(privateKey);
  return { id: thumbprint(x), publicKeyX: x, privateKey };
}

/** The agent's next request to check in. */
export function checkinRequest(agent: SimulatedAgent, pipeline: Pipeline): CheckinRequest {
  agent.seq += 1;
  const { link, previousLink, key } = agent;
  const report = {
    ...{ instanceId: key.instanceId, bootId: 'b0075', state: 'operational' as const },
    ...{ link, previousLink },
  };
  const bodySha256 = bodyHash(JSON.stringify(report));
  const iat = Math.floor((pipeline.now() + agent.skewMs) / 1000);
  const claims = { htm: 'POST', htu: `${audience}/v1/checkin`, iat, seq: agent.seq, bsh: bodySha256 };
  return { token: signAgentToken(agent.identity, claims), bodySha256, report };
}

/** What the agent finds in its user data (shared/app/server/launch.ts). */
interface UserData {
  muster?: { grant?: { id: string; seed: string } };
}

/** A signed request to enroll, as the agent of that instance sends it now. */
export function enrollmentBody(agent: SimulatedAgent, instance: SimulatedInstance, pipeline: Pipeline): string {
  const { userData } = instance.configuration;
  const { muster }: UserData = userData === null ? {} : JSON.parse(Buffer.from(userData, 'base64').toString());
  const jti = hex(pipeline.random, 32);
  const message = grantMessage(audience, agent.identity.id, jti);
  const grant = muster?.grant;
  return signEnrollment(agent.identity, {
    ...{ aud: audience, iat: Math.floor((pipeline.now() + agent.skewMs) / 1000), jti },
    proof: { kind: 'iid-rsa2048', rsa2048: signDocument(identityDocument(instance), pipeline.clock.now()) },
    agent: { version: '0.1.0', os: 'linux', osVersion: '6', arch: 'arm64', hostname: 'same-for-all', bootId: 'b0075' },
    ...(grant && { grant: { id: grant.id, signature: signGrant(Buffer.from(grant.seed, 'base64url'), message) } }),
  });
}
