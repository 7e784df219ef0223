import { describe, expect, it } from 'vitest';
import { type Fault, Faults } from '#local/faults.ts';
import { random } from '#local/random.ts';

function some(...given: Fault[]) {
  const time = { now: 1000 };
  const faults = new Faults({ random: random(1), now: () => time.now });
  const takeBack = faults.add(...given);
  return { faults, time, takeBack };
}

const anywhere = { service: 'ec2' } as const;
const call = { service: 'ec2', operation: 'RunInstances', account: '111122223333', region: 'us-east-1' } as const;

describe('a fault', () => {
  it('strikes at each occasion that its place fits, and at no other', () => {
    const { faults } = some({
      what: 'throttle',
      where: { service: 'ec2', operation: 'RunInstances', region: 'us-east-1' },
    });
    expect(faults.holds('throttle', call)).toBe(true);
    expect(faults.holds('throttle', { ...call, region: 'us-west-2' })).toBe(false);
    expect(faults.holds('throttle', { service: 'ec2', operation: 'RunInstances' })).toBe(false);
    expect(faults.holds('lose-answer', call)).toBe(false);
  });

  it('fits a member of which the occasion has several, if it names one of them', () => {
    const { faults } = some({ what: 'drop', where: { service: 'ec2-events', tag: 'a=1' } });
    expect(faults.deliveries({ service: 'ec2-events', tag: ['b=2', 'a=1'] })).toEqual([]);
    expect(faults.deliveries({ service: 'ec2-events', tag: ['b=2'] })).toEqual([0]);
    expect(faults.deliveries({ service: 'ec2-events', tag: [] })).toEqual([0]);
  });

  it('strikes so many times, and not before or after its time', () => {
    const { faults, time } = some({ what: 'throttle', where: anywhere, times: 2, when: { from: 2000, until: 3000 } });
    const strikes = (now: number) => {
      time.now = now;
      return faults.holds('throttle', call);
    };
    expect([1999, 2000, 3000, 2999, 2500].map(strikes)).toEqual([false, true, false, true, false]);
  });

  it('strikes at its share of the occasions, the same ones for the same seed', () => {
    const drawn = () => {
      const { faults } = some({ what: 'throttle', where: anywhere, share: 0.25 });
      return Array.from({ length: 2000 }, () => faults.holds('throttle', call));
    };
    expect(drawn().filter(Boolean).length / 2000).toBeCloseTo(0.25, 1);
    expect(drawn()).toEqual(drawn());
  });

  it('is over when it is taken back, and so are all when they are cleared', () => {
    const { faults, takeBack } = some({ what: 'throttle', where: anywhere });
    faults.add({ what: 'lose-answer', where: anywhere });
    takeBack();
    expect(faults.strike(['throttle', 'lose-answer'], call)).toMatchObject({ what: 'lose-answer' });
    faults.clear();
    expect(faults.strike(['throttle', 'lose-answer'], call)).toBeUndefined();
  });

  it('that was added first comes first, with its settings', () => {
    const { faults } = some(
      { what: 'refuse', where: anywhere, code: 'InternalError', times: 1 },
      { what: 'refuse', where: anywhere, code: 'Unavailable' },
    );
    const code = () => faults.strike(['refuse'], call)?.code;
    expect([code(), code()]).toEqual(['InternalError', 'Unavailable']);
  });
});

it('copies and delays add up, and a lost message has neither', () => {
  const queue = { service: 'sqs', queue: 'work' } as const;
  const { faults } = some({ what: 'repeat', where: queue }, { what: 'delay', where: queue, ms: [5, 5] });
  faults.add({ what: 'delay', where: queue, ms: [10, 12] });
  const delays = faults.deliveries(queue);
  expect(delays).toHaveLength(2);
  for (const delay of delays) expect([15, 16, 17]).toContain(delay);
  faults.add({ what: 'drop', where: queue });
  expect(faults.deliveries(queue)).toEqual([]);
});
