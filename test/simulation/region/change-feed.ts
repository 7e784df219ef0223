import type { Clock } from '#local/clock.ts';
import type { PublishedChange } from '#shared/app/events/publish-changes.ts';

/** Hands over to on-record-changed; returns how many of the batch, from its start, need not come again. */
export type Deliver = (batch: readonly PublishedChange[]) => Promise<number>;

const batchSize = 100;
const delayMs = 200;
const retryMs = 1000;

/** A table's stream in small: every change, in order, at least once. What failed is where the next batch begins. */
export class ChangeFeed {
  readonly #clock: Clock;
  readonly #deliver: Deliver;
  readonly #waiting: PublishedChange[] = [];
  #scheduled = false;

  constructor(clock: Clock, deliver: Deliver) {
    this.#clock = clock;
    this.#deliver = deliver;
  }

  get length(): number {
    return this.#waiting.length;
  }

  add(change: PublishedChange): void {
    this.#waiting.push(change);
    this.#schedule(delayMs);
  }

  #schedule(ms: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.after(ms, () => this.#next());
  }

  async #next(): Promise<void> {
    this.#scheduled = false;
    const batch = this.#waiting.slice(0, batchSize);
    const done = await this.#deliver(batch);
    this.#waiting.splice(0, done);
    if (this.#waiting.length > 0) this.#schedule(done < batch.length ? retryMs : 0);
  }
}
