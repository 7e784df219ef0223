import { Problem } from '../domain/problems.ts';

/** The tags that AWS's objects are made of (X.690 section 8.1.2, X.680 section 8.4). */
export const tag = {
  integer: 0x02,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  printableString: 0x13,
  utcTime: 0x17,
  constructedOctetString: 0x24,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
  context1: 0xa1,
} as const;

/**
 * Walks BER as its caller expects it: every read names the tag that must come next, so that depth and order are those of
 * the calling code, never of the input. Lengths are minimal and at most 65 535. A deviation is `malformed_signature`.
 */
export class BerCursor {
  readonly #bytes: Uint8Array;
  #at = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** The tag that comes next in the present container; undefined at its end or at its end-of-contents. */
  next(): number | undefined {
    return this.#at < this.#end && this.#bytes[this.#at] !== 0 ? this.#bytes[this.#at] : undefined;
  }

  /** The contents of one element of definite length. */
  contents(expected: number, what: string): Uint8Array {
    const end = this.#definiteEnd(expected, what);
    const contents = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return contents;
  }

  /** One element of definite length, tag and length included. */
  element(expected: number, what: string): Uint8Array {
    const start = this.#at;
    this.#at = this.#definiteEnd(expected, what);
    return this.#bytes.subarray(start, this.#at);
  }

  /** What `read` makes of a container of definite length, which it must use up. */
  within<T>(expected: number, what: string, read: () => T): T {
    return this.#inside(this.#definiteEnd(expected, what), what, read);
  }

  /** As `within`, for a container that may as well have an indefinite length. */
  withinBer<T>(expected: number, what: string, read: () => T): T {
    return this.#inside(this.#header(expected, what), what, read);
  }

  /** Nothing may follow. */
  finish(): void {
    if (this.#at !== this.#bytes.length) throw this.#problem('Bytes follow the object');
  }

  #inside<T>(end: number | null, what: string, read: () => T): T {
    const outerEnd = this.#end;
    this.#end = end ?? outerEnd;
    const result = read();
    if (end === null) this.#endOfContents(what);
    else if (this.#at !== end) throw this.#problem(`${what} goes on after its last element`);
    this.#end = outerEnd;
    return result;
  }

  #endOfContents(what: string): void {
    const closed = this.#at + 2 <= this.#end && this.#bytes[this.#at] === 0 && this.#bytes[this.#at + 1] === 0;
    if (!closed) throw this.#problem(`${what} does not end after its last element`);
    this.#at += 2;
  }

  #definiteEnd(expected: number, what: string): number {
    const end = this.#header(expected, what);
    if (end === null) throw this.#problem(`${what} has no definite length`);
    return end;
  }

  /** Reads tag and length; answers where the contents end, null for an indefinite length. */
  #header(expected: number, what: string): number | null {
    if (this.#at >= this.#end || this.#bytes[this.#at] !== expected)
      throw this.#problem(`${what} is not where it should be`);
    this.#at++;
    const length = this.#length(what);
    if (length === null) return null;
    if (length > this.#end - this.#at) throw this.#problem(`${what} is longer than what holds it`);
    return this.#at + length;
  }

  #length(what: string): number | null {
    const first = this.#byte(what);
    if (first < 0x80) return first;
    if (first === 0x80) return null;
    const long = first === 0x81 ? this.#byte(what) : first === 0x82 ? this.#byte(what) * 256 + this.#byte(what) : 0;
    if (long < (first === 0x81 ? 0x80 : 0x100))
      throw this.#problem(`${what} has a length that is too long or not minimal`);
    return long;
  }

  #byte(what: string): number {
    const byte = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
    if (byte === undefined) throw this.#problem(`${what} is cut off`);
    this.#at++;
    return byte;
  }

  #problem(detail: string): Problem {
    return new Problem('malformed_signature', `${detail}.`, { offset: this.#at });
  }
}
