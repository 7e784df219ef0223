import { isAlive } from '#shared/domain/cloud/sweep.ts';
import type { PairRecord } from '../ports.ts';

/**
 * The records of a pair as long as a sweep runs, each as one text: a tenth of the room that its objects take, so that 100,000 fit into a small
 * function. Iterating and reading make the objects anew. It also knows which of them the listing has not shown yet.
 */
export class HeldRecords implements Iterable<PairRecord> {
  readonly #texts = new Map<string, string>();
  /** The ids come from here and never from a page: a text that was cut out of a page keeps the whole page in memory. */
  readonly #unseen = { alive: new Set<string>(), ended: new Set<string>() };
  #alive = 0;

  static async from(records: AsyncIterable<PairRecord>): Promise<HeldRecords> {
    const held = new HeldRecords();
    for await (const record of records) held.#hold(record);
    return held;
  }

  #hold(record: PairRecord): void {
    const { instance } = record;
    this.#texts.set(instance.instanceId, JSON.stringify(record));
    this.#unseen[isAlive(instance) ? 'alive' : 'ended'].add(instance.instanceId);
    if (isAlive(instance)) this.#alive += 1;
  }

  /** How many had not ended. */
  get alive(): number {
    return this.#alive;
  }

  get(instanceId: string): PairRecord | undefined {
    const text = this.#texts.get(instanceId);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** The listing shows the instance. */
  see(instanceId: string): void {
    this.#unseen.alive.delete(instanceId);
    this.#unseen.ended.delete(instanceId);
  }

  /** Whether the listing showed none of those that had not ended, though there are some. */
  get noneSeen(): boolean {
    return this.#alive > 0 && this.#unseen.alive.size === this.#alive;
  }

  get unseenAlive(): readonly string[] {
    return [...this.#unseen.alive];
  }

  /** The records that the listing has not shown. */
  *unseen(): Generator<PairRecord, void> {
    for (const ids of [this.#unseen.alive, this.#unseen.ended]) {
      for (const id of ids) {
        const record = this.get(id);
        if (record) yield record;
      }
    }
  }

  *[Symbol.iterator](): Generator<PairRecord, void> {
    for (const text of this.#texts.values()) yield JSON.parse(text);
  }
}
