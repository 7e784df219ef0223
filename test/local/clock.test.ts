import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RealClock } from '#local/clock.ts';
import { VirtualClock } from '#test/fakes/virtual-clock.ts';

const start = new Date('2026-11-02T10:00:00Z');
const at = (ms: number) => new Date(start.getTime() + ms);

describe('the virtual clock', () => {
  it('runs timers in order of their time, then of their making', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 30 }), async (delays) => {
        const clock = new VirtualClock(start);
        const ran: [number, number][] = [];
        for (const [index, ms] of delays.entries()) clock.after(ms, () => void ran.push([ms, index]));
        await clock.advanceBy(20);
        const expected = delays.map((ms, index): [number, number] => [ms, index]);
        expect(ran).toEqual(expected.sort((a, b) => a[0] - b[0] || a[1] - b[1]));
      }),
    );
  });

  it('shows each run the time it was due and stays where it was sent', async () => {
    const clock = new VirtualClock(start);
    const seen: Date[] = [];
    clock.after(5, () => void seen.push(clock.now()));
    clock.after(11, () => void seen.push(clock.now()));
    await clock.advanceBy(10);
    expect(seen).toEqual([at(5)]);
    expect(clock.now()).toEqual(at(10));
  });

  it('waits for an asynchronous run before the next begins', async () => {
    const clock = new VirtualClock(start);
    const seen: string[] = [];
    clock.after(1, async () => {
      seen.push('begun');
      await new Promise((resolve) => setImmediate(resolve));
      seen.push('ended');
    });
    clock.after(1, () => void seen.push('next'));
    await clock.advanceBy(1);
    expect(seen).toEqual(['begun', 'ended', 'next']);
  });

  it('runs what a run makes, if it is due', async () => {
    const clock = new VirtualClock(start);
    const seen: Date[] = [];
    const again = () => {
      seen.push(clock.now());
      clock.after(3, again);
    };
    clock.after(0, again);
    await clock.advanceBy(7);
    expect(seen).toEqual([at(0), at(3), at(6)]);
  });

  it('repeats a periodic run until it is cancelled, also from within', async () => {
    const clock = new VirtualClock(start);
    let runs = 0;
    const cancel = clock.every(10, () => {
      runs += 1;
      if (runs === 3) cancel();
    });
    await clock.advanceBy(100);
    expect(runs).toBe(3);
  });

  it('never runs a cancelled timer', async () => {
    const clock = new VirtualClock(start);
    const seen: string[] = [];
    const cancel = clock.after(5, () => void seen.push('cancelled'));
    clock.after(5, () => void seen.push('kept'));
    cancel();
    await clock.advanceBy(10);
    expect(seen).toEqual(['kept']);
  });

  it('is idle when only periodic timers are left, at the time of the last run', async () => {
    const clock = new VirtualClock(start);
    clock.every(4, () => {});
    clock.after(9, () => {});
    expect(await clock.runUntilIdle(at(100))).toBe(true);
    expect(clock.now()).toEqual(at(9));
  });

  it('gives up on idleness at the limit', async () => {
    const clock = new VirtualClock(start);
    const again = () => void clock.after(1, again);
    again();
    expect(await clock.runUntilIdle(at(50))).toBe(false);
    expect(clock.now()).toEqual(at(50));
  });

  it('ends the advance with what a run rejects with', async () => {
    const clock = new VirtualClock(start);
    clock.after(1, () => Promise.reject(new Error('broken')));
    await expect(clock.advanceBy(5)).rejects.toThrow('broken');
    await clock.advanceBy(5);
    expect(clock.now()).toEqual(at(6));
  });

  it('refuses to go back, to be advanced from within, and durations that are none', async () => {
    const clock = new VirtualClock(start);
    await expect(clock.advanceTo(at(-1))).rejects.toThrow(RangeError);
    clock.after(1, () => clock.advanceBy(1));
    await expect(clock.advanceBy(1)).rejects.toThrow('advanced already');
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => clock.after(ms, () => {})).toThrow(RangeError);
    expect(() => clock.every(0, () => {})).toThrow(RangeError);
  });
});

describe('the real clock', () => {
  const fails = (error: unknown) => {
    throw error;
  };

  it('runs a timer, and a periodic one again and again', async () => {
    const clock = new RealClock(fails);
    await new Promise<void>((resolve) => clock.after(1, resolve));
    let runs = 0;
    await new Promise<void>((resolve) => clock.every(1, () => (++runs === 3 ? resolve() : undefined)));
    expect(runs).toBe(3);
    await clock.stop();
  });

  it('hands over what a run throws or rejects with, and repeats all the same', async () => {
    const errors: unknown[] = [];
    const clock = new RealClock((error) => void errors.push(error));
    let runs = 0;
    await new Promise<void>((resolve) => {
      clock.every(1, () => {
        runs += 1;
        if (runs === 3) resolve();
        throw runs;
      });
    });
    await clock.stop();
    expect(errors).toEqual([1, 2, 3]);
  });

  it('leaves no timer behind when it is stopped, and makes none afterwards', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const clock = new RealClock(fails);
    clock.after(60_000, () => {});
    clock.every(60_000, () => {});
    const during = timers();
    await clock.stop();
    clock.after(60_000, () => {});
    expect([during, timers()]).toEqual([before + 2, before]);
  });

  it('waits, when stopped, for the run under way', async () => {
    const clock = new RealClock(fails);
    const seen: string[] = [];
    let end = () => {};
    await new Promise<void>((begun) => {
      clock.after(0, async () => {
        begun();
        await new Promise<void>((resolve) => {
          end = resolve;
        });
        seen.push('run');
      });
    });
    const stopped = clock.stop().then(() => seen.push('stopped'));
    end();
    await stopped;
    expect(seen).toEqual(['run', 'stopped']);
  });

  it('refuses a delay that Node would cut to nothing', () => {
    expect(() => new RealClock(fails).after(2 ** 31, () => {})).toThrow(RangeError);
  });
});
