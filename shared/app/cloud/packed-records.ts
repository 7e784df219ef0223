import type { Instance, InstanceKey } from '#shared/domain/instance/instance.ts';
import type { PairRecord } from '../ports.ts';

/** Texts lie in blocks of so many bytes, outside of the heap that the garbage collector walks and copies. */
const blockBytes = 1024 * 1024;
const lengthBytes = 4;

interface Packed {
  instanceId: string;
  rest: Omit<Instance, keyof InstanceKey>;
  beside: Omit<PairRecord, 'instance'>;
}

/**
 * Records of one account and Region in little room: the values of each as JSON, and the names of its members once for all records that have the
 * same. A record of 1,200 characters of JSON takes some 400 bytes. What comes out equals what went in; it is made anew each time.
 */
export class PackedRecords {
  readonly #shapes: string[] = [];
  readonly #shapeNumbers = new Map<string, number>();
  readonly #blocks: Buffer[] = [];
  #used = blockBytes;
  readonly #numbers = new Map<string, number>();
  /** By the record's number: its block's number times `blockBytes`, and where in the block the text begins. */
  readonly #places: number[] = [];
  #pair = { account: '', region: '' };

  /** The record's number, from 0 on. */
  add({ instance, ...beside }: PairRecord): number {
    const { account, region, instanceId, ...rest } = instance;
    this.#pair = { account, region };
    const text = this.#pack({ instanceId, rest, beside });
    const bytes = Buffer.byteLength(text);
    if (this.#used + lengthBytes + bytes > blockBytes) {
      this.#blocks.push(Buffer.allocUnsafeSlow(Math.max(blockBytes, lengthBytes + bytes)));
      this.#used = 0;
    }
    const number = this.#places.push((this.#blocks.length - 1) * blockBytes + this.#used) - 1;
    const block = this.#blocks.at(-1) as Buffer;
    block.writeUInt32LE(bytes, this.#used);
    block.write(text, this.#used + lengthBytes);
    this.#used += lengthBytes + bytes;
    // A copy: a text that was cut out of another keeps the other in memory.
    this.#numbers.set(Buffer.from(instanceId).toString(), number);
    return number;
  }

  numberOf(instanceId: string): number | undefined {
    return this.#numbers.get(instanceId);
  }

  /** Throws where no record has the number. */
  at(number: number): PairRecord {
    const { instanceId, rest, beside } = this.#unpack(this.#textAt(this.#places[number] ?? Number.NaN));
    return { instance: { ...this.#pair, instanceId, ...rest }, ...beside };
  }

  #textAt(place: number): string {
    const start = place % blockBytes;
    const block = this.#blocks[Math.floor(place / blockBytes)] as Buffer;
    return block.toString('utf8', start + lengthBytes, start + lengthBytes + block.readUInt32LE(start));
  }

  /** The number of the record's shape and its values, in the order of the shape. A list counts as one value. */
  #pack(record: Packed): string {
    const values: unknown[] = [];
    const shape = JSON.stringify(record, (_name, value) => {
      if (value === undefined || isObject(value)) return value;
      values.push(value);
      return 0;
    });
    const known = this.#shapeNumbers.get(shape) ?? this.#shapes.push(shape) - 1;
    this.#shapeNumbers.set(shape, known);
    return JSON.stringify([known, values]);
  }

  #unpack(text: string): Packed {
    const [shape, values] = JSON.parse(text);
    let next = 0;
    return JSON.parse(this.#shapes[shape] ?? '', (_name, value) => (isObject(value) ? value : values[next++]));
  }
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
