import type { Clock } from '../../clock.ts';
import { Faults } from '../../faults.ts';
import { type Random, uuid } from '../../random.ts';
import { AwsError } from '../error.ts';
import { Queue, type QueueOptions } from './queue.ts';
import { type ConsumerOptions, QueueConsumer } from './queue-consumer.ts';
import type { StoredMessage } from './sqs-message.ts';

export interface QueuesOptions {
  clock: Clock;
  random: Random;
  account: string;
  region: string;
  /** Where messages are kept: a JournaledMap if they are to survive the process, else a Map. */
  store?: Map<string, StoredMessage>;
  /** Strike between sender and queue. */
  faults?: Faults;
  /** Gets what a consumer's function rejects with, and the queue's name; the messages come back by themselves. */
  onError: (error: unknown, queue: string) => void;
}

/** The SQS queues of one account and region, by name. */
export class Queues {
  readonly #options: QueuesOptions;
  readonly #store: Map<string, StoredMessage>;
  readonly #faults: Faults;
  readonly #queues = new Map<string, Queue>();

  constructor(options: QueuesOptions) {
    this.#options = options;
    this.#store = options.store ?? new Map();
    const now = () => options.clock.now().getTime();
    this.#faults = options.faults ?? new Faults({ random: options.random, now });
  }

  /** Makes a queue; what the store holds for it is there again. Throws if the name is taken. */
  create(name: string, options: QueueOptions = {}): Queue {
    if (this.#queues.has(name)) throw new AwsError('QueueNameExists', `A queue ${name} exists already.`);
    const { account, region, clock, random } = this.#options;
    const world = { clock, faults: this.#faults, newId: () => uuid(random), store: this.#store };
    const queue = new Queue(`arn:aws:sqs:${region}:${account}:${name}`, options, world);
    this.#queues.set(name, queue);
    return queue;
  }

  /** Throws AwsError QueueDoesNotExist. */
  queue(name: string): Queue {
    const queue = this.#queues.get(name);
    if (!queue) throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
    return queue;
  }

  /** Puts a function behind a queue. */
  consume(name: string, options: ConsumerOptions): QueueConsumer {
    const { clock, onError } = this.#options;
    return new QueueConsumer(this.queue(name), clock, options, (error) => onError(error, name));
  }
}
