import { describe, expect, it } from 'vitest';
import { mergeEvent, type StateChange } from '#shared/domain/cloud/merge-event.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { aKey, anEvent, anInstance, clock } from '#test/build/an-instance.ts';

const merge = (record: Instance | undefined, event: Partial<StateChange>) =>
  mergeEvent(record, anEvent(event), defaultTiming);
/** The record after events given as `state time`, in order of arrival. */
const told = (record: Instance | undefined, ...events: string[]): Instance =>
  events.reduce<Instance | undefined>((it, text) => {
    const [state, time = ''] = text.split(' ');
    return merge(it, { state: state as StateChange['state'], at: clock(time) }).instance;
  }, record) as Instance;
const doubtOf = (record: Instance) => record.cloud.verify?.reason ?? null;

describe('an event of an unknown instance', () => {
  it.each(['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated'] as const)(
    'makes a record in state %s and asks for a describe',
    (state) => {
      const outcome = merge(undefined, { state });
      expect(outcome).toMatchObject({ changed: true, needsDescribe: true });
      expect(outcome.instance).toMatchObject({
        ...aKey,
        cloud: { state, at: clock('10:00:21'), source: 'event', verify: null },
      });
    },
  );
});

describe('rule 1: EC2’s own `terminated` absorbs', () => {
  const ended = told(anInstance(), 'terminated 11:00:00');

  it.each(['running 11:30:00', 'pending 11:30:00', 'stopped 10:59:59', 'running 11:00:00'])(
    '%s leaves it terminated',
    (event) => {
      expect(told(ended, event)).toMatchObject({ cloud: { state: 'terminated', at: clock('11:00:00') } });
    },
  );

  it.each(['running 11:00:03', 'running 11:00:02', 'running 10:30:00', 'stopping 10:59:30'])(
    '%s raises no doubt about the end',
    (event) => {
      expect(doubtOf(told(anInstance(), 'shutting-down 10:59:00', 'terminated 11:00:00', event))).toBeNull();
      expect(doubtOf(told(undefined, event, 'terminated 11:00:00'))).toBeNull();
    },
  );

  it('a second `terminated` with another stamp writes nothing', () => {
    expect(merge(ended, { state: 'terminated', at: clock('11:00:05') })).toMatchObject({
      changed: false,
      instance: ended,
    });
  });

  it('does not hold for an end that was only inferred: a later event undoes it, with an alarm', () => {
    const inferred: Instance = { ...ended, cloud: { ...ended.cloud, inferred: true, source: 'absence' } };
    const outcome = merge(inferred, { state: 'stopping', at: clock('11:10:00') });
    expect(outcome).toMatchObject({ alarm: 'termination_inferred_wrongly', needsDescribe: true });
    expect(outcome.instance).toMatchObject({ cloud: { state: 'stopping', inferred: false } });
  });

  it('an event from before an inferred end takes its place and leaves the end inferred', () => {
    const absent = { seenAt: clock('10:40:00'), since: clock('10:45:00') };
    const inferred: Instance = { ...ended, cloud: { ...ended.cloud, inferred: true, source: 'absence', absent } };
    const outcome = merge(inferred, { state: 'stopping', at: clock('10:50:00') });
    expect(outcome.instance).toMatchObject({
      cloud: { state: 'terminated', inferred: true, source: 'absence', absent, at: clock('11:00:00') },
    });
    expect(outcome.alarm).toBeUndefined();
  });

  it('EC2’s own word makes an inferred end certain, and moves its stamp only forward', () => {
    const inferred: Instance = { ...ended, cloud: { ...ended.cloud, inferred: true, source: 'absence' } };
    const outcome = merge(inferred, { state: 'terminated', at: clock('10:55:00'), id: 'its-end' });
    expect(outcome.instance).toMatchObject({
      cloud: { state: 'terminated', inferred: false, at: clock('11:00:00'), source: 'event' },
    });
    expect(merge(outcome.instance, { state: 'terminated', at: clock('10:55:00'), id: 'its-end' }).changed).toBe(false);
  });
});

describe('rule 2: what the ledger holds changes nothing', () => {
  const record = told(anInstance(), 'stopping 10:30:00');

  it('the same event id again', () => {
    const outcome = merge(record, { state: 'stopping', at: clock('10:30:00') });
    expect(outcome).toEqual({ instance: record, changed: false, needsDescribe: false });
    expect(outcome.instance).toBe(record);
  });

  it('another event of the same state and stamp', () => {
    expect(merge(record, { state: 'stopping', at: clock('10:30:00'), id: 'another' }).instance).toBe(record);
  });

  it('an event that a later one overtook', () => {
    const later = told(record, 'stopped 10:31:00');
    expect(merge(later, { state: 'stopping', at: clock('10:30:00') }).instance).toBe(later);
  });
});

