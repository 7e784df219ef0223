import { isAlive } from '#shared/domain/cloud/sweep.ts';
import type { PairRecord } from '../ports.ts';
import { PackedRecords } from './packed-records.ts';

/** The records of a pair as long as a sweep runs, packed, and which of them the listing has not shown yet. */
export class HeldRecords implements Iterable<PairRecord> {
  readonly #records = new PackedRecords();
  /** By the records' numbers. */
  readonly #isAlive: boolean[] = [];
  readonly #isSeen: boolean[] = [];

  static async from(records: AsyncIterable<PairRecord>): Promise<HeldRecords> {
    const held = new HeldRecords();
    for await (const record of records) {
      const number = held.#records.add(record);
      held.#isAlive[number] = isAlive(record.instance);
      held.#isSeen[number] = false;
    }
    return held;
  }

  /** How many had not ended. */
  get alive(): number {
    return this.#isAlive.filter(Boolean).length;
  }

  get(instanceId: string): PairRecord | undefined {
    const number = this.#records.numberOf(instanceId);
    return number === undefined ? undefined : this.#records.at(number);
  }

  /** The listing shows the instance. */
  see(instanceId: string): void {
    const number = this.#records.numberOf(instanceId);
    if (number !== undefined) this.#isSeen[number] = true;
  }

  /** Whether the listing showed none of those that had not ended, though there are some. */
  get noneSeen(): boolean {
    return this.#isAlive.includes(true) && !this.#isAlive.some((alive, number) => alive && this.#isSeen[number]);
  }

  /** The records that the listing has not shown. */
  *unseen(): Generator<PairRecord, void> {
    for (const [number, isSeen] of this.#isSeen.entries()) if (!isSeen) yield this.#records.at(number);
  }

  *[Symbol.iterator](): Generator<PairRecord, void> {
    for (const number of this.#isAlive.keys()) yield this.#records.at(number);
  }
}
