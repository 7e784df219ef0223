import { describe, expect, it } from 'vitest';
import { entryId, readEntry } from '#shared/domain/cloud/ledger.ts';
import { enter, entriesOf, withDoubt } from '#shared/domain/cloud/transition.ts';
import { type Ec2State, type Instance, newInstance } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { aKey, anInstance, clock } from '#test/build/an-instance.ts';

/** The record with a transition that EC2 stamped. */
function enterAt(record: Instance, state: Ec2State, at: Instant): Instance {
  const entry = { state, at, until: at, id: entryId(`${state} ${at}`), settled: false };
  const evidence = { source: 'event', learntAt: at + 1000 } as const;
  return enter(record, [...entriesOf(record.cloud), entry], entry, evidence, defaultTiming);
}

describe('a doubt', () => {
  it('is noted once: the first reason and its time stay', () => {
    const doubted = withDoubt(anInstance(), 'illegal_step', 1000);
    expect(doubted.cloud.verify).toEqual({ reason: 'illegal_step', since: 1000 });
    expect(withDoubt(doubted, 'order_unknown', 2000)).toBe(doubted);
    expect(withDoubt(doubted, null, 2000)).toBe(doubted);
  });
});

describe('the ledger', () => {
  const steps = ['stopping', 'stopped', 'pending', 'running'] as const;
  const seconds = [0, 30, 60, 80];
  const minute = (nth: number) => clock('11:00:00') + Math.floor(nth / 4) * 3_600_000 + (seconds[nth % 4] ?? 0) * 1000;
  const statesOf = (record: Instance) => record.cloud.ledger.map((entry) => readEntry(entry).state);
  const afterSteps = (count: number) =>
    Array.from({ length: count }, (_, nth) => nth).reduce(
      (record, nth) => enterAt(record, steps[nth % 4] ?? 'running', minute(nth)),
      anInstance(),
    );

  it('grows to eight entries; the ninth keeps the last four and itself', () => {
    expect(statesOf(afterSteps(8))).toEqual([...steps, ...steps]);
    expect(statesOf(afterSteps(9))).toEqual([...steps, 'stopping']);
  });

  it('keeps a late ninth entry beside the last eight, so that consumers are told of it', () => {
    const record = enterAt(afterSteps(8), 'running', clock('10:30:00'));
    expect(statesOf(record)).toEqual(['running', ...steps, ...steps]);
    expect(record.cloud.state).toBe('running');
  });
});

describe('entering a state', () => {
  const entered = (record: Instance, state: Ec2State, time: string) => enterAt(record, state, clock(time));
  const blank = newInstance(aKey, clock('10:00:00'));

  it('`pending` or `running` at first sight opens a provisional epoch', () => {
    expect(entered(blank, 'pending', '10:00:05')).toMatchObject({
      cloud: { epoch: clock('10:00:05'), epochNamed: false },
    });
    expect(entered(blank, 'running', '10:00:21')).toMatchObject({
      cloud: { epoch: clock('10:00:21'), epochNamed: false },
    });
  });

  it('any other state at first sight opens none', () => {
    expect(entered(blank, 'stopped', '10:00:21').cloud.epoch).toBeNull();
  });

  it('`running` after `pending` stays in its epoch', () => {
    const started = entered(entered(blank, 'pending', '10:00:05'), 'running', '10:00:21');
    expect(started).toMatchObject({ cloud: { epoch: clock('10:00:05'), runningAt: clock('10:00:21') } });
  });

  it.each(['pending', 'running'] as const)('`%s` after a stop opens a provisional epoch', (state) => {
    const stopped = anInstance({ cloud: { state: 'stopped', at: clock('11:00:00'), stoppedAt: clock('11:00:00') } });
    const started = entered(stopped, state, '12:00:00');
    expect(started).toMatchObject({ cloud: { epoch: clock('12:00:00'), epochNamed: false } });
    expect(started.cloud.runningAt).toBe(state === 'running' ? clock('12:00:00') : null);
  });

  it('`pending` while running, more than 10 s after its start, opens one too: the stop was lost', () => {
    expect(entered(anInstance(), 'pending', '12:00:00')).toMatchObject({
      cloud: { epoch: clock('12:00:00'), runningAt: null },
    });
  });

  it('a start that ends without `running` is a failed start, for a reason yet unknown', () => {
    const failed = entered(entered(blank, 'pending', '10:00:05'), 'stopped', '10:00:09');
    expect(failed).toMatchObject({
      cloud: { failedStart: { at: clock('10:00:09'), reason: 'unknown' } },
      management: { reason: 'start_failed' },
    });
  });

  it('a start that is seen to be stopping has run', () => {
    const stopping = entered(entered(blank, 'pending', '10:00:05'), 'stopping', '10:01:00');
    expect(entered(stopping, 'stopped', '10:01:30')).toMatchObject({
      cloud: { failedStart: null, runningAt: clock('10:01:00') },
    });
  });

  it('a failed start changes no earlier management', () => {
    const enrolled = anInstance({
      cloud: { state: 'pending', runningAt: null },
      management: { status: 'enrolled', reason: 'launched' },
    });
    const failed = entered(enrolled, 'stopped', '10:00:30');
    expect(failed).toMatchObject({
      management: { status: 'enrolled', reason: 'launched' },
      cloud: { failedStart: { reason: 'unknown' } },
    });
  });

  it('the next start takes a failed one off the record', () => {
    const failed = entered(entered(blank, 'pending', '10:00:05'), 'stopped', '10:00:09');
    expect(entered(failed, 'pending', '10:05:00')).toMatchObject({
      cloud: { failedStart: null },
      management: { reason: 'awaiting_enrollment' },
    });
  });

  it('an end without enrollment is one; an enrolled instance stays enrolled', () => {
    expect(entered(anInstance(), 'terminated', '11:00:00').management.reason).toBe('ended_unenrolled');
    const enrolled = anInstance({ management: { status: 'enrolled', reason: 'launched' } });
    expect(entered(enrolled, 'terminated', '11:00:00').management.reason).toBe('launched');
  });

  it('takes marks of absence and of inference away', () => {
    const absent = { seenAt: 0, since: 0 };
    expect(entered(anInstance({ cloud: { absent, inferred: true } }), 'stopping', '11:00:00')).toMatchObject({
      cloud: { absent: null, inferred: false },
    });
  });
});