describe('rule 3: events order by stamp and rank', () => {
  it('a life in order ends where it should, without a doubt and without a question', () => {
    const life = ['running 10:00:21', 'stopping 10:30:00', 'stopped 10:31:00', 'pending 11:00:00', 'running 11:00:20'];
    const record = told(undefined, 'pending 10:00:05', ...life, 'shutting-down 12:00:00', 'terminated 12:01:00');
    expect(record).toMatchObject({ cloud: { state: 'terminated', at: clock('12:01:00'), verify: null } });
    expect(record.cloud.epoch).toBe(clock('11:00:00'));
    expect(merge(anInstance(), { state: 'stopping', at: clock('10:30:00') }).needsDescribe).toBe(false);
  });

  it('an older stamp never takes the record back', () => {
    const stopped = told(anInstance(), 'stopping 10:30:00', 'stopped 10:31:00');
    expect(told(stopped, 'running 10:10:00')).toMatchObject({ cloud: { state: 'stopped', at: clock('10:31:00') } });
  });

  it('at one stamp the higher rank wins, whichever came first', () => {
    expect(told(anInstance(), 'stopping 10:30:00', 'stopped 10:30:00').cloud.state).toBe('stopped');
    expect(told(anInstance(), 'stopped 10:30:00', 'stopping 10:30:00').cloud.state).toBe('stopped');
  });

  it.each(['10:00:06', '10:00:15'])('a `pending` of the named start belongs to it, here %s', (time) => {
    const started = clock('10:00:05');
    const described = anInstance({ cloud: { at: started, source: 'describe', seenAt: clock('10:00:30') } });
    expect(told(described, `pending ${time}`)).toMatchObject({
      cloud: { state: 'running', epoch: started, epochNamed: true, verify: null },
    });
  });

  it('a `pending` after all that a describe showed takes the record to another start', () => {
    const described = anInstance({ cloud: { at: clock('10:00:05'), source: 'describe', seenAt: clock('10:00:10') } });
    expect(told(described, 'pending 10:00:16')).toMatchObject({
      cloud: { state: 'pending', epochNamed: false, verify: { reason: 'illegal_step' } },
    });
  });

  it('a `pending` within 10 s of the named start is the next one if a stop was seen since', () => {
    const quick = told(
      anInstance({ cloud: { at: clock('10:00:06') } }),
      'stopping 10:00:07',
      'stopped 10:00:08',
      'pending 10:00:12',
    );
    expect(quick).toMatchObject({ cloud: { state: 'pending', epoch: clock('10:00:12'), epochNamed: false } });
  });

  it('the event that a describe overtook sets the exact stamp, without a doubt', () => {
    const described = anInstance({
      cloud: { at: clock('10:00:05'), runningAt: clock('10:00:05'), source: 'describe', seenAt: clock('10:00:30') },
    });
    const record = told(described, 'running 10:00:21');
    expect(record).toMatchObject({
      cloud: { at: clock('10:00:21'), runningAt: clock('10:00:21'), verify: null, epochNamed: true },
    });
    expect(merge(record, { state: 'running', at: clock('10:00:21') }).changed).toBe(false);
  });
});

