import { isUtf8 } from 'node:buffer';
import { Problem, type ProblemCode } from '../domain/problems.ts';

const maxDepth = 8;

/**
 * JSON that can be read one way only: valid UTF-8, no byte order mark, nothing after the value, no member twice, no
 * member named like one of `Object.prototype`, no lone surrogate, at most 8 levels. Anything else is a Problem of `code`.
 */
export function parseStrictJson(bytes: Uint8Array, code: ProblemCode): unknown {
  if (!isUtf8(bytes)) throw new Problem(code, 'The JSON text is not valid UTF-8.');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const value = parse(text, code);
  refuseAmbiguity(text, code);
  return value;
}

/** A JSON value that is an object, not an array or null. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string, code: ProblemCode): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(code, 'The text is not JSON.');
  }
}

/** Refuses what JSON.parse lets pass. The text is valid JSON by now, so a look at brackets and strings is enough. */
function refuseAmbiguity(text: string, code: ProblemCode): void {
  const open: (Set<string> | null)[] = []; // per level: an object's member names, or null for an array
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : null);
      if (open.length > maxDepth) throw new Problem(code, 'The JSON text is nested too deeply.', { offset: at });
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const end = endOfString(text, at);
      const string = decodeString(text.slice(at, end));
      if (!string.isWellFormed()) throw new Problem(code, 'A JSON string holds half a character.', { offset: at });
      const names = open.at(-1);
      if (names && isBeforeColon(text, end)) addName(names, string, at, code);
      at = end - 1;
    }
  }
}

/** The index after the quote that closes the string opened at `start`: the first that no odd run of backslashes escapes. */
function endOfString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1);
  while (isEscaped(text, at)) at = text.indexOf('"', at + 1);
  return at + 1;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === '\\') backslashes++;
  return backslashes % 2 === 1;
}

function decodeString(quoted: string): string {
  return quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
}

const blanksThenColon = /[ \t\r\n]*:/y;

function isBeforeColon(text: string, at: number): boolean {
  blanksThenColon.lastIndex = at;
  return blanksThenColon.test(text);
}

/** Names that every object has without naming them: `__proto__`, `constructor`, `toString` and the like. */
const inherited: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

function addName(names: Set<string>, name: string, offset: number, code: ProblemCode): void {
  if (names.has(name)) throw new Problem(code, 'The JSON text names a member twice.', { offset });
  if (inherited.has(name)) throw new Problem(code, 'The JSON text names a member that is not allowed.', { offset });
  names.add(name);
}
