import fc from 'fast-check';

/** A JSON text by what it says, so that a test knows without a parser what is wrong with it. */
export type Json =
  | { is: 'object'; members: readonly (readonly [name: string, value: Json])[] }
  | { is: 'list'; items: readonly Json[] }
  | { is: 'text'; text: string }
  | { is: 'other'; text: string };

const odd = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '__defineGetter__',
  'a',
  'b',
  '',
  'é',
  '\u0000',
  '\ud83d',
  '\udc00x',
];
const texts = fc.oneof(
  fc.constantFrom(...odd),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const numbers = fc.constantFrom(
  '0',
  '-0',
  '1e400',
  '-1E+2',
  '0.1e-7',
  '9007199254740993',
  '111122223333',
  '1.0',
  '1e0',
);

const trees = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'large', maxDepth: 11 },
    texts.map((text): Json => ({ is: 'text', text })),
    fc.oneof(numbers, fc.constantFrom('true', 'false', 'null')).map((text): Json => ({ is: 'other', text })),
    fc.array(fc.tuple(texts, tie('json')), { maxLength: 4 }).map((members): Json => ({ is: 'object', members })),
    fc.array(tie('json'), { maxLength: 3 }).map((items): Json => ({ is: 'list', items })),
  ),
}));
export const jsonValues: fc.Arbitrary<Json> = trees.json;

/** How a text is spelled where JSON leaves a choice: drawn from these numbers, over and over. */
export const spellings = fc.array(fc.nat({ max: 1000 }), { minLength: 8, maxLength: 40 });

/** A text that says this, with blanks and escapes as the numbers will. */
export function spell(json: Json, numbers: readonly number[]): string {
  let drawn = 0;
  const draw = (limit: number) => numbers[drawn++ % numbers.length]! % limit;
  const blank = () => ['', '', '', ' ', '\n', '\t\r\n  '][draw(6)]!;
  const character = (unit: string) => {
    const code = unit.charCodeAt(0);
    const isBare = code >= 0x20 && unit !== '"' && unit !== '\\' && (code < 0xd800 || code > 0xdfff);
    if (isBare && draw(3) > 0) return unit;
    if ((unit === '"' || unit === '\\' || unit === '/') && draw(2) === 0) return `\\${unit}`;
    const digits = code.toString(16).padStart(4, '0');
    return `\\u${draw(2) === 0 ? digits : digits.toUpperCase()}`;
  };
  const quoted = (text: string) => `"${text.split('').map(character).join('')}"`;
  const write = (value: Json): string => {
    if (value.is === 'other') return value.text;
    if (value.is === 'text') return quoted(value.text);
    const parts =
      value.is === 'list'
        ? value.items.map((item) => blank() + write(item) + blank())
        : value.members.map(
            ([name, inner]) => `${blank()}${quoted(name)}${blank()}:${blank()}${write(inner)}${blank()}`,
          );
    return value.is === 'list' ? `[${blank()}${parts.join(',')}]` : `{${blank()}${parts.join(',')}}`;
  };
  return blank() + write(json) + blank();
}

const inherited: readonly string[] = Object.getOwnPropertyNames(Object.prototype);

/** False for a name twice or of all objects, half a character, or more than eight levels. */
export function isUnambiguous(json: Json, level = 1): boolean {
  if (json.is === 'other') return true;
  if (json.is === 'text') return json.text.isWellFormed();
  if (level > 8) return false;
  if (json.is === 'list') return json.items.every((item) => isUnambiguous(item, level + 1));
  const names = json.members.map(([name]) => name);
  const sound = names.every((name) => name.isWellFormed() && !inherited.includes(name));
  return (
    sound && new Set(names).size === names.length && json.members.every(([, value]) => isUnambiguous(value, level + 1))
  );
}

/** What an unambiguous text says, as JavaScript has it. */
export function meaningOf(json: Json): unknown {
  if (json.is === 'other') return JSON.parse(json.text);
  if (json.is === 'text') return json.text;
  if (json.is === 'list') return json.items.map(meaningOf);
  return Object.fromEntries(json.members.map(([name, value]) => [name, meaningOf(value)]));
}