describe('rule 4: doubt', () => {
  it('arises where two stamps within two seconds fit two histories that end differently', () => {
    const stopped = told(undefined, 'stopped 10:30:04');
    expect(doubtOf(told(stopped, 'pending 10:30:06'))).toBe('order_unknown');
    expect(doubtOf(told(stopped, 'pending 10:30:07'))).toBeNull();
  });

  it('does not arise where one history alone is legal: the record follows it, whatever the stamps say', () => {
    const stopped = told(anInstance(), 'stopping 10:30:00', 'stopped 10:30:04');
    for (const time of ['10:30:03', '10:30:04', '10:30:06'])
      expect(told(stopped, `pending ${time}`)).toMatchObject({ cloud: { state: 'pending', verify: null } });
  });

  it('arises where a step is missing, within two seconds or at any distance', () => {
    const running = told(undefined, 'pending 10:00:05', 'running 10:00:21');
    expect(doubtOf(told(running, 'stopped 10:00:22'))).toBe('illegal_step');
    expect(doubtOf(told(running, 'pending 10:00:21'))).toBe('illegal_step');
    expect(told(anInstance(), 'stopped 23:00:00')).toMatchObject({
      cloud: { state: 'stopped', verify: { reason: 'illegal_step' } },
    });
    expect(told(anInstance(), 'running 23:00:00')).toMatchObject({
      cloud: { state: 'running', verify: { reason: 'illegal_step' } },
    });
  });

  it('arises where a late event has no place', () => {
    const stopped = told(anInstance(), 'stopping 10:30:00', 'stopped 10:30:30');
    expect(doubtOf(told(stopped, 'running 10:30:27'))).toBe('illegal_step');
  });

  it('ends when the missing transition arrives, in whatever order', () => {
    const gap = told(undefined, 'pending 10:00:05', 'stopping 10:30:00');
    expect(doubtOf(gap)).toBe('illegal_step');
    expect(told(gap, 'running 10:00:21')).toMatchObject({
      cloud: { state: 'stopping', runningAt: clock('10:00:21'), verify: null },
    });
  });

  it('asks once, since the event was received, and never stops an update', () => {
    const first = merge(anInstance(), { state: 'stopped', at: clock('10:30:00'), receivedAt: clock('10:30:09') });
    expect(first).toMatchObject({ needsDescribe: true, instance: { cloud: { verify: { since: clock('10:30:09') } } } });
    const second = merge(first.instance, { state: 'running', at: clock('10:40:00') });
    expect(second).toMatchObject({
      needsDescribe: false,
      changed: true,
      instance: { cloud: { state: 'running', verify: first.instance.cloud.verify } },
    });
  });
});

describe('rule 9: failed starts', () => {
  const failed = told(undefined, 'pending 10:00:05', 'stopped 10:00:30');

  it('a late `running` withdraws one', () => {
    expect(failed).toMatchObject({
      management: { reason: 'start_failed' },
      cloud: { failedStart: { reason: 'unknown' } },
    });
    const record = told(failed, 'running 10:00:20');
    expect(record).toMatchObject({
      cloud: { state: 'stopped', failedStart: null },
      management: { reason: 'awaiting_enrollment' },
    });
    expect(record.cloud.runningAt).toBe(clock('10:00:20'));
    expect(merge(record, { state: 'running', at: clock('10:00:20') }).changed).toBe(false);
  });

  it('a late `running` withdraws one that ended in termination', () => {
    const ended = told(undefined, 'pending 10:00:05', 'terminated 10:05:00');
    expect(ended.management.reason).toBe('start_failed');
    expect(told(ended, 'running 10:00:20')).toMatchObject({
      cloud: { state: 'terminated', failedStart: null },
      management: { reason: 'ended_unenrolled' },
    });
  });

  it('a `running` of an earlier start withdraws nothing', () => {
    expect(told(failed, 'running 09:00:00').cloud.failedStart).not.toBeNull();
  });

  it('the ledger stays in the order of its stamps', () => {
    const states = told(failed, 'running 10:00:20').cloud.ledger.map((entry) => entry.split('@')[0]);
    expect(states).toEqual(['pending', 'running', 'stopped']);
  });

  it('of one stamp, the lower rank comes first in the ledger', () => {
    const record = told(undefined, 'pending 10:00:05', 'terminated 10:00:20', 'running 10:00:20');
    expect(record.cloud.ledger.map((entry) => entry.split('@')[0])).toEqual(['pending', 'running', 'terminated']);
  });
});

describe('an event is not believed', () => {
  it.each([
    ['stamped more than five minutes ahead', { at: clock('11:00:00'), receivedAt: clock('10:54:59') }],
    ['stamped more than 25 days ago', { at: clock('11:00:00'), receivedAt: clock('11:00:01') + 25 * 86_400_000 }],
  ])('%s', (_, stamps) => {
    const record = anInstance();
    expect(merge(record, { state: 'stopping', ...stamps })).toMatchObject({ changed: false, instance: record });
    expect(merge(undefined, { state: 'stopping', ...stamps }).changed).toBe(false);
  });

  it('any further off, but believed just inside', () => {
    const ahead = { at: clock('11:00:00'), receivedAt: clock('10:55:00') };
    expect(merge(anInstance(), { state: 'stopping', ...ahead }).changed).toBe(true);
    const old = { at: clock('11:00:00'), receivedAt: clock('11:00:00') + 25 * 86_400_000 };
    expect(merge(anInstance(), { state: 'stopping', ...old }).changed).toBe(true);
  });
});
