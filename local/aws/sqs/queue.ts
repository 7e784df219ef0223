import type { Clock } from '../../clock.ts';
import type { Faults } from '../../faults.ts';
import { AwsError } from '../error.ts';
import { assertBody, assertDelay, assertVisibility } from './sqs-limits.ts';
import { type MessageAttribute, md5, type ReceivedMessage, type StoredMessage } from './sqs-message.ts';

export interface QueueOptions {
  /** How long a received message stays hidden. SQS's default is 30 s. */
  visibilitySeconds?: number;
  /** Where a message goes that was received `maxReceiveCount` times and not deleted. */
  redrive?: { deadLetterQueue: Queue; maxReceiveCount: number };
}

/** What all queues of a region share. `store` holds every message; an insertion-ordered Map, durable or not. */
export interface QueueWorld {
  readonly clock: Clock;
  /** Strike between sender and queue. */
  readonly faults: Faults;
  readonly newId: () => string;
  readonly store: Map<string, StoredMessage>;
}

/** An SQS standard queue: at least once, in no promised order. */
export class Queue {
  readonly name: string;
  readonly arn: string;
  readonly visibilitySeconds: number;
  readonly redrive: QueueOptions['redrive'];
  readonly #world: QueueWorld;
  readonly #messages = new Map<string, StoredMessage>();
  readonly #listeners: (() => void)[] = [];

  /** Takes over what the store still holds for a queue of this name; nobody has those messages in hand any more. */
  constructor(arn: string, options: QueueOptions, world: QueueWorld) {
    this.name = arn.slice(arn.lastIndexOf(':') + 1);
    this.arn = arn;
    this.visibilitySeconds = options.visibilitySeconds ?? 30;
    this.redrive = options.redrive;
    this.#world = world;
    const now = this.#now();
    for (const message of world.store.values()) {
      if (message.queue !== this.name) continue;
      const visibleAt = message.receipt === null ? message.visibleAt : Math.min(message.visibleAt, now);
      this.#messages.set(message.key, { ...message, visibleAt });
    }
  }

  /** Throws AwsError for a body that is empty or over 1 MiB and for a delay over 15 minutes. */
  send(
    body: string,
    {
      delaySeconds = 0,
      attributes = {},
    }: { delaySeconds?: number; attributes?: Record<string, MessageAttribute> } = {},
  ): { messageId: string; md5OfBody: string } {
    assertBody(body);
    assertDelay(delaySeconds);
    const messageId = this.#world.newId();
    const now = this.#now();
    for (const extraMs of this.#world.faults.deliveries({ service: 'sqs', queue: this.name })) {
      const visibleAt = now + delaySeconds * 1000 + extraMs;
      this.#keep({
        key: this.#newKey(),
        messageId,
        queue: this.name,
        body,
        attributes,
        sentAt: now,
        visibleAt,
        receives: 0,
        firstReceivedAt: null,
        receipt: null,
        deadLetterSource: null,
      });
    }
    this.#tell();
    return { messageId, md5OfBody: md5(body) };
  }

  /** Up to `limit` visible messages, oldest first, hidden from now on. What was received too often moves away instead. */
  receive(limit: number, visibilitySeconds: number = this.visibilitySeconds): ReceivedMessage[] {
    assertVisibility(visibilitySeconds);
    const now = this.#now();
    const received: ReceivedMessage[] = [];
    for (const message of this.#messages.values()) {
      if (received.length === limit) break;
      if (message.visibleAt > now) continue;
      if (this.redrive && message.receives >= this.redrive.maxReceiveCount) {
        this.#giveUp(message, this.redrive.deadLetterQueue);
      } else {
        received.push(this.#handOut(message, now + visibilitySeconds * 1000));
      }
    }
    return received;
  }

  /** True if the handle was that of the latest receive; then the message is gone. */
  delete(receipt: string): boolean {
    const message = this.#inHand(receipt);
    if (!message) return false;
    this.#messages.delete(message.key);
    this.#world.store.delete(message.key);
    return true;
  }

  /** Hides a received message for `seconds` from now. Throws AwsError if the handle is not that of a message in hand. */
  changeVisibility(receipt: string, seconds: number): void {
    assertVisibility(seconds);
    const message = this.#inHand(receipt);
    if (!message)
      throw new AwsError('ReceiptHandleIsInvalid', 'The input receipt handle is not a valid receipt handle.');
    this.#keep({ ...message, visibleAt: this.#now() + seconds * 1000 });
    this.#tell();
  }

  /** How many messages could be received now, are in somebody's hands, or wait for their first time. */
  counts(): { visible: number; inFlight: number; delayed: number } {
    const now = this.#now();
    const counts = { visible: 0, inFlight: 0, delayed: 0 };
    for (const { visibleAt, receipt } of this.#messages.values()) {
      counts[visibleAt <= now ? 'visible' : receipt === null ? 'delayed' : 'inFlight'] += 1;
    }
    return counts;
  }

  /** When the next message is visible (in the past if one is now), and how many are. Null without any message. */
  outlook(): { visible: number; since: number } | null {
    if (this.#messages.size === 0) return null;
    const now = this.#now();
    let visible = 0;
    let since = Number.POSITIVE_INFINITY;
    for (const { visibleAt } of this.#messages.values()) {
      since = Math.min(since, visibleAt);
      if (visibleAt <= now) visible += 1;
    }
    return { visible, since };
  }

  /** Calls back whenever a message arrives or may be visible sooner than before. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** A generator that was seeded anew may repeat itself, and the store may be older than this process. */
  #newKey(): string {
    const key = this.#world.newId();
    return this.#world.store.has(key) ? this.#newKey() : key;
  }

  #now(): number {
    return this.#world.clock.now().getTime();
  }

  #keep(message: StoredMessage): void {
    this.#messages.set(message.key, message);
    this.#world.store.set(message.key, message);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #handOut(message: StoredMessage, visibleAt: number): ReceivedMessage {
    const receives = message.receives + 1;
    const firstReceivedAt = message.firstReceivedAt ?? this.#now();
    const received = { ...message, visibleAt, receives, firstReceivedAt, receipt: `${message.key}#${receives}` };
    this.#keep(received);
    return received;
  }

  /** One write changes the message's queue, so that a kill leaves it on exactly one of the two. */
  #giveUp(message: StoredMessage, deadLetterQueue: Queue): void {
    this.#messages.delete(message.key);
    const queue = deadLetterQueue.name;
    deadLetterQueue.#keep({ ...message, queue, receives: 0, receipt: null, deadLetterSource: this.arn });
    deadLetterQueue.#tell();
  }

  #inHand(receipt: string): StoredMessage | null {
    const message = this.#messages.get(receipt.slice(0, receipt.indexOf('#')));
    return message?.receipt === receipt ? message : null;
  }
}
