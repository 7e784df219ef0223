import { runAgent } from '#agent/agent.ts';
import { enroll } from '#agent/enroll/enroll.ts';
import type { AgentPorts } from '#agent/ports.ts';
import { type AgentState, openState } from '#agent/state/state.ts';
import type { StateFolder } from '#agent/state/state-folder.ts';
import { presentOf } from '#local/aws/ec2/simulated-instance.ts';
import { openImds } from '#local/aws/imds/imds.ts';
import { hex, uuid } from '#local/random.ts';
import type { Settings } from '#protocol/settings.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { seconds } from '#shared/domain/time.ts';
import { signDocument } from './authority.ts';
import { Life, ProcessDied } from './killable.ts';
import type { Pipeline } from './pipeline.ts';

const metadataEndpoint = 'http://169.254.169.254';
/** An operator stops an agent that has heard nothing good for so long. */
const patienceMs = seconds(600);
/** An operator who reads so often in a row that the clock is wrong stops the agent: waiting does not mend a clock. */
const mostClockSkews = 3;
const restartMs = seconds(5);
const floodMs = seconds(60);
const floodPauseMs = 500;
const never = new AbortController().signal;

/** What an agent sends its requests by, apart from those to the metadata service. */
type Send = (url: string, init: RequestInit) => Promise<Response>;

/** One instance that runs Muster's agent: its disk, its clock, and the agent's process while there is one. */
export class Machine {
  readonly key: InstanceKey;
  /** How far its clock is off. */
  readonly #skewMs: number;
  /** Its agent floods Muster with check-ins for a minute after each start, as another boot each time. */
  readonly #isHostile: boolean;
  readonly #pipeline: Pipeline;
  readonly #imds: ReturnType<typeof openImds>;
  #floodsUntil = 0;
  /** The text of the state file. */
  #disk: string | undefined;
  /** Counts the agent's processes; the last one alone may run. */
  #started = 0;
  #lastGoodAt = 0;
  #clockSkews = 0;

