import { describe, expect, it } from 'vitest';
import { mergeEnrollment } from '#shared/domain/agent/merge-agent.ts';
import { mergeDescribed } from '#shared/domain/cloud/merge-describe.ts';
import { mergeEvent } from '#shared/domain/cloud/merge-event.ts';
import { type Ending, reenroll, release } from '#shared/domain/enrollment/ending.ts';
import { type DetailType, eventsOf } from '#shared/domain/events/events.ts';
import { mergeTime } from '#shared/domain/instance/deadline.ts';
import { type Instance, withCloud } from '#shared/domain/instance/instance.ts';
import { markSurplus } from '#shared/domain/launch/launch.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { anEvent, anInstance, aSight, clock } from '#test/build/an-instance.ts';
import { anAct } from '#test/build/records.ts';

const told = (
  record: Instance | undefined,
  state: 'pending' | 'running' | 'stopping' | 'stopped' | 'terminated',
  time: string,
) => mergeEvent(record, anEvent({ state, at: clock(time) }), defaultTiming).instance;
const ofType = (type: DetailType, before: Instance | undefined, after: Instance) =>
  eventsOf(before, after).filter(({ detailType }) => detailType === type);
const agent = { id: 'agent-1', version: '1', bootId: 'b', enrolledAt: clock('10:05:00'), state: null, stateAt: null };
const changed = (ending: Ending): Instance => {
  if (ending.do !== 'change') throw new Error(ending.do);
  return ending.instance;
};
const enrolled = (record: Instance, at = clock('10:05:00')) =>
  mergeEnrollment(record, { agent, serverId: 'srv_1', reason: 'launched' }, at).instance;

describe('the events that a change owes', () => {
  it('a new record tells of its state', () => {
    expect(eventsOf(undefined, told(undefined, 'running', '10:00:21'))).toMatchObject([
      {
        detailType: 'Instance State Changed',
        record: '111122223333/us-east-1/i-0123456789abcdef0',
        data: { state: 'running', at: '2026-11-02T10:00:21Z', inferred: false, serverId: null },
      },
    ]);
  });

  it('no change owes none', () => {
    const record = enrolled(told(undefined, 'running', '10:00:21'));
    expect(eventsOf(record, record)).toEqual([]);
    expect(
      eventsOf(record, {
        ...record,
        version: 9,
        cloud: { ...record.cloud, seenAt: 1, verify: { reason: 'illegal_step', since: 1 } },
      }),
    ).toEqual([]);
  });

  it('writes that were merged into one lose no state', () => {
    const before = anInstance();
    const after = told(told(told(before, 'stopping', '11:00:00'), 'stopped', '11:01:00'), 'pending', '12:00:00');
    expect(ofType('Instance State Changed', before, after).map(({ data }) => data.state)).toEqual([
      'stopping',
      'stopped',
      'pending',
    ]);
  });

  it('a transition that comes after a later one is told as late; its sequence grows all the same', () => {
    const before = { ...told(undefined, 'running', '10:00:21'), version: 1 };
    const after = { ...told(before, 'pending', '10:00:05'), version: 2 };
    expect(eventsOf(before, after)).toMatchObject([{ data: { state: 'pending', late: true, sequence: 20 } }]);
    const [next] = ofType('Instance State Changed', after, { ...told(after, 'stopping', '11:00:00'), version: 3 });
    expect(next?.data).toMatchObject({ state: 'stopping', sequence: 32 });
    expect(next?.data).not.toHaveProperty('late');
  });

  it('an event that corrects the stamp of a transition which a describe showed is not told', () => {
    const answer = aSight({ launchTime: clock('10:00:05'), sentAt: clock('10:00:40') });
    const described = mergeDescribed(undefined, answer, defaultTiming).instance;
    expect(ofType('Instance State Changed', undefined, described)).toMatchObject([{ data: { state: 'running' } }]);
    const corrected = told(described, 'running', '10:00:21');
    expect(corrected.cloud).toMatchObject({ at: clock('10:00:21'), runningAt: clock('10:00:21') });
    expect(eventsOf(described, corrected)).toEqual([]);
  });

  it('a full ledger that was cut tells of nothing old again', () => {
    let before = told(undefined, 'running', '01:00:00');
    for (let hour = 2; hour < 9; hour++) before = told(before, hour % 2 ? 'running' : 'stopping', `0${hour}:00:00`);
    expect(before.cloud.ledger).toHaveLength(8);
    const after = told(before, 'stopped', '10:00:00');
    expect(after.cloud.ledger).toHaveLength(5);
    expect(ofType('Instance State Changed', before, after)).toHaveLength(1);
  });

  it('the same change has the same entry, whoever computes it and however often', () => {
    const before = anInstance();
    const after = told(before, 'stopping', '11:00:00');
    expect(eventsOf(before, after)).toEqual(eventsOf(structuredClone(before), structuredClone(after)));
    const entriesOf = (record: Instance) => eventsOf(before, record).map(({ entry }) => entry);
    expect(entriesOf({ ...after, version: 7 })).toEqual(entriesOf(after));
    const other = mergeEvent(
      before,
      anEvent({ state: 'stopping', at: clock('11:00:00'), id: 'other' }),
      defaultTiming,
    ).instance;
    expect(eventsOf(before, other)[0]?.entry).not.toBe(eventsOf(before, after)[0]?.entry);
  });

  it('an end by inference says so', () => {
    const gone: Instance = {
      ...told(anInstance(), 'terminated', '11:00:00'),
      cloud: { ...told(anInstance(), 'terminated', '11:00:00').cloud, inferred: true },
    };
    expect(ofType('Instance State Changed', anInstance(), gone)).toMatchObject([
      { data: { state: 'terminated', inferred: true } },
    ]);
  });
});

