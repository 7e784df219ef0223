import { code, table } from './markdown.ts';

/** A JSON Schema as OpenAPI documents hold it, as far as Muster's own use it. */
export interface Schema {
  $ref?: string;
  type?: string | readonly string[];
  enum?: readonly string[];
  const?: unknown;
  anyOf?: readonly Schema[];
  allOf?: readonly Schema[];
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  default?: unknown;
  items?: Schema;
  properties?: Readonly<Record<string, Schema>>;
  additionalProperties?: Schema | boolean;
  required?: readonly string[];
}

/** The members that a request may have: name, type, and what holds if it is left out. */
export function requestTable(schema: Schema): string {
  const rows = members(schema).map(({ path, schema: member, required }) => [
    code(path),
    typeOf(member),
    required ? 'required' : member.default === undefined ? 'may be left out' : code(JSON.stringify(member.default)),
  ]);
  return table(['Member', 'Type', 'Left out'], rows);
}

/** The members that an answer has. */
export function answerTable(schema: Schema): string {
  const rows = members(schema).map(({ path, schema: member, required }) => [
    code(path),
    required ? typeOf(member) : `${typeOf(member)}; not always there`,
  ]);
  return table(['Member', 'Type'], rows);
}

interface Member {
  path: string;
  schema: Schema;
  required: boolean;
}

/** All members, those of objects within objects by their path. */
function members({ properties = {}, required = [] }: Schema, prefix = ''): Member[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    const inner = objectIn(schema);
    const nested = inner ? members(inner.schema, `${path}${inner.suffix}.`) : [];
    return [{ path, schema, required: required.includes(name) }, ...nested];
  });
}

/** The object whose members are worth rows of their own: the value itself, an element of it, or what it is when not null. */
function objectIn(schema: Schema): { schema: Schema; suffix: string } | undefined {
  if (schema.properties) return { schema, suffix: '' };
  if (schema.items?.properties) return { schema: schema.items, suffix: '[]' };
  const additional = schema.additionalProperties;
  if (typeof additional === 'object' && additional.properties) return { schema: additional, suffix: '.*' };
  return schema.anyOf?.map(objectIn).find((inner) => inner !== undefined);
}

/** Longer lists of words have a table of their own. */
const mostWords = 15;

/** A type in words. */
export function typeOf(schema: Schema): string {
  const { $ref, anyOf, type, items, additionalProperties } = schema;
  if ($ref) return linkTo($ref);
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum) return schema.enum.length > mostWords ? 'a word' : schema.enum.map(code).join(', ');
  if (anyOf) return anyOf.map(typeOf).join(', or ');
  if (Array.isArray(type)) return type.map((one) => typeOf({ ...schema, type: one })).join(', or ');
  if (type === 'array') return `list of ${items ? typeOf(items) : 'anything'}`;
  if (type === 'object') return typeof additionalProperties === 'object' ? 'object, any names' : 'object';
  return scalar(schema);
}

export const linkTo = (ref: string): string => {
  const name = ref.slice(ref.lastIndexOf('/') + 1);
  return `[${name}](#${name.toLowerCase()})`;
};

function scalar(schema: Schema): string {
  const { type, format, pattern, minimum, maximum, maxLength } = schema;
  if (format === 'date-time') return 'time, RFC 3339';
  if (pattern) return `text: ${code(pattern)}`;
  if (type === 'string') return maxLength === undefined ? 'text' : `text, up to ${maxLength} characters`;
  if (type === 'integer' && minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  const words: Record<string, string> = { boolean: 'true or false', integer: 'whole number', null: 'null' };
  return words[String(type)] ?? String(type ?? 'anything');
}
