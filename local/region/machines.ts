import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import type { LoopbackServer } from '../aws/ec2/loopback.ts';
import type { Ec2Region } from '../aws/ec2/region.ts';
import { presentOf, type SimulatedInstance } from '../aws/ec2/simulated-instance.ts';
import { startImds } from '../aws/imds/imds.ts';

export interface MachinesOptions {
  region: Ec2Region;
  sign: (document: string, at: Date) => { signature: string; rsa2048: string; pkcs7: string };
  /** Instances of this image run an agent by themselves. */
  agentImage: string;
  folder: string;
  now: () => Date;
  newId: () => string;
}

/** What the scenario reads of an agent: its own file, no one else's word. */
export interface AgentFile {
  enrolled: { serverId: string | null } | null;
  refused: string | null;
}

interface Machine {
  key: InstanceKey;
  imds?: LoopbackServer;
  agent?: ChildProcess;
  bootId: string;
}

const agentProgram = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));
const endsWithParent = new URL('./ends-with-parent.ts', import.meta.url).href;

/** The inside of the simulated instances: a metadata service each, and an agent process while they run. */
export class Machines {
  readonly #options: MachinesOptions;
  readonly #machines = new Map<string, Machine>();
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: MachinesOptions) {
    this.#options = options;
  }

  /** Starts and ends processes until they fit what EC2 says; called after every change, one at a time. */
  follow(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#followNow());
    return this.#turn;
  }

  /** The operating system starts again: same instance, another boot. */
  reboot(key: InstanceKey): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      const machine = this.#machines.get(key.instanceId);
      if (!machine?.agent) return;
      machine.bootId = this.#options.newId();
      await endProcess(machine);
      this.#startAgent(machine);
    });
    return this.#turn;
  }

  /** Puts an agent on a running instance whose image has none, as an operator would with a script. */
  async install(key: InstanceKey, settings: object): Promise<void> {
    mkdirSync(this.#folder(key), { recursive: true });
    writeFileSync(this.#settingsFile(key), JSON.stringify(settings), { mode: 0o600 });
    await this.follow();
  }

  agentFile({ instanceId }: Pick<InstanceKey, 'instanceId'>): AgentFile | null {
    const path = join(this.#options.folder, instanceId, 'agent.json');
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as AgentFile) : null;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    await Promise.all([...this.#machines.values()].map((machine) => this.#powerOff(machine)));
  }

  async #followNow(): Promise<void> {
    if (this.#closed) return;
    for (const instance of this.#options.region.truth()) {
      const running = presentOf(instance).state === 'running';
      const machine = this.#machines.get(instance.instanceId);
      if (running && this.#wantsAgent(instance)) await this.#powerOn(instance, machine);
      else if (!running && machine) await this.#powerOff(machine);
    }
  }

  #wantsAgent(instance: SimulatedInstance): boolean {
    return instance.configuration.imageId === this.#options.agentImage || existsSync(this.#settingsFile(instance));
  }

  async #powerOn(instance: SimulatedInstance, known: Machine | undefined): Promise<void> {
    if (known?.agent) return;
    const { account, region, instanceId } = instance;
    const machine: Machine = known ?? { key: { account, region, instanceId }, bootId: '' };
    this.#machines.set(instanceId, machine);
    machine.bootId = this.#options.newId();
    machine.imds = await startImds({
      instance: () => this.#options.region.instance(machine.key),
      sign: (document) => this.#options.sign(document, this.#options.now()),
      now: this.#options.now,
      newToken: this.#options.newId,
    });
    this.#startAgent(machine);
  }

  #startAgent(machine: Machine): void {
    const { key, imds, bootId } = machine;
    const settings = this.#settingsFile(key);
    const env = {
      PATH: process.env.PATH ?? '',
      MUSTER_AGENT_FOLDER: this.#folder(key),
      MUSTER_AGENT_BOOT_ID: bootId,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: imds?.url ?? '',
      ...(existsSync(settings) && { MUSTER_AGENT_SETTINGS: settings }),
    };
    // Its standard input is a pipe that ends with this process, however that ends: then the machine is off.
    const agent = spawn(process.execPath, ['--import', endsWithParent, agentProgram], {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    machine.agent = agent;
    agent.once('exit', () => {
      if (machine.agent === agent && agent.exitCode !== 0) delete machine.agent;
    });
  }

  async #powerOff(machine: Machine): Promise<void> {
    await endProcess(machine);
    await machine.imds?.close();
    delete machine.imds;
    delete machine.agent;
  }

  #folder = ({ instanceId }: Pick<InstanceKey, 'instanceId'>): string => join(this.#options.folder, instanceId);
  #settingsFile = (key: Pick<InstanceKey, 'instanceId'>): string => join(this.#folder(key), 'settings.json');
}

/** A machine that loses its power: nothing is asked of the agent. */
async function endProcess({ agent }: Machine): Promise<void> {
  if (!agent || agent.exitCode !== null || agent.signalCode !== null) return;
  const ended = new Promise((resolve) => agent.once('exit', resolve));
  agent.kill('SIGKILL');
  await ended;
}
