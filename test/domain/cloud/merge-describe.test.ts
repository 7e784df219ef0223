import { describe, expect, it } from 'vitest';
import { type DescribedState, mergeDescribed, transitionTime } from '#shared/domain/cloud/merge-describe.ts';
import { mergeEvent } from '#shared/domain/cloud/merge-event.ts';
import { type Ec2State, type Instance, newInstance, withCloud } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { aKey, anEvent, anInstance, aSight, clock, withParts } from '#test/build/an-instance.ts';

const merge = (record: Instance | undefined, sight: Partial<DescribedState> = {}) =>
  mergeDescribed(record, aSight(sight), defaultTiming);
const doubted = { reason: 'illegal_step', since: clock('10:00:30') } as const;
const provisional = { cloud: { epoch: clock('10:00:06'), epochNamed: false } };
const stopped = anInstance({
  cloud: { state: 'stopped', at: clock('11:00:30'), stoppedAt: clock('11:00:30') },
});
/** Started again at 12:00, by `pending`; EC2 has not named the start. */
const restarted = anInstance({
  cloud: {
    state: 'pending',
    at: clock('12:00:00'),
    epoch: clock('12:00:00'),
    epochNamed: false,
    stoppedAt: clock('11:00:30'),
    runningAt: null,
  },
});

describe('reading what EC2 says', () => {
  it('the time in StateTransitionReason, where it holds one', () => {
    expect(transitionTime('User initiated (2026-11-02 10:00:21 GMT)')).toBe(clock('10:00:21'));
    for (const text of [
      '',
      'User initiated',
      'Server.InternalError',
      'User initiated (2026-02-30 10:00:21 GMT)',
      undefined,
    ]) {
      expect(transitionTime(text)).toBeNull();
    }
  });
});

describe('the first sight of an instance', () => {
  it('makes a record, stamped with its LaunchTime and with a named epoch', () => {
    const { instance, changed, needsDescribe } = merge(undefined);
    expect(instance).toMatchObject({
      cloud: { state: 'running', at: clock('10:00:05'), epoch: clock('10:00:05'), epochNamed: true },
    });
    expect({ changed, needsDescribe }).toEqual({ changed: true, needsDescribe: false });
  });

  it('is stamped with its transition’s time if that is later', () => {
    const sight = { state: 'stopped', transitionAt: clock('10:00:40') } as const;
    expect(merge(undefined, sight).instance).toMatchObject({ cloud: { state: 'stopped', at: clock('10:00:40') } });
  });

  it('tells a record that an enrollment made of the cloud', () => {
    const enrolled = withParts(newInstance(aKey, clock('10:00:50')), { management: { status: 'enrolled' } });
    expect(merge(enrolled).instance).toMatchObject({ cloud: { state: 'running' }, management: { status: 'enrolled' } });
  });
});

