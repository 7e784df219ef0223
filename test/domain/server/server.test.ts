import { describe, expect, it } from 'vitest';
import { serverConditions } from '#shared/domain/server/conditions.ts';
import { attach, effectiveState, pastKept, sameInstance } from '#shared/domain/server/server.ts';
import { aServer } from '#test/build/a-launch.ts';
import { aKey, anInstance, clock } from '#test/build/an-instance.ts';

const enrolled = { id: 'a', version: '1.0.0', bootId: 'b', enrolledAt: clock('10:05:00') };
const agent = { ...enrolled, state: 'operational', stateAt: clock('10:06:00') };

describe('the effective state of a server', () => {
  it('is `inactive` with no current instance, or an ended one', () => {
    expect(effectiveState(null)).toBe('inactive');
    expect(effectiveState(anInstance({ agent, cloud: { state: 'terminated' } }))).toBe('inactive');
  });

  it.each(['unknown', 'pending', 'stopping', 'stopped', 'shutting-down'] as const)(
    'is the cloud’s word, `%s`, whatever the agent said and the deadline did',
    (state) => {
      const stranded = { management: { status: 'discovered-only', reason: 'deadline_passed' } } as const;
      expect(effectiveState(anInstance({ agent, cloud: { state } }))).toBe(state);
      expect(effectiveState(anInstance({ ...stranded, cloud: { state } }))).toBe(state);
    },
  );

  it('is `stranded in booting` while it runs past its deadline', () => {
    const stranded = { management: { status: 'discovered-only', reason: 'deadline_passed' } } as const;
    expect(effectiveState(anInstance(stranded))).toBe('stranded in booting');
  });

  it.each(['released', 'blocked'] as const)('is `unknown` while an instance runs that was %s', (managementReason) => {
    expect(effectiveState(anInstance({ management: { status: 'discovered-only', reason: managementReason } }))).toBe(
      'unknown',
    );
  });

  it('is the agent’s word while it runs, else `booting`', () => {
    expect(effectiveState(anInstance({ agent }))).toBe('operational');
    expect(effectiveState(anInstance({ agent: { ...agent, state: null } }))).toBe('booting');
    expect(effectiveState(anInstance())).toBe('booting');
  });

  it('is `booting` after a restart until the agent gives its word anew', () => {
    const restarted = { cloud: { epoch: clock('11:00:00') }, agent };
    expect(effectiveState(anInstance(restarted))).toBe('booting');
    const anew = { ...agent, stateAt: clock('11:00:30') };
    expect(effectiveState(anInstance({ ...restarted, agent: anew }))).toBe('operational');
  });
});

describe('attaching', () => {
  const other = { ...aKey, instanceId: 'i-0aaaaaaaaaaaaaaaa' };

  it('makes the instance the current one; the one before goes into the history', () => {
    const second = attach(attach(aServer(), aKey), other);
    expect(second).toMatchObject({ instance: other, past: [aKey] });
  });

  it('of the current instance changes nothing', () => {
    const server = attach(aServer(), aKey);
    expect(attach(server, anInstance())).toBe(server);
  });

  it('takes the key alone, and keeps the last ten', () => {
    const keys = Array.from({ length: 13 }, (_, n) => ({ ...aKey, instanceId: `i-${n}` }));
    const server = keys.reduce(attach, attach(aServer(), anInstance()));
    expect(server.past).toHaveLength(pastKept);
    expect(server.past.at(-1)).toEqual(keys[11]);
  });

  it('tells instances apart by account, region and id', () => {
    expect(sameInstance(aKey, anInstance())).toBe(true);
    expect(sameInstance(aKey, { ...aKey, account: '999999999999' })).toBe(false);
    expect(sameInstance(aKey, { ...aKey, region: 'eu-west-1' })).toBe(false);
    expect(sameInstance(aKey, other)).toBe(false);
  });
});

describe('the conditions of a server', () => {
  const brief = (conditions: ReturnType<typeof serverConditions>) =>
    conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);

  it('without an instance tell of its launch alone', () => {
    expect(brief(serverConditions(aServer(), null))).toEqual(['Launched false never_launched']);
    expect(brief(serverConditions(aServer({ launchState: 'requested' }), null))).toEqual([
      'Launched unknown launch_requested',
    ]);
    expect(brief(serverConditions(aServer({ launchState: 'token_mismatch' }), null))).toEqual([
      'Launched false token_mismatch',
    ]);
  });

  it('with one tell of its launch, its state, its enrollment and any doubt', () => {
    expect(brief(serverConditions(aServer(), anInstance()))).toEqual([
      'Launched true instance_attached',
      'Running true running',
      'Enrolled unknown awaiting_enrollment',
      'StateConfirmed true nothing_contradicts',
    ]);
  });

  it('tell what went wrong', () => {
    const failed = anInstance({
      cloud: {
        state: 'stopped',
        failedStart: { at: clock('10:00:21'), reason: 'Server.InsufficientInstanceCapacity' },
        verify: { reason: 'illegal_step', since: clock('10:00:30') },
      },
      management: { status: 'discovered-only', reason: 'deadline_passed' },
    });
    expect(brief(serverConditions(aServer(), failed))).toEqual([
      'Launched true instance_attached',
      'Running false Server.InsufficientInstanceCapacity',
      'Enrolled false deadline_passed',
      'StateConfirmed unknown illegal_step',
    ]);
  });

  it('do not know who is enrolled where two machines speak as one', () => {
    const conflict = { reason: 'broken_chain', since: clock('11:00:00') } as const;
    const instance = anInstance({ management: { status: 'enrolled', reason: 'launched' }, identity: { conflict } });
    expect(serverConditions(aServer(), instance)).toContainEqual({
      ...{ type: 'Enrolled', status: 'unknown', reason: 'identity_conflict', since: clock('11:00:00') },
      facts: { agentId: null },
    });
  });

  it('know that nothing is known yet', () => {
    expect(brief(serverConditions(aServer(), anInstance({ cloud: { state: 'unknown' } })))[1]).toBe(
      'Running unknown unknown',
    );
  });
});
