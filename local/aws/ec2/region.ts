import type {
  CreateTagsRequest,
  DescribeInstancesRequest,
  DescribeInstancesResult,
  InstanceStateChange,
  RebootInstancesRequest,
  Reservation,
  RunInstancesRequest,
  StartInstancesRequest,
  StartInstancesResult,
  StopInstancesRequest,
  StopInstancesResult,
  TerminateInstancesRequest,
  TerminateInstancesResult,
} from '@aws-sdk/client-ec2';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { Faults } from '../../faults.ts';
import { type Random, uuid } from '../../random.ts';
import { describeInstances, findVisible, reservationsOf } from './describe-instances.ts';
import { Ec2Error } from './ec2-error.ts';
import { type AnswerFault, Gate, type GatedInput } from './gate.ts';
import { chooseZone, newInstances, replay, tokenScope } from './launch.ts';
import { type RunInstancesInput, readLaunchRequest } from './launch-request.ts';
import type { StateReasonCode } from './lifecycle.ts';
import type { Operation } from './operations.ts';
import {
  type Circumstances,
  type Plan,
  planShutdownFromInside,
  planStart,
  planStop,
  planTerminate,
  reboots,
  type Timings,
  usualTimings,
} from './power.ts';
import { consistent, instanceState, truthOf, type Visibility } from './sighting.ts';
import { type Place, presentOf, type SimulatedInstance } from './simulated-instance.ts';
import { checkTagCount, readTags } from './tagging.ts';
import { type RegionSnapshot, World, type WorldOptions } from './world.ts';

export interface RegionOptions extends WorldOptions {
  timings?: Timings;
  visibility?: Visibility;
  faults?: Faults;
}

/**
 * EC2, for any number of accounts and regions: its operations in the SDK's own shapes, with its errors (Ec2Error), its
 * throttling, its idempotency and its eventual consistency. LostAnswer stands for a connection cut after the effect.
 */
export class Ec2Region {
  readonly faults: Faults;
  /** How consistent EC2 is without a fault. May be changed at any time, as may `timings`. */
  visibility: Visibility;
  timings: Timings;
  private readonly world: World;
  private readonly random: Random;
  private readonly gate: Gate;

  constructor(options: RegionOptions, snapshot?: RegionSnapshot) {
    this.visibility = options.visibility ?? consistent;
    this.timings = options.timings ?? usualTimings;
    this.random = options.random;
    this.world = new World(options, snapshot);
    this.faults = options.faults ?? new Faults({ random: options.random, now: () => this.world.now() });
    this.gate = new Gate(this.faults);
  }

  /**
   * The region as it was when the snapshot was taken, with time gone by since. `options.random` must not begin again
   * where the first run began: ids would come twice.
   */
  static restore(snapshot: RegionSnapshot, options: RegionOptions): Ec2Region {
    return new Ec2Region(options, snapshot);
  }

  snapshot(): RegionSnapshot {
    return this.world.snapshot();
  }

  /** What is really there, ended instances included, whatever a describe may say. A copy. */
  truth(): SimulatedInstance[] {
    return structuredClone(this.world.all());
  }

  /** One instance as it really is now; not a copy, and not to be changed. */
  instance(key: InstanceKey): Readonly<SimulatedInstance> | undefined {
    return this.world.instancesOf(key).get(key.instanceId);
  }

  /** The operating system of a running instance shuts down by itself. */
  shutDownFromInside(key: InstanceKey): void {
    const instance = this.world.instancesOf(key).get(key.instanceId);
    const plan = instance ? planShutdownFromInside(instance, this.circumstances()) : [];
    if (instance && plan.length > 0) this.world.follow(instance, plan);
  }

  /** Another disk or interface in place of the first, as people put it there with calls that nothing here simulates. */
  rewire(key: InstanceKey, parts: Partial<Pick<SimulatedInstance, 'rootVolume' | 'interfaceAttachedAt'>>): void {
    const instance = this.world.instancesOf(key).get(key.instanceId);
    if (instance) this.world.rewire(instance, parts);
  }

  describeInstances(place: Place, input: DescribeInstancesRequest): DescribeInstancesResult {
    return this.call(place, 'DescribeInstances', input, (fault) => {
      const outlook = { now: this.world.now(), visibility: this.shown(place), isDown: this.isDown(place) };
      return describeInstances(place, this.instancesOf(place), input, outlook, fault);
    });
  }

  runInstances(place: Place, input: RunInstancesRequest): Reservation {
    return this.call(place, 'RunInstances', input, () => {
      const request = readLaunchRequest(place, input);
      const clientToken = request.clientToken ?? uuid(this.random);
      const scope = tokenScope(place, request, clientToken);
      const known = this.world.launches.get(scope);
      const instances = known
        ? replay(known, request, this.world.instancesOf(place))
        : this.launch(place, request, clientToken, scope);
      return reservationsOf(instances.map(truthOf))[0] ?? {};
    });
  }

