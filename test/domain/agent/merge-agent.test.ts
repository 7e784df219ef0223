import { describe, expect, it } from 'vitest';
import {
  markConflict,
  mergeCheckin,
  mergeEnrollment,
  noteAttempt,
  replayEnrollment,
} from '#shared/domain/agent/merge-agent.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { aKey, anInstance, clock } from '#test/build/an-instance.ts';

const agent = {
  id: 'a'.repeat(43),
  version: '1.0.0',
  bootId: 'b1',
  enrolledAt: clock('10:05:00'),
  state: null,
  stateAt: null,
};
const enroll = (record = anInstance(), at = clock('10:05:00')) =>
  mergeEnrollment(record, { agent, serverId: 'srv_1', reason: 'launched' }, at);
const stopped = anInstance({ cloud: { state: 'stopped', at: clock('10:05:00') } });
const ended = anInstance({ cloud: { state: 'terminated', at: clock('10:05:00') } });

describe('an enrollment', () => {
  it('makes the instance managed, for its reason, since it was received', () => {
    expect(enroll().instance).toMatchObject({
      agent,
      management: { status: 'enrolled', reason: 'launched', since: clock('10:05:00') },
      assignment: { serverId: 'srv_1' },
    });
  });

  it('sets no cloud state', () => {
    const {
      cloud: { state, at, epoch, ledger },
    } = anInstance();
    expect(enroll().instance).toMatchObject({ cloud: { state, at, epoch, ledger, verify: null } });
  });

  it('wins over discovered-only, and takes the note of a refused attempt away', () => {
    const late = anInstance({ management: { status: 'discovered-only', reason: 'deadline_passed' } });
    const attempt = { at: clock('10:04:00'), code: 'grant_missing', reference: 'r' };
    expect(enroll({ ...late, identity: { ...late.identity, refusedAttempt: attempt } }).instance).toMatchObject({
      management: { status: 'enrolled' },
      identity: { refusedAttempt: null },
    });
  });

  it('ends a conflict and a re-enrollment', () => {
    const reenroll = { by: agent.id, until: clock('10:20:00'), replaces: 'old', proof: null };
    const waiting = anInstance({
      identity: { reenroll, conflict: { reason: 'broken_chain', since: clock('10:04:00') } },
    });
    expect(enroll(waiting).instance).toMatchObject({ identity: { conflict: null, reenroll: null } });
  });

  it('of another key for the same reason leaves it managed since when it was', () => {
    const before = enroll().instance;
    const next = { ...agent, id: 'n'.repeat(43) };
    const reason = 'launched' as const;
    const after = mergeEnrollment(before, { agent: next, serverId: 'srv_1', reason }, clock('12:00:00')).instance;
    expect(after).toMatchObject({ agent: next, management: { since: clock('10:05:00') } });
  });

  it('replayed twice binds once', () => {
    const first = replayEnrollment(undefined, aKey, clock('10:05:00'));
    expect(first.instance).toMatchObject({ management: { status: 'enrolled' }, cloud: { state: 'unknown' } });
    expect(replayEnrollment(first.instance, aKey, clock('10:06:00'))).toEqual({
      instance: first.instance,
      changed: false,
      needsDescribe: false,
    });
  });
});

describe('rule 7: a word from an agent', () => {
  it.each([
    ['stopped', stopped],
    ['terminated', ended],
  ])('more than 10 s after `%s` raises doubt and asks', (_, record) => {
    const outcome = mergeCheckin(record, clock('10:05:10') + 1);
    expect(outcome).toMatchObject({ changed: true, needsDescribe: true });
    expect(outcome.instance).toEqual({
      ...record,
      cloud: { ...record.cloud, verify: { reason: 'alive_when_ended', since: clock('10:05:10') + 1 } },
    });
  });

  it('within 10 s may have been under way: no doubt', () => {
    expect(mergeCheckin(stopped, clock('10:05:10'))).toMatchObject({ changed: false, instance: stopped });
  });

  it.each(['pending', 'running', 'stopping', 'shutting-down', 'unknown'] as const)('contradicts no `%s`', (state) => {
    expect(mergeCheckin(anInstance({ cloud: { state } }), clock('23:00:00')).changed).toBe(false);
  });

  it('an enrollment raises the same doubt', () => {
    expect(enroll(stopped, clock('10:06:00'))).toMatchObject({
      needsDescribe: true,
      instance: { cloud: { state: 'stopped', verify: { reason: 'alive_when_ended' } } },
    });
  });

  it('vetoes absence', () => {
    const missed = anInstance({ cloud: { absent: { seenAt: clock('10:01:00'), since: clock('10:07:00') } } });
    expect(mergeCheckin(missed, clock('10:08:00'))).toMatchObject({
      changed: true,
      instance: { cloud: { absent: null } },
    });
  });
});

describe('a conflict', () => {
  const enrolled = enroll().instance;
  it('is marked once, on the agent that it is about', () => {
    const marked = markConflict(enrolled, agent.id, 'broken_chain', clock('11:00:00'));
    expect(marked.instance.identity.conflict).toEqual({ reason: 'broken_chain', since: clock('11:00:00') });
    expect(markConflict(marked.instance, agent.id, 'rotated_key', clock('12:00:00')).changed).toBe(false);
    expect(markConflict(enrolled, 'another', 'broken_chain', clock('11:00:00')).changed).toBe(false);
  });
});

describe('a refused attempt', () => {
  it('is noted at most once an hour', () => {
    const attempt = (time: string) => ({ at: clock(time), code: 'grant_missing', reference: time });
    const noted = noteAttempt(anInstance(), attempt('10:10:00'), defaultTiming);
    expect(noted).toMatchObject({
      changed: true,
      instance: { identity: { refusedAttempt: attempt('10:10:00') }, management: { status: 'pending' } },
    });
    expect(noteAttempt(noted.instance, attempt('11:09:59'), defaultTiming).changed).toBe(false);
    expect(noteAttempt(noted.instance, attempt('11:10:00'), defaultTiming).changed).toBe(true);
  });
});
