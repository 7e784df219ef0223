import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { Cancel, Clock } from '../../clock.ts';
import type { Queue } from './queue.ts';
import { failedMessageIds, type ReceivedMessage, sqsEvent } from './sqs-message.ts';

const never = Number.POSITIVE_INFINITY;

/** An event source mapping's settings, as serverless names them. */
export interface ConsumerOptions {
  batchSize: number;
  /** How long the first message of a batch that is not full waits for others. */
  windowSeconds?: number;
  /** Invocations at one time. */
  maxConcurrency: number;
  /** The function. A rejection fails the whole batch, `batchItemFailures` the messages that it names. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a Lambda handler may answer nothing at all
  invoke(event: SQSEvent): Promise<SQSBatchResponse | void>;
}

/**
 * Lambda's event source mapping on one queue: hands batches to a function, deletes what succeeded and leaves the rest
 * to the visibility timeout. It polls nothing: the queue and the clock wake it.
 */
export class QueueConsumer {
  readonly #queue: Queue;
  readonly #clock: Clock;
  readonly #options: ConsumerOptions;
  readonly #onError: (error: unknown) => void;
  #running = 0;
  #paused = false;
  #wakeAt = never;
  #cancelWake: Cancel = () => {};

  constructor(queue: Queue, clock: Clock, options: ConsumerOptions, onError: (error: unknown) => void) {
    this.#queue = queue;
    this.#clock = clock;
    this.#options = options;
    this.#onError = onError;
    queue.onChange(() => this.#lookAgain());
    this.#lookAgain();
  }

  /** Starts no further invocation. Those under way end as they would. */
  pause(): void {
    this.#paused = true;
    this.#sleep();
  }

  resume(): void {
    this.#paused = false;
    this.#lookAgain();
  }

  /** Sets the timer for when the next batch is ready, and takes it back if there is none to come. */
  #lookAgain(): void {
    const now = this.#clock.now().getTime();
    if (this.#wakeAt <= now) return;
    const readyAt = this.#readyAt(now);
    if (readyAt === this.#wakeAt) return;
    this.#sleep();
    if (readyAt === never) return;
    this.#wakeAt = readyAt;
    this.#cancelWake = this.#clock.after(readyAt - now, () => {
      this.#sleep();
      this.#start();
      this.#lookAgain();
    });
  }

  #readyAt(now: number): number {
    if (this.#paused || this.#running >= this.#options.maxConcurrency) return never;
    const outlook = this.#queue.outlook();
    if (!outlook) return never;
    const full = outlook.visible >= this.#options.batchSize;
    const windowMs = full ? 0 : (this.#options.windowSeconds ?? 0) * 1000;
    return Math.max(now, outlook.since + windowMs);
  }

  #sleep(): void {
    this.#cancelWake();
    this.#wakeAt = never;
  }

  #start(): void {
    const batch = this.#queue.receive(this.#options.batchSize);
    if (batch.length === 0) return;
    this.#running += 1;
    this.#clock.after(0, () => this.#invoke(batch));
  }

  async #invoke(batch: readonly ReceivedMessage[]): Promise<void> {
    const failed = await this.#failedOf(batch);
    for (const message of batch) {
      if (!failed.has(message.messageId)) this.#queue.delete(message.receipt);
    }
    this.#running -= 1;
    this.#lookAgain();
  }

  async #failedOf(batch: readonly ReceivedMessage[]): Promise<ReadonlySet<string>> {
    const ids = batch.map((message) => message.messageId);
    try {
      const answer = await this.#options.invoke(sqsEvent(batch, this.#queue.arn));
      return failedMessageIds(answer ?? undefined, ids);
    } catch (error) {
      this.#onError(error);
      return new Set(ids);
    }
  }
}
