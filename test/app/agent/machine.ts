import { createHash } from 'node:crypto';
import { bodyHash, signAgentToken } from '#agent/key/sign.ts';
import type { CheckinAnswer } from '#protocol/check-in.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { type CheckinPorts, type CheckinRequest, checkIn } from '#shared/app/agent/check-in.ts';
import { Problem, type ProblemCode } from '#shared/domain/problems.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { bindingNamed, instanceNamed, keyNamed, second, start } from '#test/build/records.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';

export const here = keyNamed('i-0123456789abcdef0');
const audience = 'https://muster.example/prod';
const htu = `${audience}/v1/checkin`;

/** What becomes of one check-in between the agent's disk and the answer. */
export const fates = [
  ...(['heard', 'heard twice', 'request lost', 'answer lost', 'crash before sending', 'crash after', 'late'] as const),
] as const;
export type Fate = (typeof fates)[number];

/** What an agent has on its disk. */
interface Disk {
  seq: number;
  link: string;
  previousLink: string | null;
}

/** One request that Muster took, and whose it was; `links` of them had been taken since the machine was copied. */
interface Spoken {
  by: string;
  links: number;
}

/** Muster with one enrolled key, a clock that tests move, and everything that came of it. */
export async function oneKey() {
  const key = newAgentKey();
  const store = createMemoryStore({ timing: defaultTiming });
  const agent = { id: key.id, version: '1', bootId: '', enrolledAt: start, state: null, stateAt: null };
  const instance = instanceNamed(here.instanceId, {
    cloud: { state: 'running', at: start },
    management: { status: 'enrolled', reason: 'launched' },
    agent,
  });
  const binding = bindingNamed(key.id, { ...here, publicKey: key.publicKeyX });
  await store.commit([{ kind: 'instance', before: undefined, after: instance }]);
  await store.commit([{ kind: 'binding', before: undefined, after: binding }]);
  const ports: CheckinPorts = {
    ...{ store, verify: new KeepingOutbox(), audiences: [audience], timing: defaultTiming },
    ...{ isRegistered: () => true, twinSeen: () => {}, endingFinished: () => {}, begunAnew: () => {} },
  };
  const muster = { key, store, ports, now: start, spoken: [] as Spoken[], codes: [] as ProblemCode[], linksTaken: 0 };
  return muster;
}
export type OneKey = Awaited<ReturnType<typeof oneKey>>;

/** An agent as agent/check-in.ts is one: what it sends is on its disk before, and memory is lost in a crash. */
export class Machine {
  readonly name: string;
  readonly #muster: OneKey;
  readonly #late: CheckinRequest[] = [];
  #disk: Disk;
  #memory: Disk;
  #draws = 0;
  /** In memory alone: what the last answer said of an overtaking. */
  #overtakenAt: string | undefined;

  constructor(muster: OneKey, name = 'A', disk?: Disk) {
    this.#muster = muster;
    this.name = name;
    this.#disk = disk ?? { seq: 0, link: this.#draw(), previousLink: null };
    this.#memory = { ...this.#disk };
  }

  /** Another machine with this one's disk, as it was `before` or is now; it boots. */
  copy(name: string, disk = this.snapshot()): Machine {
    return new Machine(this.#muster, name, disk);
  }

  snapshot(): Disk {
    return { ...this.#disk };
  }

  async checkIn(fate: Fate, bootId: string): Promise<void> {
    this.#memory.seq += 1;
    this.#disk = { ...this.#memory };
    if (fate === 'crash before sending') return this.#restart();
    const request = this.#request(bootId);
    if (fate === 'late') this.#late.push(request);
    if (fate === 'request lost' || fate === 'late') return;
    const first = await this.#deliver(request);
    // A proxy or a retried write has it decided twice, and the agent reads the second answer.
    const answer = fate === 'heard twice' ? await this.#deliver(request) : first;
    if (fate === 'crash after') return this.#restart();
    if (fate === 'heard' || fate === 'heard twice') this.#hear(answer);
  }

  /** What was on its way comes through; whoever sent it has long given it up. */
  async deliverLate(): Promise<void> {
    const request = this.#late.shift();
    if (request) await this.#deliver(request);
  }

  /** A thief counts as it likes. */
  jump(by: number): void {
    this.#memory.seq += by;
  }

  #restart(): void {
    this.#overtakenAt = undefined;
    this.#memory = { ...this.#disk };
  }

  #hear(answer: CheckinAnswer | Problem): void {
    this.#overtakenAt = answer instanceof Problem ? (answer.facts.overtakenAt as string | undefined) : undefined;
    if (answer instanceof Problem) {
      if (answer.code === 'stale_sequence') this.#memory.seq = Math.max(this.#memory.seq, Number(answer.facts.seq));
    } else if (answer.link === 'taken') {
      Object.assign(this.#memory, { previousLink: this.#memory.link, link: this.#draw() });
    }
  }

  async #deliver(request: CheckinRequest): Promise<CheckinAnswer | Problem> {
    const { ports, spoken, codes, store } = this.#muster;
    const before = (await store.getLease(here))?.link;
    const links = this.#muster.linksTaken;
    try {
      const answer = await checkIn(request, this.#muster.now, ports);
      spoken.push({ by: this.name, links });
      if ((await store.getLease(here))?.link !== before) this.#muster.linksTaken += 1;
      return answer;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      codes.push(error.code);
      return error;
    }
  }

  #request(bootId: string): CheckinRequest {
    const { key, now } = this.#muster;
    const { seq, link, previousLink } = this.#memory;
    const links = { link, previousLink, ...(this.#overtakenAt !== undefined && { overtakenAt: this.#overtakenAt }) };
    const report = { instanceId: here.instanceId, bootId, state: 'operational' as const, ...links };
    const bsh = bodyHash(JSON.stringify(report));
    const iat = Math.floor(now / second);
    return { token: signAgentToken(key, { htm: 'POST', htu, iat, seq, bsh }), bodySha256: bsh, report };
  }

  #draw(): string {
    this.#draws += 1;
    const text = `${this.name} ${this.#draws} ${this.#disk?.link ?? ''}`;
    return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
  }
}
