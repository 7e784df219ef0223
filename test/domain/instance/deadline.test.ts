import { describe, expect, it } from 'vitest';
import { mergeEvent } from '#shared/domain/cloud/merge-event.ts';
import { enrollmentDeadline, mergeTime } from '#shared/domain/instance/deadline.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { anEvent, anInstance, clock, type InstanceParts } from '#test/build/an-instance.ts';

const deadline = (overrides: InstanceParts) => enrollmentDeadline(anInstance(overrides), defaultTiming);

describe('the enrollment deadline', () => {
  it('is 15 minutes after running began', () => {
    expect(deadline({})).toBe(clock('10:15:21'));
  });

  it('counts from when the record was made, if that is later', () => {
    expect(deadline({ management: { notBefore: clock('10:30:00') } })).toBe(clock('10:45:00'));
  });

  it.each(['unknown', 'pending', 'stopping', 'stopped', 'shutting-down', 'terminated'] as const)(
    'is none while %s',
    (state) => {
      expect(deadline({ cloud: { state } })).toBeNull();
    },
  );

  it.each(['enrolled', 'discovered-only'] as const)('is none for what is %s', (management) => {
    expect(deadline({ management: { status: management } })).toBeNull();
  });

  it('starts anew with the next start, while nobody enrolled', () => {
    const record = (['stopping 10:10:00', 'stopped 10:11:00', 'pending 11:00:00', 'running 11:00:30'] as const)
      .map((text) => text.split(' '))
      .reduce<Instance>(
        (it, [state, time = '']) =>
          mergeEvent(it, anEvent({ state: state as 'running', at: clock(time) }), defaultTiming).instance,
        anInstance(),
      );
    expect(enrollmentDeadline(record, defaultTiming)).toBe(clock('11:15:30'));
  });
});

describe('the passing of time', () => {
  it('makes an instance discovered-only at its deadline, and not a moment before', () => {
    expect(mergeTime(anInstance(), clock('10:15:20'), defaultTiming)).toMatchObject({ changed: false });
    const outcome = mergeTime(anInstance(), clock('10:15:21'), defaultTiming);
    expect(outcome.instance).toEqual(
      anInstance({
        management: { status: 'discovered-only', reason: 'deadline_passed', since: clock('10:15:21') },
      }),
    );
  });

  it('does so once', () => {
    const marked = mergeTime(anInstance(), clock('10:16:00'), defaultTiming).instance;
    expect(mergeTime(marked, clock('10:17:00'), defaultTiming)).toEqual({
      instance: marked,
      changed: false,
      needsDescribe: false,
    });
  });

  it('leaves a failed start, a stopped and an ended instance alone', () => {
    for (const state of ['pending', 'stopped', 'terminated'] as const) {
      expect(mergeTime(anInstance({ cloud: { state } }), clock('23:00:00'), defaultTiming).changed).toBe(false);
    }
  });
});