  startInstances(place: Place, input: StartInstancesRequest): StartInstancesResult {
    const fail = () => this.startFailure(place, 'StartInstances');
    const plan = (instance: SimulatedInstance) => planStart(instance, this.circumstances(), fail);
    return { StartingInstances: this.changeStates(place, 'StartInstances', input, plan) };
  }

  stopInstances(place: Place, input: StopInstancesRequest): StopInstancesResult {
    const plan = (instance: SimulatedInstance) => planStop(instance, this.circumstances(), input);
    return { StoppingInstances: this.changeStates(place, 'StopInstances', input, plan) };
  }

  terminateInstances(place: Place, input: TerminateInstancesRequest): TerminateInstancesResult {
    const plan = (instance: SimulatedInstance) => planTerminate(instance, this.circumstances());
    return { TerminatingInstances: this.changeStates(place, 'TerminateInstances', input, plan) };
  }

  rebootInstances(place: Place, input: RebootInstancesRequest): void {
    this.call(place, 'RebootInstances', input, () => {
      for (const instance of this.find(place, input.InstanceIds).filter(reboots)) this.world.reboot(instance);
    });
  }

  createTags(place: Place, input: CreateTagsRequest): void {
    this.call(place, 'CreateTags', input, () => {
      const tags = readTags(input.Tags ?? []);
      const instances = this.find(place, input.Resources);
      for (const instance of instances) checkTagCount(new Map([...truthOf(instance).tags, ...tags]).size);
      for (const instance of instances) this.world.tag(instance, tags);
    });
  }

  private call<T>(place: Place, operation: Operation, input: GatedInput, run: (fault?: AnswerFault) => T): T {
    return this.gate.pass(place, operation, input, this.world.now(), run);
  }

  private launch(place: Place, request: RunInstancesInput, clientToken: string, scope: string): SimulatedInstance[] {
    const circumstances = this.circumstances();
    this.gate.takeResources(place, 'RunInstances', request.count, circumstances.at);
    const zone = chooseZone(place, request.availabilityZone, this.isDown(place), this.random);
    const had = this.world.instancesOf(place).size;
    const failure = () => this.startFailure(place, 'RunInstances');
    const instances = newInstances({ place, request, clientToken, zone, had, failure, ...circumstances });
    const instanceIds = instances.map((instance) => instance.instanceId);
    this.world.add(instances, { scope, fingerprint: request.fingerprint, instanceIds });
    return instances;
  }

  /** All or none: plans for every instance come before the first effect. */
  private changeStates(
    place: Place,
    operation: Operation,
    input: GatedInput & { InstanceIds: string[] | undefined },
    plan: (instance: SimulatedInstance) => Plan,
  ): InstanceStateChange[] {
    return this.call(place, operation, input, () => {
      const plans = this.find(place, input.InstanceIds).map((instance) => ({ instance, course: plan(instance) }));
      this.gate.takeResources(place, operation, plans.length, this.world.now());
      return plans.map(({ instance, course }) => {
        const previous = presentOf(instance).state;
        if (course.length > 0) this.world.follow(instance, course);
        return {
          InstanceId: instance.instanceId,
          CurrentState: instanceState((course[0] ?? presentOf(instance)).state),
          PreviousState: instanceState(previous),
        };
      });
    });
  }

  private find(place: Place, ids: readonly string[] | undefined): SimulatedInstance[] {
    if (!ids?.length) throw new Ec2Error('MissingParameter', 'The request must contain the parameter InstanceId');
    const outlook = { now: this.world.now(), visibility: this.shown(place) };
    return findVisible(this.instancesOf(place), ids, outlook).map(({ instance }) => instance);
  }

  private instancesOf(place: Place): SimulatedInstance[] {
    return [...this.world.instancesOf(place).values()];
  }

  private shown({ account, region }: Place): Visibility {
    return { ...this.visibility, ...this.faults.strike(['stale'], { service: 'ec2', account, region })?.lags };
  }

  private isDown({ account, region }: Place): (zone: string) => boolean {
    return (zone) => this.faults.holds('zone-down', { service: 'ec2', account, region, zone });
  }

  /** Why the next instance that starts will not reach `running`, if it will not. */
  private startFailure({ account, region }: Place, operation: Operation): StateReasonCode | undefined {
    return this.faults.strike(['fail-start'], { service: 'ec2', operation, account, region })?.code;
  }

  private circumstances(): Circumstances {
    return { at: this.world.now(), timings: this.timings, random: this.random };
  }
}
