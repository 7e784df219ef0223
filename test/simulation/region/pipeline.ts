import type { SQSRecord } from 'aws-lambda';
import { Ec2Region } from '#local/aws/ec2/region.ts';
import type { StateChangeEvent } from '#local/aws/ec2/state-change-event.ts';
import { Bus, type BusEvent } from '#local/aws/events/bus.ts';
import { Queues } from '#local/aws/sqs/queues.ts';
import { Faults, type Occasion } from '#local/faults.ts';
import { type Random, random } from '#local/random.ts';
import { type FunctionName, queueFunctions } from '#local/topology.ts';
import { secondsAway } from '#shared/adapters/aws/queue.ts';
import { createMemoryHistory, createMemoryUserData } from '#shared/adapters/memory/private.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import type { PublishedEvent, Refusal } from '#shared/app/events/event-bus.ts';
import type { Outbox } from '#shared/app/ports.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import { defaultTiming, type Timing } from '#shared/domain/timing.ts';
import type { Fields } from '#shared/observe/log.ts';
import { VirtualClock } from '#test/fakes/virtual-clock.ts';
import { openSimulatedEc2 } from './ec2-transport.ts';
import { type Functions, handlerOf, makeFunctions } from './functions.ts';
import { killable, Life, ProcessDied } from './killable.ts';
import { accounts, beganAt } from './places.ts';
import type { Host, Invocation, Ports } from './ports.ts';
import { RecordStream } from './record-stream.ts';
import { Timeline } from './timeline.ts';

export interface PipelineOptions {
  seed: number;
  /** Told of every write of a record in the same step, and of every call of a port before it happens. */
  watch?: {
    changed(change: RecordChange, by: Invocation): void;
    called(by: Invocation): void;
    sent(launchId: string): void;
  };
  timing?: Timing;
}

/**
 * All of Muster on a clock that moves only when told to: the handlers of functions/ and the EC2 adapter between a simulated
 * EC2, buses and queues that lose, repeat and delay, and a store in memory. The same seed runs the same, crashes included.
 */
export class Pipeline implements Host {
  readonly clock = new VirtualClock(new Date(beganAt));
  readonly random: Random;
  readonly timing: Timing;
  readonly timeline: Timeline;
  readonly ec2: Ec2Region;
  readonly awsBus: Bus;
  readonly queues: Queues;
  readonly functions: Functions;
  readonly stream: RecordStream;
  /** What a consumer of Muster's bus has got, by the events' ids. */
  readonly told = new Map<string, PublishedEvent>();
  /** Mistakes of the program, as opposed to failures of its surroundings. */
  readonly defects: unknown[] = [];
  readonly alarms: string[] = [];
  /** Told of every true change of state, as an operating system that starts would know. */
  readonly listeners: ((event: StateChangeEvent) => void)[] = [];
  /** What goes wrong, in every part of the pipeline. */
  readonly faults: Faults;
  /** The ports without any fault, for an observer. */
  readonly ports: Ports;
  #current: Invocation = { name: 'operatorChange', at: beganAt };
  #intruding = false;
  readonly #watch: NonNullable<PipelineOptions['watch']>;

  constructor({
    seed,
    watch = { changed: () => {}, called: () => {}, sent: () => {} },
    timing = defaultTiming,
  }: PipelineOptions) {
    const { clock } = this;
    this.random = random(seed);
    this.timing = timing;
    this.timeline = new Timeline(`seed-${seed}`);
    this.#watch = watch;
    this.faults = new Faults({ random: this.random, now: () => this.now() });
    const place = { clock, random: this.random, faults: this.faults, account: accounts.hub, region: 'us-east-1' };
    const onError = (error: unknown) => this.failed(error);
    this.awsBus = new Bus({ ...place, name: 'default', onError });
    this.queues = new Queues({ ...place, onError });
    this.ec2 = new Ec2Region({
      clock,
      random: this.random,
      faults: this.faults,
      onStateChange: (event) => {
        this.awsBus.emitFromAws(event as unknown as BusEvent);
        for (const listener of this.listeners) listener(event);
      },
    });
    this.functions = makeFunctions(this);
    this.stream = new RecordStream({
      clock,
      timing,
      handler: (event) => this.functions.onRecordChanged(event),
      onError,
    });
    this.ports = this.#outside(new Bus({ ...place, name: 'muster', onError }));
    this.#wire();
  }

  now(): Instant {
    return this.clock.now().getTime();
  }

