import { describe, expect, it } from 'vitest';
import { appendEntry, doubtOf, enter, withDoubt } from '#shared/domain/cloud/transition.ts';
import { newInstance } from '#shared/domain/instance/instance.ts';
import { aKey, anInstance, clock } from '#test/build/an-instance.ts';

describe('the doubt of a step', () => {
  it.each([
    ['running', 'stopping', 0, null],
    ['running', 'stopping', 600_000, null],
    ['stopped', 'pending', 2000, 'order_unknown'],
    ['pending', 'stopped', 2000, 'order_unknown'],
    ['stopped', 'pending', 2001, null],
    ['running', 'stopped', 0, 'illegal_step'],
    ['stopped', 'running', 600_000, 'illegal_step'],
    ['running', 'running', 5000, 'illegal_step'],
  ] as const)('%s to %s, %i ms apart: %s', (from, to, apart, doubt) => {
    expect(doubtOf(from, to, apart, 2000)).toBe(doubt);
  });

  it('is noted once: the first reason and its time stay', () => {
    const doubted = withDoubt(anInstance(), 'illegal_step', 1000);
    expect(doubted.cloud.verify).toEqual({ reason: 'illegal_step', since: 1000 });
    expect(withDoubt(doubted, 'order_unknown', 2000)).toBe(doubted);
    expect(withDoubt(doubted, null, 2000)).toBe(doubted);
  });
});

describe('the ledger', () => {
  it('grows to eight entries; the ninth keeps the last four and itself', () => {
    const eight = Array.from({ length: 8 }, (_, n) => `e${n}`);
    expect(appendEntry(eight.slice(0, 7), 'e7')).toEqual(eight);
    expect(appendEntry(eight, 'e8')).toEqual(['e4', 'e5', 'e6', 'e7', 'e8']);
  });
});

describe('entering a state', () => {
  const step = (state: 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated', time: string) =>
    ({ state, at: clock(time), origin: 'o', source: 'event' }) as const;
  const blank = newInstance(aKey, clock('10:00:00'));

  it('`pending` or `running` at first sight opens a provisional epoch', () => {
    expect(enter(blank, step('pending', '10:00:05'))).toMatchObject({
      cloud: { epoch: clock('10:00:05'), epochNamed: false },
    });
    expect(enter(blank, step('running', '10:00:21'))).toMatchObject({
      cloud: { epoch: clock('10:00:21'), epochNamed: false },
    });
  });

  it('any other state at first sight opens none', () => {
    expect(enter(blank, step('stopped', '10:00:21')).cloud.epoch).toBeNull();
  });

  it('`running` after `pending` stays in its epoch', () => {
    const started = enter(enter(blank, step('pending', '10:00:05')), step('running', '10:00:21'));
    expect(started).toMatchObject({ cloud: { epoch: clock('10:00:05'), runningAt: clock('10:00:21') } });
  });

  it.each(['pending', 'running'] as const)('`%s` after a stop opens a provisional epoch', (state) => {
    const stopped = anInstance({ cloud: { state: 'stopped', at: clock('11:00:00'), stoppedAt: clock('11:00:00') } });
    const started = enter(stopped, step(state, '12:00:00'));
    expect(started).toMatchObject({ cloud: { epoch: clock('12:00:00'), epochNamed: false } });
    expect(started.cloud.runningAt).toBe(state === 'running' ? clock('12:00:00') : null);
  });

  it('`pending` while running, more than 10 s after its start, opens one too: the stop was lost', () => {
    expect(enter(anInstance(), step('pending', '12:00:00'))).toMatchObject({
      cloud: { epoch: clock('12:00:00'), runningAt: null },
    });
  });

  it('a start that ends without `running` is a failed start, for a reason yet unknown', () => {
    const failed = enter(enter(blank, step('pending', '10:00:05')), step('stopped', '10:00:09'));
    expect(failed).toMatchObject({
      cloud: { failedStart: { at: clock('10:00:09'), reason: 'unknown' } },
      management: { reason: 'start_failed' },
    });
  });

  it('a start that is seen to be stopping has run', () => {
    const stopping = enter(enter(blank, step('pending', '10:00:05')), step('stopping', '10:01:00'));
    expect(enter(stopping, step('stopped', '10:01:30'))).toMatchObject({
      cloud: { failedStart: null, runningAt: clock('10:01:00') },
    });
  });

  it('a failed start changes no earlier management', () => {
    const enrolled = anInstance({
      cloud: { state: 'pending', runningAt: null },
      management: { status: 'enrolled', reason: 'launched' },
    });
    const failed = enter(enrolled, step('stopped', '10:00:30'));
    expect(failed).toMatchObject({
      management: { status: 'enrolled', reason: 'launched' },
      cloud: { failedStart: { reason: 'unknown' } },
    });
  });

  it('the next start takes a failed one off the record', () => {
    const failed = enter(enter(blank, step('pending', '10:00:05')), step('stopped', '10:00:09'));
    expect(enter(failed, step('pending', '10:05:00'))).toMatchObject({
      cloud: { failedStart: null },
      management: { reason: 'awaiting_enrollment' },
    });
  });

  it('an end without enrollment is one; an enrolled instance stays enrolled', () => {
    expect(enter(anInstance(), step('terminated', '11:00:00')).management.reason).toBe('ended_unenrolled');
    const enrolled = anInstance({ management: { status: 'enrolled', reason: 'launched' } });
    expect(enter(enrolled, step('terminated', '11:00:00')).management.reason).toBe('launched');
  });

  it('takes marks of absence and of inference away', () => {
    const absent = { seenAt: 0, since: 0 };
    expect(enter(anInstance({ cloud: { absent, inferred: true } }), step('stopping', '11:00:00'))).toMatchObject({
      cloud: { absent: null, inferred: false },
    });
  });
});