  constructor(pipeline: Pipeline, key: InstanceKey, { skewMs = 0, isHostile = false }: Nature = {}) {
    this.#pipeline = pipeline;
    this.#isHostile = isHostile;
    this.key = { account: key.account, region: key.region, instanceId: key.instanceId };
    this.#skewMs = skewMs;
    this.#imds = openImds({
      instance: () => pipeline.ec2.instance(this.key),
      sign: (document) => signDocument(document, pipeline.clock.now()),
      now: () => pipeline.clock.now(),
      newToken: () => 'token',
    });
  }

  /** What the agent has on its disk; undefined before its first start. */
  get state(): Pick<AgentState, 'enrolled' | 'refused'> | undefined {
    return this.#disk === undefined ? undefined : JSON.parse(this.#disk);
  }

  /**
   * Starts the agent, in the place of one that runs. It runs until its instance stops, until Muster refuses it, or until its
   * operator gives up. Where its process dies it is started again. Resolves when the agent waits for the first time.
   */
  async start(): Promise<void> {
    const launchTime = this.#launchTime();
    if (launchTime === undefined) return;
    const nth = ++this.#started;
    const isUp = () => this.#started === nth && this.#launchTime() === launchTime;
    const turns = new Turns(this.#pipeline, isUp);
    const process = new AgentProcess(this.#pipeline);
    this.#lastGoodAt = this.#pipeline.now();
    this.#clockSkews = 0;
    if (this.#isHostile) this.#floodsUntil = this.#pipeline.now() + floodMs;
    const state = { ...this.#folder(), hold: async () => async () => {} };
    const ports: AgentPorts = {
      ...this.#ports((url, init) => process.call(() => this.#send(url, init))),
      fetch: (url, init) =>
        process.call(() => this.#fetch(String(url), init ?? {}, (...asked) => this.#send(...asked))),
      state: {
        ...state,
        read: () => process.call(() => state.read()),
        write: (text) => process.call(() => state.write(text)),
      },
      wait: async (waitSeconds) => {
        process.assertAlive();
        await turns.wait(this.#floods() ? floodPauseMs : seconds(waitSeconds));
        process.live();
      },
      stopped: () => this.#clockSkews >= mostClockSkews || this.#pipeline.now() > this.#lastGoodAt + patienceMs,
    };
    const ended = async () => {
      try {
        await runAgent(ports);
        process.assertAlive();
      } catch (error) {
        if (!(error instanceof ProcessDied)) this.#pipeline.defects.push(error);
        this.#pipeline.clock.after(restartMs, () => (isUp() ? this.start() : undefined));
      }
      turns.end();
    };
    void ended();
    await turns.turn;
  }

  /**
   * One request to enroll, as the agent of this instance sends it at its first start, and what it would have on its disk then.
   * The disk keeps the agent's key and nothing else of it. `key`: of another agent. `settings`: in the place of the user data.
   */
  async ask({ key, settings, send }: Asked = {}): Promise<AgentState> {
    let asked = false;
    const ports: AgentPorts = {
      ...this.#ports(async (url, init) => {
        asked = true;
        return (send ?? ((...to) => this.#send(...to)))(url, init);
      }),
      stopped: () => asked,
    };
    const kept = await openState(this.key.instanceId, ports);
    const first = { ...kept, key: key ?? kept.key, seq: 0, usedGrants: [], enrolled: null, refused: null };
    const ownState = { ...ports.state, write: async () => {} };
    await enroll(first, settings ?? this.settings, { ...ports, state: ownState });
    return first;
  }

  /** When the instance started that runs now; undefined if it does not run. */
  #launchTime(): number | undefined {
    const instance = this.#pipeline.ec2.instance(this.key);
    const present = instance && presentOf(instance);
    return present?.state === 'running' ? present.launchTime : undefined;
  }

  /** The settings in the instance's user data. */
  get settings(): Settings {
    const { userData } = this.#pipeline.ec2.instance(this.key)?.configuration ?? {};
    return JSON.parse(Buffer.from(userData ?? '', 'base64').toString()).muster;
  }

  #floods(): boolean {
    return this.#pipeline.now() < this.#floodsUntil;
  }

  #folder(): StateFolder {
    const write = async (text: string) => {
      this.#disk = text;
    };
    return { path: '/', file: '/agent.json', hold: async () => undefined, read: async () => this.#disk, write };
  }

  #ports(send: Send): AgentPorts {
    const { random } = this.#pipeline;
    const boot = `boot-${this.#launchTime()}`;
    const about = { version: '0.1.0', os: 'linux', osVersion: '6', arch: 'arm64', hostname: 'same-for-all' };
    const bootId = () => (this.#floods() ? `${boot}-${this.#pipeline.now()}` : boot);
    return {
      fetch: (url, init) => this.#fetch(String(url), init ?? {}, send),
      metadataEndpoint,
      state: this.#folder(),
      describe: () => ({ ...about, bootId: bootId() }),
      now: () => this.#pipeline.now() + this.#skewMs,
      wait: async () => {},
      timeout: () => never,
      random,
      randomBytes: (count) => Buffer.from(hex(random, 2 * count), 'hex'),
      newId: () => uuid(random),
      stopped: () => false,
      rotationAsked: () => false,
      say: () => {},
    };
  }

  async #fetch(url: string, init: RequestInit, send: Send): Promise<Response> {
    if (!url.startsWith(metadataEndpoint)) return send(url, init);
    const headers = init.headers as Record<string, string>;
    const answer = this.#imds({ method: init.method ?? 'GET', url: url.slice(metadataEndpoint.length), headers });
    if (!answer) throw new Error('the instance is cut off');
    return new Response(String(answer.body), { status: answer.status });
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    const { functions, timeline } = this.#pipeline;
    const path = new URL(url).pathname;
    const asked = { method: 'POST', path, headers: init.headers as Record<string, string>, body: String(init.body) };
    const { statusCode, body } = await functions.request(asked);
    if (statusCode < 400) {
      timeline.word(this.#pipeline.now(), path === '/v1/enroll' ? 'enroll' : 'checkin', this.key);
      this.#lastGoodAt = this.#pipeline.now();
    }
    this.#clockSkews = body.includes('"clock_skew"') ? this.#clockSkews + 1 : 0;
    return new Response(body, { status: statusCode });
  }
}

/** How a machine differs from others. */
export interface Nature {
  /** How far its clock is off. */
  skewMs?: number;
  isHostile?: boolean;
}

interface Asked {
  key?: AgentState['key'];
  settings?: Settings;
  send?: Send;
}

/** A process that may die in every turn of its own, counted from one wait to the next. */
class AgentProcess {
  readonly #pipeline: Pipeline;
  #life: Life;

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline;
    this.#life = this.#next();
  }

  call<T>(run: () => Promise<T>): Promise<T> {
    return this.#life.call(run);
  }

  /** Throws ProcessDied if the process has died. The agent takes a lost answer for a failure of the network and goes on. */
  assertAlive(): void {
    if (this.#life.isDead) throw new ProcessDied('the agent died');
  }

  live(): void {
    this.#life = this.#next();
  }

  #next(): Life {
    return new Life({ dies: (call, side) => this.#pipeline.faults.holds('die', { service: 'agent', call, side }) });
  }
}

/** Lets a program without an end run on a clock that moves only between its waits: a turn goes from one wait to the next. */
class Turns {
  readonly #pipeline: Pipeline;
  readonly #isUp: () => boolean;
  #turn = Promise.withResolvers<void>();

  constructor(pipeline: Pipeline, isUp: () => boolean) {
    this.#pipeline = pipeline;
    this.#isUp = isUp;
  }

  /** Resolves when the program waits again or has ended. */
  get turn(): Promise<void> {
    return this.#turn.promise;
  }

  /** Resolves after so long. Never, if the machine is not up any more then: the program has ended with it. */
  wait(ms: number): Promise<void> {
    const waited = Promise.withResolvers<void>();
    this.#pipeline.clock.after(ms, () => {
      if (!this.#isUp()) return undefined;
      this.#turn = Promise.withResolvers<void>();
      waited.resolve();
      return this.turn;
    });
    this.end();
    return waited.promise;
  }

  end(): void {
    this.#turn.resolve();
  }
}
