/**
 * BER as any general reader reads it: tags nest, lengths are given or closed by end-of-contents. Shares nothing with
 * shared/identity/ber.ts, so that a fault of that reader cannot hide here.
 */
export interface Element {
  tag: number;
  /** Closed by end-of-contents instead of saying its length. */
  open: boolean;
  /** Elements, where the tag says that it is constructed. */
  contents: Buffer | Element[];
  /** How many bytes write the length, if not as few as possible. */
  lengthBytes?: number;
}

const isConstructed = (tag: number): boolean => (tag & 0x20) !== 0;

/** The one element that the bytes are; null where they are not one, or where a length is not as short as possible. */
export function readElement(bytes: Buffer): Element | null {
  const read = readAt(bytes, 0, bytes.length);
  return read && read.next === bytes.length ? read.element : null;
}

function readAt(bytes: Buffer, at: number, end: number): { element: Element; next: number } | null {
  const tag = bytes[at];
  const head = readLength(bytes, at + 1, end);
  if (tag === undefined || head === null) return null;
  const { length, start } = head;
  if (length === null) return isConstructed(tag) ? readOpen(bytes, tag, start, end) : null;
  const next = start + length;
  if (next > end) return null;
  if (!isConstructed(tag)) return { element: { tag, open: false, contents: bytes.subarray(start, next) }, next };
  const contents: Element[] = [];
  for (let inner = start; inner < next; ) {
    const read = readAt(bytes, inner, next);
    if (!read) return null;
    contents.push(read.element);
    inner = read.next;
  }
  return { element: { tag, open: false, contents }, next };
}

function readOpen(bytes: Buffer, tag: number, start: number, end: number) {
  const contents: Element[] = [];
  let inner = start;
  while (!(bytes[inner] === 0 && bytes[inner + 1] === 0)) {
    const read = readAt(bytes, inner, end);
    if (!read) return null;
    contents.push(read.element);
    inner = read.next;
  }
  return inner + 2 <= end ? { element: { tag, open: true, contents }, next: inner + 2 } : null;
}

function readLength(bytes: Buffer, at: number, end: number): { length: number | null; start: number } | null {
  const first = at < end ? bytes[at]! : undefined;
  if (first === undefined || first > 0x84) return null;
  if (first < 0x80) return { length: first, start: at + 1 };
  if (first === 0x80) return { length: null, start: at + 1 };
  const count = first - 0x80;
  if (at + 1 + count > end) return null;
  const length = bytes.readUIntBE(at + 1, count);
  const isShortest = length >= 0x80 && length >= 2 ** (8 * (count - 1));
  return isShortest ? { length, start: at + 1 + count } : null;
}

export function writeElement(element: Element): Buffer {
  const out = Buffer.allocUnsafe(sizeLimit(element));
  return out.subarray(writeBefore(out, out.length, element));
}

/** At least as many bytes as the element takes: twelve around each of its parts are always enough. */
function sizeLimit({ contents }: Element): number {
  if (Buffer.isBuffer(contents)) return contents.length + 12;
  return contents.reduce((sum, inner) => sum + sizeLimit(inner), 12);
}

/** Writes from the end to the front, so that each length is known when its turn comes. Answers where the element begins. */
function writeBefore(out: Buffer, end: number, { tag, open, contents, lengthBytes }: Element): number {
  const last = open ? end - 2 : end;
  out.fill(0, last, end);
  const first = Buffer.isBuffer(contents)
    ? last - contents.copy(out, last - contents.length)
    : contents.reduceRight((at, inner) => writeBefore(out, at, inner), last);
  const at = open ? first - 1 : writeLength(out, first, last - first, lengthBytes);
  if (open) out[at] = 0x80;
  out[at - 1] = tag;
  return at - 1;
}

function writeLength(out: Buffer, end: number, length: number, bytes = bytesFor(length)): number {
  const at = end - 1 - bytes;
  out[at] = bytes === 0 ? length : 0x80 + bytes;
  for (let nth = 1; nth <= bytes; nth++) out[at + nth] = Math.floor(length / 256 ** (bytes - nth)) & 0xff;
  return at;
}

const bytesFor = (length: number): number => (length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 4);

/** Every element of a tree with the list that holds it, the outermost first; the root is in a list of its own. */
export function places(root: Element): { list: Element[]; index: number }[] {
  const found: { list: Element[]; index: number }[] = [];
  const visit = (list: Element[]) => {
    for (const [index, { contents }] of list.entries()) {
      found.push({ list, index });
      if (!Buffer.isBuffer(contents)) visit(contents);
    }
  };
  visit([root]);
  return found;
}
