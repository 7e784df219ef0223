import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeDescribed } from '#shared/domain/cloud/merge-describe.ts';
import { mergeEvent } from '#shared/domain/cloud/merge-event.ts';
import { mergeWarning, presentWarnings, type Warning } from '#shared/domain/cloud/warnings.ts';
import { type Instance, newInstance, warningKinds } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { aKey, anEvent, anInstance, aSight, clock } from '#test/build/an-instance.ts';

const spot = (at: string): Warning => ({ kind: 'spot_interruption', at: clock(at), deadline: clock(at) + 120_000 });
const rebalance = (at: string): Warning => ({ kind: 'rebalance_recommendation', at: clock(at), deadline: null });
const retirement = (at: string, deadline: string): Warning => ({
  ...{ kind: 'scheduled_retirement', at: clock(at), deadline: clock(deadline) },
});
const warned = (record: Instance, ...warnings: readonly Warning[]): Instance =>
  warnings.reduce((instance, warning) => mergeWarning(instance, warning).instance, record);
const kindsOf = ({ cloud }: Instance) => presentWarnings(cloud).map(({ kind }) => kind);

describe('a warning', () => {
  it('is noted and sets no state', () => {
    const { instance, changed, needsDescribe } = mergeWarning(anInstance(), spot('10:10:00'));
    expect([changed, needsDescribe]).toEqual([true, false]);
    const { warnings: _, ...cloud } = instance.cloud;
    expect(anInstance()).toMatchObject({ ...instance, cloud });
    expect(presentWarnings(instance.cloud)).toEqual([
      { kind: 'spot_interruption', severity: 1, since: clock('10:10:00'), deadline: clock('10:12:00') },
    ]);
  });

  it('is hidden by no other, and the most severe comes first', () => {
    expect(kindsOf(warned(anInstance(), spot('10:10:00'), rebalance('10:11:00')))).toEqual([
      'spot_interruption',
      'rebalance_recommendation',
    ]);
  });

  it('that comes again changes nothing', () => {
    const noted = warned(anInstance(), spot('10:10:00'));
    expect(mergeWarning(noted, spot('10:10:00'))).toEqual({ instance: noted, changed: false, needsDescribe: false });
  });

  it('keeps its first stamp, and the deadline that AWS told last', () => {
    const moved = [
      retirement('10:10:00', '20:00:00'),
      retirement('10:30:00', '19:00:00'),
      retirement('10:20:00', '22:00:00'),
    ];
    expect(presentWarnings(warned(anInstance(), ...moved).cloud)).toMatchObject([
      { since: clock('10:10:00'), deadline: clock('19:00:00') },
    ]);
  });

  it('about an instance of which nothing is known asks EC2, each time that it comes', () => {
    const first = mergeWarning(newInstance(aKey, clock('10:00:00')), spot('10:00:00'));
    expect(first).toMatchObject({ changed: true, needsDescribe: true });
    expect(mergeWarning(first.instance, spot('10:00:00'))).toMatchObject({ changed: false, needsDescribe: true });
  });

  it('ends when the instance starts again, with no write of its own', () => {
    const stopped = mergeEvent(
      warned(anInstance(), spot('10:10:00')),
      anEvent({ state: 'stopped', at: clock('11:00:00') }),
      defaultTiming,
    ).instance;
    expect(kindsOf(stopped)).toEqual(['spot_interruption']);
    const started = mergeEvent(stopped, anEvent({ state: 'pending', at: clock('12:00:00') }), defaultTiming).instance;
    expect(kindsOf(started)).toEqual([]);
    expect(kindsOf(warned(started, rebalance('12:05:00')))).toEqual(['rebalance_recommendation']);
    expect(presentWarnings(warned(started, spot('12:05:00')).cloud)).toMatchObject([{ since: clock('12:05:00') }]);
  });

  it('of an earlier start that comes late is none of the present one', () => {
    expect(mergeWarning(anInstance(), spot('10:00:00')).changed).toBe(false);
  });

  it('from before the first sight shows once the start that it is of is known', () => {
    const seenLate = mergeEvent(
      warned(newInstance(aKey, clock('10:00:20')), rebalance('10:00:20')),
      anEvent({ at: clock('10:00:25') }),
      defaultTiming,
    ).instance;
    const answer = aSight({ launchTime: clock('10:00:05'), sentAt: clock('10:01:00') });
    expect(kindsOf(mergeDescribed(seenLate, answer, defaultTiming).instance)).toEqual(['rebalance_recommendation']);
  });
});

const anyWarning: fc.Arbitrary<Warning> = fc
  .record({ kind: fc.constantFrom(...warningKinds), second: fc.nat(20), ahead: fc.option(fc.nat(3), { nil: null }) })
  .map(({ kind, second, ahead }) => {
    const at = clock('10:30:00') + second * 1000;
    return { kind, at, deadline: ahead === null ? null : at + ahead * 60_000 };
  });
const shuffled = <T>(values: readonly T[]) => fc.shuffledSubarray([...values], { minLength: values.length });

describe('the warnings of a record', () => {
  it('are the same in whatever order they arrive, and however often', () => {
    const twoOrders = fc
      .array(anyWarning, { maxLength: 12 })
      .chain((all) => fc.tuple(shuffled(all), shuffled([...all, ...all])));
    fc.assert(
      fc.property(twoOrders, ([one, other]) => {
        expect(warned(anInstance(), ...other)).toEqual(warned(anInstance(), ...one));
      }),
    );
  });

  it('are the same wherever a stop and a start come between them', () => {
    const steps = [
      { state: 'stopping' as const, at: clock('10:30:05') },
      { state: 'stopped' as const, at: clock('10:30:08') },
      { state: 'pending' as const, at: clock('10:30:12') },
    ].map(
      (step) => (record: Instance) => mergeEvent(record, anEvent({ ...step, id: step.state }), defaultTiming).instance,
    );
    const oneOfEachKind = fc.uniqueArray(anyWarning, { selector: ({ kind }) => kind });
    const twoOrders = oneOfEachKind
      .map((all) => [...steps, ...all.map((warning) => (record: Instance) => warned(record, warning))])
      .chain((all) => fc.tuple(shuffled(all), shuffled(all)));
    const presentAfter = (order: readonly ((record: Instance) => Instance)[]) =>
      presentWarnings(order.reduce((record, observe) => observe(record), anInstance()).cloud);
    fc.assert(
      fc.property(twoOrders, ([one, other]) => {
        expect(presentAfter(other)).toEqual(presentAfter(one));
      }),
    );
  });
});