describe('an answer that is equal', () => {
  it('changes nothing that is worth a write, and moves no stamp', () => {
    const outcome = merge(anInstance());
    expect(outcome).toMatchObject({ changed: false, needsDescribe: false });
    expect(outcome.instance).toEqual(anInstance({ cloud: { seenAt: clock('10:01:00') } }));
  });

  it('names a provisional epoch and opens none', () => {
    const { instance, changed } = merge(anInstance(provisional));
    expect(instance).toMatchObject({
      cloud: { epoch: clock('10:00:05'), epochNamed: true, runningAt: clock('10:00:21'), at: clock('10:00:21') },
    });
    expect(changed).toBe(true);
  });

  it('leaves a named epoch its name, though its LaunchTime differs by up to 10 s', () => {
    expect(merge(anInstance(), { launchTime: clock('10:00:15') })).toMatchObject({
      changed: false,
      instance: { cloud: { epoch: clock('10:00:05') } },
    });
  });

  it('clears doubt and absence', () => {
    const absent = { seenAt: clock('10:00:21'), since: null };
    expect(merge(anInstance({ cloud: { verify: doubted, absent } }))).toMatchObject({
      changed: true,
      instance: { cloud: { verify: null, absent: null } },
    });
  });

  it('clears no doubt that arose after its request was sent; EC2 is asked again', () => {
    const outcome = merge(anInstance({ cloud: { verify: doubted } }), { sentAt: clock('10:00:29') });
    expect(outcome).toMatchObject({ changed: false, needsDescribe: true, instance: { cloud: { verify: doubted } } });
  });

  it('of an epoch that is over is none: a running instance whose LaunchTime is more than 10 s old for the named start', () => {
    const outcome = merge(anInstance({ cloud: { verify: doubted } }), { launchTime: clock('09:59:54') });
    expect(outcome).toMatchObject({ changed: false, needsDescribe: true, instance: { cloud: { verify: doubted } } });
    expect(
      merge(anInstance({ cloud: { verify: doubted } }), { launchTime: clock('09:59:55') }).instance.cloud.verify,
    ).toBeNull();
  });

  it('starts the enrollment clock of a start that no event told of', () => {
    const record = anInstance(provisional, { cloud: { at: clock('11:00:20'), runningAt: clock('10:00:21') } });
    const { instance } = merge(record, { launchTime: clock('11:00:00'), sentAt: clock('11:01:00') });
    expect(instance).toMatchObject({ cloud: { epoch: clock('11:00:00'), runningAt: clock('11:00:20') } });
  });

  it('names why a start failed', () => {
    const failed = anInstance({
      cloud: { state: 'stopped', runningAt: null, failedStart: { at: clock('10:00:21'), reason: 'unknown' } },
    });
    const outcome = merge(failed, { state: 'stopped', stateReason: 'Server.InsufficientInstanceCapacity' });
    expect(outcome).toMatchObject({
      changed: true,
      instance: { cloud: { failedStart: { reason: 'Server.InsufficientInstanceCapacity' } } },
    });
  });

  it('tells of a failed start that no event told of, by StateReason alone', () => {
    const ended = anInstance({ cloud: { state: 'terminated', runningAt: null } });
    const named = merge(ended, { state: 'terminated', stateReason: 'Client.VolumeLimitExceeded' }).instance;
    expect(named).toMatchObject({
      management: { reason: 'start_failed' },
      cloud: { failedStart: { reason: 'Client.VolumeLimitExceeded' } },
    });
    expect(
      merge(ended, { state: 'terminated', stateReason: 'Client.UserInitiatedShutdown' }).instance.cloud.failedStart,
    ).toBeNull();
  });

  it('makes an inferred end certain', () => {
    const inferred = anInstance({ cloud: { state: 'terminated', inferred: true } });
    expect(merge(inferred, { state: 'terminated' })).toMatchObject({
      changed: true,
      instance: { cloud: { inferred: false } },
    });
  });
});

