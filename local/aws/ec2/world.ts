import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import { type Random, uuid } from '../../random.ts';
import type { LaunchRecord } from './launch.ts';
import type { Place, SimulatedInstance, Transition } from './simulated-instance.ts';
import { type StateChangeEvent, stateChangeEvent } from './state-change-event.ts';

/** Time as the simulation needs it: `after` runs once, at least `ms` later, and is never taken back. */
export interface RegionClock {
  now(): Date;
  after(ms: number, run: () => void): void;
}

export interface WorldOptions {
  clock: RegionClock;
  random: Random;
  /** The events' source; `aws.ec2` unless an emulator forbids it. */
  source?: string;
  /** Every transition, at the moment it happens and in order. Losing and mixing them up is the bus's affair. */
  onStateChange: (event: StateChangeEvent) => void;
  /** A reboot shows in no state and no event, only here. */
  onReboot?: (key: InstanceKey) => void;
  /** Something changed that a snapshot should keep. */
  onChange?: () => void;
}

/** Everything that outlives a restart, transitions to come included. Plain JSON. */
export interface RegionSnapshot {
  instances: SimulatedInstance[];
  launches: LaunchRecord[];
}

/** All instances of all places, and the passage of time over them. */
export class World {
  readonly launches: Map<string, LaunchRecord>;
  private readonly places = new Map<string, Map<string, SimulatedInstance>>();
  private readonly options: WorldOptions;

  /** A snapshot's overdue transitions happen at once, stamped with the time they were due: EC2 does not stop with us. */
  constructor(options: WorldOptions, snapshot: RegionSnapshot = { instances: [], launches: [] }) {
    const { instances, launches } = structuredClone(snapshot);
    this.options = options;
    this.launches = new Map(launches.map((launch) => [launch.scope, launch]));
    for (const instance of instances) this.instancesOf(instance).set(instance.instanceId, instance);
    for (const instance of instances) this.arm(instance);
  }

  now(): Instant {
    return this.options.clock.now().getTime();
  }

  /** The instances of a place, by id. */
  instancesOf({ account, region }: Place): Map<string, SimulatedInstance> {
    const key = `${account}/${region}`;
    const known = this.places.get(key);
    if (known) return known;
    const fresh = new Map<string, SimulatedInstance>();
    this.places.set(key, fresh);
    return fresh;
  }

  add(instances: readonly SimulatedInstance[], launch: LaunchRecord): void {
    this.launches.set(launch.scope, launch);
    for (const instance of instances) this.instancesOf(instance).set(instance.instanceId, instance);
    this.changed();
    for (const instance of instances) this.announce(instance, instance.history[0]);
    for (const instance of instances) this.arm(instance);
  }

  /** Replaces what was to come. What is due of the new course happens now. */
  follow(instance: SimulatedInstance, course: readonly Transition[]): void {
    instance.ahead = [...course];
    this.advance(instance);
  }

  tag(instance: SimulatedInstance, tags: ReadonlyMap<string, string>): void {
    const at = this.now();
    for (const [key, value] of tags) instance.tags.push({ key, value, at });
    this.changed();
  }

  rewire(instance: SimulatedInstance, parts: Partial<SimulatedInstance>): void {
    Object.assign(instance, parts);
    this.changed();
  }

  reboot(instance: SimulatedInstance): void {
    instance.reboots.push(this.now());
    this.changed();
    const { account, region, instanceId } = instance;
    this.options.onReboot?.({ account, region, instanceId });
  }

  all(): SimulatedInstance[] {
    return [...this.places.values()].flatMap((instances) => [...instances.values()]);
  }

  snapshot(): RegionSnapshot {
    return structuredClone({ instances: this.all(), launches: [...this.launches.values()] });
  }

  private advance(instance: SimulatedInstance): void {
    for (let next = instance.ahead[0]; next && next.at <= this.now(); next = instance.ahead[0]) {
      instance.ahead.shift();
      instance.history.push(next);
      this.changed();
      this.announce(instance, next);
    }
    this.arm(instance);
  }

  private arm(instance: SimulatedInstance): void {
    const next = instance.ahead[0];
    if (!next) return;
    this.options.clock.after(Math.max(next.at - this.now(), 0), () => {
      // A timer of a course that was replaced meanwhile finds another head, and one that came early is set again.
      if (instance.ahead[0] === next) this.advance(instance);
    });
  }

  private announce(instance: SimulatedInstance, transition: Transition): void {
    const { random, source = 'aws.ec2', onStateChange } = this.options;
    onStateChange(stateChangeEvent(instance, transition, uuid(random), source));
  }

  private changed(): void {
    this.options.onChange?.();
  }
}
