import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { toAttributeValue } from './table.ts';

/** What an item must be like for a write to happen; all tests of a write must hold. An attribute that is not there satisfies no comparison. */
export type Test = OneTest | { anyOf: readonly OneTest[] };

type OneTest =
  | { attribute: string; is: 'absent' | 'present' }
  | { attribute: string; equals: string | number }
  | { attribute: string; atMost: number }
  | { attribute: string; atLeast: number }
  | { attribute: string; absentOrBelow: number }
  | { attribute: string; notBelow: { attribute: string } }
  | { attribute: string; oneOf: readonly string[] }
  | { attribute: string; noneOf: readonly string[] }
  | { attribute: string; shorterThan: number };

/** What an update does to an item; null takes an attribute away. */
export interface Update {
  set: Readonly<Record<string, unknown>>;
  append?: { attribute: string; entry: string };
  increment?: string;
}

/** The names and values that one request's expressions refer to. Every name is a placeholder: `state` and others are reserved words. */
export class Placeholders {
  readonly names: Record<string, string> = {};
  readonly values: Record<string, AttributeValue> = {};

  name(attribute: string): string {
    const placeholder = `#${attribute}`;
    this.names[placeholder] = attribute;
    return placeholder;
  }

  /** A member of an attribute that is a map: `record.lastSeenAt`. */
  path(path: string): string {
    return path
      .split('.')
      .map((name) => this.name(name))
      .join('.');
  }

  value(value: unknown): string {
    const placeholder = `:v${Object.keys(this.values).length}`;
    this.values[placeholder] = toAttributeValue(value);
    return placeholder;
  }

  /** The request's members; DynamoDB refuses an empty map of values. */
  members(): {
    ExpressionAttributeNames: Record<string, string>;
    ExpressionAttributeValues?: Record<string, AttributeValue>;
  } {
    const anyValue = Object.keys(this.values).length > 0;
    return { ExpressionAttributeNames: this.names, ...(anyValue && { ExpressionAttributeValues: this.values }) };
  }
}

/** A condition expression: amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html */
export const conditionOf = (tests: readonly Test[], to: Placeholders): string =>
  tests
    .map((test) =>
      'anyOf' in test ? `(${test.anyOf.map((one) => oneCondition(one, to)).join(' OR ')})` : oneCondition(test, to),
    )
    .join(' AND ');

function oneCondition(test: OneTest, to: Placeholders): string {
  const name = to.name(test.attribute);
  if ('is' in test) return `attribute_${test.is === 'absent' ? 'not_exists' : 'exists'}(${name})`;
  if ('equals' in test) return `${name} = ${to.value(test.equals)}`;
  if ('atLeast' in test) return `${name} >= ${to.value(test.atLeast)}`;
  if ('atMost' in test) return `${name} <= ${to.value(test.atMost)}`;
  if ('absentOrBelow' in test) return `(attribute_not_exists(${name}) OR ${name} < ${to.value(test.absentOrBelow)})`;
  if ('notBelow' in test) return `${name} >= ${to.name(test.notBelow.attribute)}`;
  if ('oneOf' in test) return `${name} IN (${listOf(test.oneOf, to)})`;
  if ('noneOf' in test) return `NOT ${name} IN (${listOf(test.noneOf, to)})`;
  return `size(${name}) < ${to.value(test.shorterThan)}`;
}

const listOf = (words: readonly string[], to: Placeholders): string => words.map((word) => to.value(word)).join(', ');

/** An update expression: amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html */
export function updateOf({ set, append, increment }: Update, to: Placeholders): string {
  const entries = Object.entries(set);
  const sets = entries
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${to.name(name)} = ${to.value(value)}`);
  const removes = entries.filter(([, value]) => value === null).map(([name]) => to.name(name));
  if (append) {
    const name = to.name(append.attribute);
    sets.push(`${name} = list_append(${name}, ${to.value([append.entry])})`);
  }
  return [
    sets.length > 0 && `SET ${sets.join(', ')}`,
    removes.length > 0 && `REMOVE ${removes.join(', ')}`,
    increment && `ADD ${to.name(increment)} ${to.value(1)}`,
  ]
    .filter(Boolean)
    .join(' ');
}