describe('an answer that is ahead', () => {
  it('of a higher rank in the present epoch applies, stamped with its transition’s time', () => {
    const outcome = merge(anInstance(), { state: 'stopping', transitionAt: clock('10:00:50') });
    expect(outcome).toMatchObject({
      changed: true,
      instance: { cloud: { state: 'stopping', at: clock('10:00:50'), source: 'describe' } },
    });
  });

  it('never moves the stamp back', () => {
    expect(merge(anInstance(), { state: 'stopped', transitionAt: clock('10:00:20') }).instance.cloud.at).toBe(
      clock('10:00:21'),
    );
  });

  it('clears doubt', () => {
    expect(merge(anInstance({ cloud: { verify: doubted } }), { state: 'stopped' }).instance.cloud.verify).toBeNull();
  });

  it('whose LaunchTime is more than 10 s after the named one opens a new epoch, whatever its rank', () => {
    const sight = { state: 'running', launchTime: clock('12:00:00'), sentAt: clock('12:01:00') } as const;
    expect(merge(stopped, sight).instance).toMatchObject({
      cloud: {
        state: 'running',
        epoch: clock('12:00:00'),
        epochNamed: true,
        at: clock('12:00:00'),
        runningAt: clock('12:00:00'),
      },
    });
  });

  it('unnamed, a LaunchTime after the stop on record opens one', () => {
    const unnamed = withParts(stopped, provisional);
    const sight = { state: 'pending', launchTime: clock('11:00:31'), sentAt: clock('11:01:00') } as const;
    expect(merge(unnamed, sight).instance).toMatchObject({ cloud: { state: 'pending', epoch: clock('11:00:31') } });
  });

  it('unnamed, a LaunchTime 10 s after the stamp opens one', () => {
    const running = anInstance(provisional);
    const sight = (launchTime: string) => merge(running, { state: 'pending', launchTime: clock(launchTime) }).instance;
    expect(sight('10:00:32')).toMatchObject({ cloud: { state: 'pending', epoch: clock('10:00:32') } });
    expect(sight('10:00:31')).toMatchObject({ cloud: { state: 'running', epochNamed: false } });
  });

  it('is stale, and does not apply, if its transition is more than two seconds before the stamp', () => {
    const shown = (transitionAt: string) =>
      merge(restarted, {
        state: 'stopped',
        launchTime: clock('12:00:00'),
        transitionAt: clock(transitionAt),
        sentAt: clock('12:00:10'),
      });
    expect(shown('11:59:57')).toMatchObject({ changed: false, instance: { cloud: { state: 'pending' } } });
    expect(shown('11:59:58').instance.cloud.state).toBe('stopped');
  });

  it('is stale if its request was sent more than two seconds before the stamp', () => {
    expect(merge(anInstance(), { state: 'stopped', sentAt: clock('10:00:18') }).changed).toBe(false);
    expect(merge(anInstance(), { state: 'stopped', sentAt: clock('10:00:19') }).changed).toBe(true);
  });
});

describe('an answer of an epoch that is over', () => {
  it('unnamed: a LaunchTime before the stop that ended the previous one', () => {
    const outcome = merge(restarted, { state: 'stopped', launchTime: clock('10:00:05'), sentAt: clock('12:00:10') });
    expect(outcome).toMatchObject({ changed: false, instance: { cloud: { state: 'pending', epochNamed: false } } });
  });

  it('unnamed and stopped again: the ledger still knows the stop before', () => {
    const record = [
      'pending 10:00:05',
      'running 10:00:20',
      'stopped 11:00:00',
      'pending 12:00:00',
      'running 12:00:20',
      'stopped 12:02:00',
    ]
      .map((text) => text.split(' '))
      .reduce<Instance | undefined>(
        (it, [state, time = '']) =>
          mergeEvent(it, anEvent({ state: state as DescribedState['state'], at: clock(time) }), defaultTiming).instance,
        undefined,
      );
    const old = { state: 'stopped', launchTime: clock('10:00:05'), sentAt: clock('12:02:10') } as const;
    expect(merge(record, old).instance).toMatchObject({ cloud: { epoch: clock('12:00:00'), epochNamed: false } });
    expect(merge(record, { ...old, launchTime: clock('12:00:00') }).instance).toMatchObject({
      cloud: { epochNamed: true },
    });
  });

  it('a start that `pending` opened is not named by a LaunchTime more than 10 s before it', () => {
    const running = withCloud(restarted, { state: 'running', at: clock('12:00:20'), runningAt: clock('12:00:20') });
    const shown = (launchTime: string) =>
      merge(running, { launchTime: clock(launchTime), sentAt: clock('12:00:30') }).instance;
    expect(shown('11:30:00')).toMatchObject({ cloud: { epochNamed: false } });
    expect(shown('11:59:55')).toMatchObject({ cloud: { epochNamed: true, epoch: clock('11:59:55') } });
  });
});

