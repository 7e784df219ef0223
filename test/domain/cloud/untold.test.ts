import { describe, expect, it } from 'vitest';
import { mergeDescribed } from '#shared/domain/cloud/merge-describe.ts';
import { countUntold, isRepair, type SweepFindings } from '#shared/domain/cloud/untold.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { anInstance, aSight, clock } from '#test/build/an-instance.ts';

const swept = (parts: Partial<SweepFindings> = {}) =>
  countUntold({ before: undefined, isFirst: false, records: [], repaired: 0, sentAt: clock('11:00:00'), ...parts });
const since = clock('10:50:00');
const heardAt = (time: string) => anInstance({ cloud: { source: 'event', at: clock(time) } });

describe('events of a pair do not arrive', () => {
  it('if sweeps find three changes in ten minutes, and no event came', () => {
    expect(swept({ before: { since, changes: 2 }, repaired: 1 })).toEqual({
      untold: { since, changes: 3 },
      eventsAreMissing: true,
    });
  });

  it.each([
    ['too few changes', { before: { since, changes: 1 }, repaired: 1 }],
    ['too short a time', { before: { since: since + 1, changes: 9 }, repaired: 1 }],
    ['a sweep that finds nothing', { before: { since, changes: 9 }, repaired: 0 }],
    ['the first sweep of the pair', { repaired: 100, isFirst: true }],
    ['an event after the first change', { before: { since, changes: 9 }, repaired: 9, records: [heardAt('10:50:01')] }],
  ])('but not by %s', (_, parts) => {
    expect(swept(parts).eventsAreMissing).toBe(false);
  });

  it('counts from the first change, and anew after an event', () => {
    expect(swept({ repaired: 2 }).untold).toEqual({ since: clock('11:00:00'), changes: 2 });
    const before = { since, changes: 9 };
    expect(swept({ before, records: [heardAt('10:50:00')] }).untold).toEqual(before);
    expect(swept({ before, records: [heardAt('10:50:01')] }).untold).toBeUndefined();
    expect(swept({ before, repaired: 1, records: [heardAt('10:55:00')] }).untold).toEqual({
      since: clock('11:00:00'),
      changes: 1,
    });
  });

  it('a describe’s word is no event', () => {
    const described = anInstance({ cloud: { source: 'describe', at: clock('10:59:00') } });
    expect(swept({ before: { since, changes: 9 }, repaired: 1, records: [described] }).eventsAreMissing).toBe(true);
  });
});

describe('a repair', () => {
  const change = (before: ReturnType<typeof anInstance> | undefined, sight = aSight()) => ({
    before,
    outcome: mergeDescribed(before, sight, defaultTiming),
  });

  it('is a transition that a sweep learnt first', () => {
    expect(isRepair(change(undefined))).toBe(true);
    const stopped = aSight({ state: 'stopped', sentAt: clock('12:00:00'), transitionAt: clock('11:59:00') });
    expect(isRepair(change(anInstance(), stopped))).toBe(true);
  });

  it('is neither an agreement nor the name of an epoch', () => {
    const { instance } = mergeDescribed(undefined, aSight(), defaultTiming);
    expect(isRepair(change(instance))).toBe(false);
    const provisional = { ...instance, cloud: { ...instance.cloud, epochNamed: false } };
    expect(change(provisional).outcome.changed).toBe(true);
    expect(isRepair(change(provisional))).toBe(false);
  });
});