describe('management', () => {
  it('an enrollment is told of once, with its agent and its reason', () => {
    const after = enrolled(anInstance());
    expect(ofType('Instance Enrolled', anInstance(), after)).toMatchObject([
      { data: { agentId: 'agent-1', reason: 'launched', serverId: 'srv_1', at: '2026-11-02T10:05:00Z' } },
    ]);
    const reported = { ...after, agent: { ...agent, state: 'operational', stateAt: clock('10:06:00') } };
    expect(ofType('Instance Enrolled', after, reported)).toEqual([]);
  });

  it('another agent is another enrollment', () => {
    const before = enrolled(anInstance());
    expect(ofType('Instance Enrolled', before, { ...before, agent: { ...agent, id: 'agent-2' } })).toHaveLength(1);
  });

  it('of a key in another’s place says whose, also where an operator had ended that one’s binding', () => {
    const before = enrolled(anInstance());
    const after = { ...before, agent: { ...agent, id: 'agent-2', enrolledAt: clock('11:00:00') } };
    const data = { agentId: 'agent-2', replaces: 'agent-1', at: '2026-11-02T11:00:00Z' };
    expect(ofType('Instance Enrolled', before, after)).toMatchObject([{ data }]);
    const reenroll = { by: 'agent-2', until: clock('11:15:00'), replaces: 'agent-1', proof: null };
    expect(ofType('Instance Enrolled', anInstance({ identity: { reenroll } }), after)).toMatchObject([{ data }]);
    expect(ofType('Instance Enrolled', anInstance(), before)).toMatchObject([{ data: { replaces: null } }]);
  });

  it('a conflict of two machines is told of when it is seen, and once', () => {
    const before = enrolled(anInstance());
    const after: Instance = {
      ...before,
      identity: { ...before.identity, conflict: { reason: 'other_instance', since: clock('11:00:00') } },
    };
    const data = { agentId: 'agent-1', reason: 'other_instance', at: '2026-11-02T11:00:00Z', serverId: 'srv_1' };
    expect(ofType('Instance Identity Conflict', before, after)).toMatchObject([{ data }]);
    expect(ofType('Instance Identity Conflict', after, { ...after, version: 3 })).toEqual([]);
  });

  it('discovered-only is told of with its reason, and once', () => {
    const after = mergeTime(anInstance(), clock('10:15:21'), defaultTiming).instance;
    expect(ofType('Instance Discovered-Only', anInstance(), after)).toMatchObject([
      { data: { reason: 'deadline_passed' } },
    ]);
    expect(ofType('Instance Discovered-Only', after, { ...after, version: 3 })).toEqual([]);
  });

  it('what an operator ended names the operator; what follows by itself names nobody', () => {
    const before = enrolled(told(undefined, 'running', '10:00:21'));
    const after = changed(release(before, clock('11:00:00'), anAct));
    expect(ofType('Instance Discovered-Only', before, after)).toMatchObject([
      { data: { reason: 'released', by: anAct } },
    ]);
    const stopping = told(after, 'stopping', '11:05:00');
    expect(eventsOf(after, stopping).map(({ data }) => data)).toEqual(
      expect.arrayContaining([expect.not.objectContaining({ by: anAct })]),
    );
    const again = enrolled(stopping, clock('11:10:00'));
    const awaited = changed(
      reenroll(before, { by: 'key_1', proof: null, act: anAct }, clock('11:00:00'), defaultTiming),
    );
    const late = mergeTime(awaited, clock('11:15:00'), defaultTiming).instance;
    expect(late.management).toMatchObject({ reason: 'deadline_passed' });
    const ended = told(awaited, 'terminated', '11:05:00');
    expect(ended.management).toMatchObject({ reason: 'ended_unenrolled' });
    for (const one of [again, late, ended]) expect(one.management.act).toBeUndefined();
    expect(ofType('Instance Discovered-Only', awaited, late)[0]?.data).not.toHaveProperty('by');
  });

  it('a failed start is told of when it fails, and once more when EC2 names the reason', () => {
    const pending = told(undefined, 'pending', '10:00:05');
    const failed = told(pending, 'stopped', '10:00:30');
    expect(ofType('Instance Start Failed', pending, failed)).toMatchObject([{ data: { reason: 'unknown' } }]);
    const named = withCloud(failed, { failedStart: { at: clock('10:00:30'), reason: 'Server.InternalError' } });
    const toldAgain = ofType('Instance Start Failed', failed, named);
    expect(toldAgain).toMatchObject([{ data: { reason: 'Server.InternalError', at: '2026-11-02T10:00:30Z' } }]);
    expect(toldAgain[0]?.entry).not.toBe(ofType('Instance Start Failed', pending, failed)[0]?.entry);
    expect(ofType('Instance Start Failed', named, { ...named, version: 3 })).toEqual([]);
  });

  it('surplus is told of once, with the launch', () => {
    const before = anInstance({ assignment: { launchId: 'lch_1', serverId: 'srv_1' } });
    const after = markSurplus(before, clock('10:10:00'));
    expect(ofType('Instance Surplus', before, after)).toMatchObject([{ data: { launchId: 'lch_1' } }]);
    expect(ofType('Instance Surplus', after, { ...after, version: 3 })).toEqual([]);
  });
});

describe('servers', () => {
  it('a change of the effective state is told of, with what it was', () => {
    const before = anInstance({ assignment: { serverId: 'srv_1' } });
    const after = { ...told(before, 'stopping', '11:00:00'), version: 4 };
    expect(ofType('Server State Changed', before, after)).toMatchObject([
      {
        record: 'srv_1',
        entry: '111122223333/us-east-1/i-0123456789abcdef0@4',
        data: { state: 'stopping', previousState: 'booting' },
      },
    ]);
  });

  it('a newly attached instance gives the server its first word', () => {
    const after = anInstance({ assignment: { serverId: 'srv_1' } });
    expect(ofType('Server State Changed', anInstance(), after)).toMatchObject([
      { data: { state: 'booting', previousState: null } },
    ]);
  });

  it('an instance without a server owes none', () => {
    expect(ofType('Server State Changed', undefined, anInstance())).toEqual([]);
  });
});
