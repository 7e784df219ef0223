import { describe, expect, it } from 'vitest';
import { assertExact, type EventPattern, matches } from '#local/aws/events/event-pattern.ts';

const event = {
  source: 'aws.ec2',
  account: '111122223333',
  resources: ['arn:one', 'arn:two'],
  detail: { state: 'running', count: 3, spot: false, parent: null },
};

describe('an event pattern', () => {
  it.each<[string, EventPattern, boolean]>([
    ['nothing', {}, true],
    ['a listed value', { source: ['aws.s3', 'aws.ec2'] }, true],
    ['no listed value', { source: ['aws.s3'] }, false],
    ['every field', { source: ['aws.ec2'], account: ['111122223333'] }, true],
    ['one field of two', { source: ['aws.ec2'], account: ['444455556666'] }, false],
    ['a nested field', { detail: { state: ['running'], count: [3], spot: [false], parent: [null] } }, true],
    ['another nested field', { detail: { state: ['stopped'] } }, false],
    ['a member of a list', { resources: ['arn:two'] }, true],
    ['no member of a list', { resources: ['arn:three'] }, false],
    ['a number, not its text', { detail: { count: ['3'] } }, false],
    ['a field that is missing', { detail: { reason: [null] } }, false],
    ['fields where the event has a value', { source: { name: ['aws.ec2'] } }, false],
    ['a name that every object has', { constructor: ['Object'] }, false],
  ])('that asks for %s', (_case, pattern, expected) => {
    expect(matches(pattern, event)).toBe(expected);
  });

  it('is refused if it is of another kind than exact values', () => {
    const prefix = { detail: { state: [{ prefix: 'run' }] } } as unknown as EventPattern;
    expect(() => assertExact(prefix)).toThrow('state');
    expect(() => assertExact({ source: [] })).toThrow('source');
    expect(() => assertExact({ source: ['a'], detail: { state: ['b', null] } })).not.toThrow();
  });
});
