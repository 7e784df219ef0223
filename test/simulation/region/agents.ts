import { type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import { seconds } from '#shared/domain/time.ts';
import { Machine, type Nature } from './machine.ts';
import type { Pipeline } from './pipeline.ts';
import { agentImage } from './places.ts';

/** Starts the agent on every instance of the image that has it, up to twenty seconds after the instance runs. */
export class Agents {
  readonly #machines = new Map<string, Machine>();
  readonly #pipeline: Pipeline;

  /** `draw`: how a new machine differs from others. */
  constructor(pipeline: Pipeline, draw: () => Nature = () => ({})) {
    this.#pipeline = pipeline;
    pipeline.listeners.push(({ account, region, detail }) => {
      if (detail.state === 'running') this.#boot({ account, region, instanceId: detail['instance-id'] }, draw);
    });
  }

  /** The machine of an instance that has run. Throws if there is none. */
  on(key: InstanceKey): Machine {
    const machine = this.#machines.get(keyOf(key));
    if (!machine) throw new Error(`no agent ever ran on ${keyOf(key)}`);
    return machine;
  }

  #boot(key: InstanceKey, draw: () => Nature): void {
    const { ec2, random, clock } = this.#pipeline;
    if (ec2.instance(key)?.configuration.imageId !== agentImage) return;
    const machine = this.#machines.get(keyOf(key)) ?? new Machine(this.#pipeline, key, draw());
    this.#machines.set(keyOf(key), machine);
    clock.after(random() * seconds(20), () => machine.start());
  }
}
