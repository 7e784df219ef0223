import type { EventBridgeEvent } from 'aws-lambda';
import type { Clock } from '../../clock.ts';
import { Faults } from '../../faults.ts';
import { type Random, random, uuid } from '../../random.ts';
import type { Queue } from '../sqs/queue.ts';
import { assertExact, type EventPattern, type Json, matches } from './event-pattern.ts';
import { assertCount, type Entry, type EntryResult, refusalOf } from './put-events.ts';

export type BusEvent = EventBridgeEvent<string, Json>;

/** Where a rule sends its events: a queue, or a function that is invoked asynchronously. */
export type Target = { queue: Queue } | { invoke: (event: BusEvent) => Promise<void> };

/** An event on its way to one target. `dueAt` is milliseconds since 1970. */
export interface Delivery {
  readonly bus: string;
  readonly rule: string;
  readonly event: BusEvent;
  readonly attempts: number;
  readonly dueAt: number;
}

export interface BusOptions {
  name: string;
  clock: Clock;
  random: Random;
  account: string;
  region: string;
  /** Where events under way are kept: a JournaledMap if they are to survive the process, else a Map. */
  store?: Map<string, Delivery>;
  /** Strike between rule and target. */
  faults?: Faults;
  /** Gets what a function target rejects with. */
  onError: (error: unknown, rule: string) => void;
}

/** Lambda repeats a failed asynchronous invocation twice: lambda/latest/dg/invocation-async-error-handling.html. */
const retryDelaysMs = [60_000, 120_000];

/** One EventBridge bus: rules, targets, at-least-once delivery in no promised order. */
export class Bus {
  readonly name: string;
  readonly #faults: Faults;
  readonly #options: BusOptions;
  readonly #store: Map<string, Delivery>;
  /** Ids of what comes from other Regions, apart from the draws that a seed decides. */
  readonly #hops = random(1);
  readonly #rules = new Map<string, { pattern: EventPattern; target: Target }>();

  constructor(options: BusOptions) {
    this.name = options.name;
    this.#options = options;
    this.#store = options.store ?? new Map();
    this.#faults = options.faults ?? new Faults({ random: options.random, now: () => this.#now() });
  }

  /** Adds a rule. What the store still holds for it is on its way again. Throws on a pattern of more than exact values. */
  rule(name: string, pattern: EventPattern, target: Target): void {
    assertExact(pattern);
    if (this.#rules.has(name)) throw new Error(`The bus ${this.name} has a rule ${name} already.`);
    this.#rules.set(name, { pattern, target });
    for (const [key, delivery] of this.#store) {
      if (delivery.bus === this.name && delivery.rule === name) this.#schedule(key, delivery.dueAt);
    }
  }

  /**
   * What PutEvents does. A bad entry has its own result and keeps no other back. Throws AwsError for no entry or more
   * than ten. `account` is the caller's.
   */
  putEvents(entries: readonly Entry[], account: string = this.#options.account): EntryResult[] {
    assertCount(entries);
    return entries.map((entry) => this.#put(entry, account));
  }

  /**
   * An event from AWS's own services, complete: their names may begin with `aws.`, which nobody else's may. One of another Region was sent here by
   * a rule there: EventBridge gives it an id and a time of its own, and leaves account and Region as they were.
   */
  emitFromAws(sent: BusEvent): void {
    const isOwn = sent.region === this.#options.region;
    const event = isOwn ? sent : { ...sent, id: uuid(this.#hops), time: this.#stamp() };
    for (const [name, { pattern }] of this.#rules) {
      if (!matches(pattern, event as unknown as Json)) continue;
      for (const delayMs of this.#faults.deliveries({ service: 'events', bus: this.name, rule: name })) {
        const dueAt = this.#now() + delayMs;
        this.#keep(this.#newKey(), { bus: this.name, rule: name, event, attempts: 0, dueAt });
      }
    }
  }

  #put(entry: Entry, account: string): EntryResult {
    const refusal = refusalOf(entry);
    if (refusal) return refusal;
    const { source = '', detailType = '', detail = '', resources = [] } = entry;
    const { region, random } = this.#options;
    const id = uuid(random);
    this.emitFromAws({
      version: '0',
      id,
      'detail-type': detailType,
      source,
      account,
      time: this.#stamp(entry.time),
      region,
      resources: [...resources],
      detail: JSON.parse(detail),
    });
    return { eventId: id };
  }

  #keep(key: string, delivery: Delivery): void {
    this.#store.set(key, delivery);
    this.#schedule(key, delivery.dueAt);
  }

  #schedule(key: string, dueAt: number): void {
    this.#options.clock.after(Math.max(0, dueAt - this.#now()), () => this.#deliver(key));
  }

  /** The event leaves the store only when its target has it: a kill in between delivers it twice, never not at all. */
  async #deliver(key: string): Promise<void> {
    const delivery = this.#store.get(key);
    const target = delivery && this.#rules.get(delivery.rule)?.target;
    if (!delivery || !target) return;
    if ('queue' in target) {
      target.queue.send(JSON.stringify(delivery.event));
      this.#store.delete(key);
      return;
    }
    try {
      await target.invoke(delivery.event);
      this.#store.delete(key);
    } catch (error) {
      this.#options.onError(error, delivery.rule);
      this.#retry(key, delivery);
    }
  }

  #retry(key: string, delivery: Delivery): void {
    const delayMs = retryDelaysMs[delivery.attempts];
    if (delayMs === undefined) this.#store.delete(key);
    else this.#keep(key, { ...delivery, attempts: delivery.attempts + 1, dueAt: this.#now() + delayMs });
  }

  /** As in a queue: the store may hold keys that a generator, seeded anew, gives again. */
  #newKey(): string {
    const key = uuid(this.#options.random);
    return this.#store.has(key) ? this.#newKey() : key;
  }

  /** EventBridge's stamps are whole seconds. */
  #stamp(time = this.#options.clock.now()): string {
    return `${time.toISOString().slice(0, 19)}Z`;
  }

  #now(): number {
    return this.#options.clock.now().getTime();
  }
}
