import type { Random } from '#local/random.ts';
import { type Element, places, readElement, writeElement } from './elements.ts';

/** Changes of a PKCS#7 object, of a text and of a document, each made from a source of numbers. */

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
const below = (random: Random, limit: number): number => Math.floor(random() * limit);
const noise = (random: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));

/** Bytes that begin or end something in BER, and those beside them. */
const telling = [0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x24, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xa0, 0xa1, 0xff];

type Change = (bytes: Buffer, random: Random) => Buffer;

const splice = (bytes: Buffer, at: number, gone: number, put: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + gone)]);

function setByte(bytes: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = value;
  return changed;
}

const place = (bytes: Buffer, random: Random): number => below(random, bytes.length);

/** Changes that know nothing of what the bytes are. */
const blindChanges: readonly Change[] = [
  (bytes, random) => {
    const at = place(bytes, random);
    return setByte(bytes, at, bytes[at]! ^ (1 << below(random, 8)));
  },
  (bytes, random) => setByte(bytes, place(bytes, random), pick(random, telling)),
  (bytes, random) => setByte(bytes, place(bytes, random), below(random, 256)),
  (bytes, random) => splice(bytes, place(bytes, random), 0, noise(random, 1 + below(random, 4))),
  (bytes, random) => splice(bytes, place(bytes, random), 1 + below(random, 4), Buffer.alloc(0)),
  (bytes, random) => bytes.subarray(0, place(bytes, random)),
  (bytes, random) => Buffer.concat([bytes, pick(random, [Buffer.alloc(1), Buffer.alloc(2), noise(random, 3), bytes])]),
  (bytes, random) => {
    const at = place(bytes, random);
    return splice(bytes, at, 0, bytes.subarray(at, at + 1 + below(random, 64)));
  },
  (bytes, random) => {
    const [from, to, length] = [place(bytes, random), place(bytes, random), 1 + below(random, 32)];
    return splice(bytes, to, length, bytes.subarray(from, from + length));
  },
];

const empty = (tag: number): Element => ({ tag, open: false, contents: (tag & 0x20) === 0 ? Buffer.alloc(0) : [] });

type Rebuild = (list: Element[], index: number, random: Random, root: Element) => void;

/** Changes of one element among its siblings; the lengths around it are made right again. */
const rebuilds: readonly Rebuild[] = [
  (list, index) => void list.splice(index, 1),
  (list, index) => void list.splice(index, 0, list[index]!),
  (list, index) => void list.splice(index, 2, ...list.slice(index, index + 2).reverse()),
  (list) => void list.reverse(),
  (list, index, random) => void list.splice(index + below(random, 2), 0, empty(pick(random, telling) || 5)),
  (list, index, random) => {
    list[index]!.tag = pick(random, [...telling, list[index]!.tag ^ 0x20]);
  },
  (list, index) => {
    list[index]!.open = !list[index]!.open;
  },
  (list, index, random) => {
    list[index]!.lengthBytes = 1 + below(random, 4);
  },
  (list, index, random) => {
    list[index] = { tag: pick(random, [0x24, 0x30, 0x31, 0xa0]), open: random() < 0.5, contents: [list[index]!] };
  },
  (list, index) => {
    const { contents } = list[index]!;
    if (!Buffer.isBuffer(contents)) list.splice(index, 1, ...contents);
  },
  (list, index, random, root) => {
    const { list: other, index: from } = pick(random, places(root));
    list[index] = readElement(writeElement(other[from]!)) ?? list[index]!;
  },
  (list, index, random) => {
    const { contents } = list[index]!;
    if (Buffer.isBuffer(contents) && contents.length > 0) {
      list[index]!.contents = pick(random, blindChanges)(contents, random);
    }
  },
  splitContents,
  renameAlgorithm,
];

/** A string in pieces, as BER lets it be. */
function splitContents(list: Element[], index: number, random: Random): void {
  const { tag, contents } = list[index]!;
  if (!Buffer.isBuffer(contents)) return;
  const cut = below(random, contents.length + 1);
  const pieces = [contents.subarray(0, cut), contents.subarray(cut)];
  const parts = pieces.map((piece): Element => ({ tag, open: false, contents: piece }));
  list.splice(index, 1, ...(random() < 0.5 ? parts : [{ tag: tag | 0x20, open: random() < 0.5, contents: parts }]));
}

/** One of the elements that name an algorithm names another. */
function renameAlgorithm(_list: Element[], _index: number, random: Random, root: Element): void {
  const named = places(root).filter(({ list, index }) => {
    const { contents } = list[index]!;
    return !Buffer.isBuffer(contents) && contents[0]?.tag === 0x06 && contents.length <= 2;
  });
  if (named.length === 0) return;
  const { list, index } = pick(random, named);
  list[index] = { ...readElement(Buffer.from(pick(random, algorithms), 'hex'))!, tag: list[index]!.tag };
}

/** AlgorithmIdentifiers: SHA-256 in both spellings, SHA-1, MD5, RSA by its names, RSASSA-PSS, DSA. */
const algorithms = [
  '300b0609608648016503040201',
  '300d06096086480165030402010500',
  '300906052b0e03021a0500',
  '300c06082a864886f70d02050500',
  '300d06092a864886f70d0101010500',
  '300d06092a864886f70d01010b0500',
  '300b06092a864886f70d01010a',
  '300906072a8648ce380403',
];

/** One to three changes of an object, some blind and some that know its structure. */
export function mutateObject(object: Buffer, random: Random): Buffer {
  let bytes = object;
  for (let left = 1 + below(random, 3); left > 0 && bytes.length > 0; left--) {
    const root = random() < 0.5 ? readElement(bytes) : null;
    bytes = root ? rebuild(root, random) : pick(random, blindChanges)(bytes, random);
  }
  return bytes;
}

function rebuild(root: Element, random: Random): Buffer {
  const holder: Element = { tag: 0x30, open: false, contents: [root] };
  const [, ...all] = places(holder);
  const { list, index } = pick(random, all);
  pick(random, rebuilds)(list, index, random, root);
  return Buffer.concat((holder.contents as Element[]).map(writeElement));
}

/** One change of a text that should be base64: a character, a line break, a blank, the alphabet, the padding. */
export function mutateText(text: string, random: Random): string {
  const at = below(random, text.length + 1);
  const put = pick(random, [
    '\n',
    '\r\n',
    '\r',
    ' ',
    '=',
    'A',
    '-',
    '_',
    '.',
    '\u0000',
    '\ufeff',
    'é',
    '\u2028',
    '%0A',
    '',
  ]);
  return text.slice(0, at) + put + text.slice(at + below(random, 2));
}

/** One to three changes of a document's text. */
export function mutateDocument(text: string, random: Random): string {
  let bytes: Buffer = Buffer.from(text);
  for (let left = 1 + below(random, 3); left > 0 && bytes.length > 0; left--)
    bytes = pick(random, blindChanges)(bytes, random);
  return bytes.toString(random() < 0.5 ? 'utf8' : 'latin1');
}