  /** Runs a function as one process, which may die at any of its calls. */
  async invoke<Result>(name: FunctionName, run: (ports: Ports) => Promise<Result>): Promise<Result> {
    const invocation = { name, at: this.now() };
    const at = { service: 'lambda', function: name } as const;
    const life = new Life({
      dies: (call, side) => this.faults.holds('die', { ...at, call, side }),
      meanwhile: (call) => this.#letOthersIn({ ...at, call }),
    });
    const entered = () => {
      this.#watch.called(invocation);
      this.#current = invocation;
    };
    const ports = Object.fromEntries(
      Object.entries(this.ports).map(([port, outside]) => [port, killable(outside, life, entered)]),
    ) as unknown as Ports;
    const result = await run(ports);
    if (life.isDead) throw new ProcessDied('the process died');
    return result;
  }

  /** Notes an error, if it is a mistake of the program. */
  failed(error: unknown): void {
    if (error instanceof Error && isMistake(error.name)) this.defects.push(error);
  }

  /** The same for an error that a function wrote to its log. */
  logged({ error, stack }: Fields): void {
    if (isMistake(String(error))) this.defects.push(stack);
  }

  deadLetters(): number {
    return queueFunctions.reduce((sum, { queue }) => sum + this.queues.queue(`${queue.name}-dead`).counts().visible, 0);
  }

  #outside(bus: Bus): Ports {
    const store = createMemoryStore({ timing: this.timing, onChange: (change) => this.#changed(change) });
    const consumer = this.queues.create('consumer');
    bus.rule('everything', { source: ['muster'] }, { queue: consumer });
    const box = <Message>(name: string): Outbox<Message> => ({
      send: async (messages, delaySeconds = 0) => {
        for (const one of messages) this.queues.queue(name).send(JSON.stringify(one), { delaySeconds });
      },
    });
    return {
      store,
      userData: createMemoryUserData(),
      history: createMemoryHistory(),
      ec2: openSimulatedEc2(this.ec2, () => this.now(), {
        answered: (answer) => this.timeline.describe(answer),
        sent: (launchId) => this.#watch.sent(launchId),
      }),
      verify: box('verify'),
      launch: box('launch'),
      launchQueue: { giveBack: async (message) => this.#giveBack(message) },
      sweep: box('sweep'),
      bus: { send: async (events) => events.map((event) => publish(bus, event)) },
    };
  }

  #changed(change: RecordChange): void {
    this.#watch.changed(change, this.#current);
    this.stream.add(change);
  }

  #giveBack({ receiptHandle, attributes }: SQSRecord): void {
    const away = secondsAway(Number(attributes.ApproximateReceiveCount), this.random);
    this.queues.queue('launch').changeVisibility(receiptHandle, away);
  }

  #wire(): void {
    const { functions, queues } = this;
    for (const { name, queue } of queueFunctions) {
      const redrive = { deadLetterQueue: queues.create(`${queue.name}-dead`), maxReceiveCount: queue.receives };
      queues.create(queue.name, { visibilitySeconds: queue.visibility, redrive });
      queues.consume(queue.name, {
        batchSize: queue.batch,
        windowSeconds: queue.window ?? 0,
        maxConcurrency: Math.min(queue.concurrency, mostAtOnce),
        invoke: handlerOf(functions, name),
      });
    }
    const pattern = { 'detail-type': ['EC2 Instance State-change Notification'] };
    this.awsBus.rule('instance-events', pattern, { queue: queues.queue('instance-events') });
    queues.consume('consumer', {
      batchSize: 10,
      maxConcurrency: 1,
      invoke: async ({ Records }) => {
        for (const { body } of Records) hear(this.told, JSON.parse(body));
      },
    });
    this.clock.every(seconds(60), functions.tick);
    this.clock.every(seconds(functions.sweepPeriodSeconds), functions.sweep);
  }

  /** Another process handles a message in between, as far as any waits. */
  async #letOthersIn(at: Occasion): Promise<void> {
    if (this.#intruding || !this.faults.holds('overtake', at)) return;
    this.#intruding = true;
    try {
      await this.functions.handleOneMore();
    } finally {
      this.#intruding = false;
    }
  }
}

/** So many invocations of one function run side by side, and no more: five are enough to get in each other's way. */
const mostAtOnce = 5;

const mistakes: ReadonlySet<string> = new Set(['TypeError', 'RangeError', 'ReferenceError']);
const isMistake = (name: string): boolean => mistakes.has(name);

function publish(bus: Bus, { detailType, detail }: PublishedEvent): Refusal | undefined {
  const [result] = bus.putEvents([{ source: 'muster', detailType, detail: JSON.stringify(detail) }]);
  return result && 'errorCode' in result ? { error: new Error(result.errorCode), passes: false } : undefined;
}

function hear(told: Map<string, PublishedEvent>, event: { 'detail-type': string; detail: PublishedEvent['detail'] }) {
  const known = told.get(event.detail.meta.id);
  told.set(event.detail.meta.id, known ?? { detailType: event['detail-type'], detail: event.detail });
}