describe('an answer that is behind', () => {
  const after = { state: 'running', sentAt: clock('11:05:30') } as const;

  it('changes nothing before S has passed, and is asked again only where there is doubt', () => {
    expect(merge(stopped, after)).toEqual({ instance: stopped, changed: false, needsDescribe: false });
    const inDoubt = withCloud(stopped, { verify: doubted });
    expect(merge(inDoubt, after)).toEqual({ instance: inDoubt, changed: false, needsDescribe: true });
  });

  it('applies if it was sent more than S after the stamp, stamped S before it was sent', () => {
    const outcome = merge(stopped, { ...after, sentAt: clock('11:05:31') });
    expect(outcome.instance).toMatchObject({
      cloud: { state: 'running', at: clock('11:00:31'), verify: null, epoch: clock('10:00:05') },
    });
  });

  it('where a describe wrote the record, S counts from when that was sent', () => {
    const record: Instance = { ...stopped, cloud: { ...stopped.cloud, source: 'describe', seenAt: clock('11:03:00') } };
    expect(merge(record, { ...after, sentAt: clock('11:08:00') }).changed).toBe(false);
    expect(merge(record, { ...after, sentAt: clock('11:08:01') }).changed).toBe(true);
  });

  it('shows at least that the instance is there: what sweeps missed counts anew', () => {
    const missed = withCloud(stopped, { absent: { seenAt: clock('10:50:00'), since: clock('11:00:00') } });
    expect(merge(missed, after)).toMatchObject({
      changed: true,
      instance: { cloud: { absent: { seenAt: after.sentAt, since: null } } },
    });
  });
});

describe('rule 1: what EC2 called terminated', () => {
  const ended = anInstance({ cloud: { state: 'terminated', at: clock('11:00:00') } });

  it('is undone only by an answer sent more than S later, with an alarm', () => {
    expect(merge(ended, { sentAt: clock('11:05:00') })).toMatchObject({ changed: false });
    const outcome = merge(ended, { sentAt: clock('11:05:01') });
    expect(outcome).toMatchObject({
      alarm: 'terminated_undone',
      instance: { cloud: { state: 'running', at: clock('11:00:01') } },
    });
  });

  it('is undone at once if it was only inferred from absence', () => {
    const inferred: Instance = {
      ...ended,
      cloud: { ...ended.cloud, inferred: true, source: 'absence' },
      management: { ...ended.management, reason: 'ended_unenrolled' },
    };
    const outcome = merge(inferred, { sentAt: clock('11:00:01') });
    expect(outcome).toMatchObject({ alarm: 'termination_inferred_wrongly' });
    expect(outcome.instance).toMatchObject({
      cloud: { state: 'running', inferred: false },
      management: { reason: 'awaiting_enrollment' },
    });
    expect(merge(inferred, { sentAt: clock('10:59:59') }).changed).toBe(false);
  });
});

describe('an answer from before the stop on record', () => {
  it('opens no epoch, however much later than the named one its LaunchTime is', () => {
    const sentAt = clock('11:01:00');
    const { instance, needsDescribe } = merge(stopped, { state: 'running', launchTime: clock('11:00:00'), sentAt });
    expect([instance, needsDescribe]).toEqual([stopped, false]);
  });

  it('applies once EC2 has had S to catch up', () => {
    const { instance } = merge(stopped, { state: 'running', launchTime: clock('11:00:00'), sentAt: clock('11:05:31') });
    expect(instance).toMatchObject({ cloud: { state: 'running', epoch: clock('11:00:00') } });
  });
});

it('an answer that settles a doubt leaves what the next event would read off the ledger', () => {
  const event = (record: Instance | undefined, state: Ec2State, time: string) =>
    mergeEvent(record, anEvent({ state, at: clock(time), id: `${state} ${time}` }), defaultTiming).instance;
  const asked = (record: Instance, state: Ec2State, time: string) =>
    mergeDescribed(record, aSight({ state, launchTime: clock('10:00:00'), sentAt: clock(time) }), defaultTiming)
      .instance;
  const running = asked(event(undefined, 'pending', '10:00:00'), 'running', '10:00:01');
  // Twice running within one start: no legal history
  const doubted = event(event(running, 'running', '10:00:04'), 'stopping', '10:00:05');
  expect(doubted.cloud.verify).not.toBeNull();
  const settled = asked(doubted, 'stopping', '10:00:10');
  expect(settled.cloud.verify).toBeNull();
  const { epoch, runningAt, failedStart } = event(settled, 'shutting-down', '10:00:30').cloud;
  expect(settled.cloud).toMatchObject({ epoch, runningAt, failedStart });
});
