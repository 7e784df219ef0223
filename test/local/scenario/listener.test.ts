import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Listener } from '#local/scenario/listener.ts';

const key = { account: '111122223333', region: 'us-east-1', instanceId: 'i-0a1b2c3d4e5f60718' };
const other = { ...key, region: 'eu-west-1' };
let file: string;
let listener: Listener;

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-listener-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  file = join(folder, 'consumed.jsonl');
  listener = new Listener(file);
});

const told = (data: object, type = 'Instance State Changed') =>
  JSON.stringify({ 'detail-type': type, detail: { data: { ...key, ...data } } });

describe('a listener on the bus', () => {
  it('believes the state of the highest sequence that is not late, in whatever order it is told, and once or twice', () => {
    const events = [
      told({ state: 'running', sequence: 20 }),
      told({ state: 'pending', sequence: 30, late: true }),
      told({ state: 'stopping', sequence: 40 }),
      told({ state: 'terminated', sequence: 50, ...other }),
      told({ state: 'booting', sequence: 60 }, 'Server State Changed'),
    ];
    const twice = [...events, ...events];
    fc.assert(
      fc.property(fc.shuffledSubarray(twice, { minLength: twice.length }), (order) => {
        const one = new Listener(file);
        for (const body of order) one.hear(body);
        expect([one.stateOf(key), one.stateOf(other)]).toEqual(['stopping', 'terminated']);
      }),
    );
  });

  it('believes nothing of an instance of which nothing was told', () => {
    listener.hear(told({ state: 'running', sequence: 20 }));
    expect(listener.stateOf({ ...key, instanceId: 'i-0f' })).toBeUndefined();
  });

  it('keeps all that it hears', () => {
    const bodies = [told({ state: 'running', sequence: 20 }), told({}, 'Instance Enrolled')];
    for (const body of bodies) listener.hear(body);
    expect(readFileSync(file, 'utf8')).toBe(`${bodies.join('\n')}\n`);
  });
});
