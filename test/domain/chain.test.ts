import { describe, expect, it } from 'vitest';
import { continuationOf } from '#shared/domain/chain.ts';
import { decideCheckin } from '#shared/domain/check-in.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { anInstance, clock } from '../build/an-instance.ts';

const taken = { agentId: 'agent', link: 'b', seq: 10 };

describe('a check-in continues the chain', () => {
  it.each([
    ['with the next link', { link: 'c', previousLink: 'b', seq: 11 }, 'next'],
    ['with the same link again', { link: 'b', previousLink: 'a', seq: 11 }, 'repeat'],
    ['and not with a link that knows nothing of the last', { link: 'c', previousLink: 'a', seq: 11 }, 'broken'],
    ['and not with a first link', { link: 'c', previousLink: null, seq: 11 }, 'broken'],
    ['too late, with whatever link', { link: 'x', previousLink: 'y', seq: 10 }, 'late'],
    ['too late, though the link is right', { link: 'c', previousLink: 'b', seq: 9 }, 'late'],
  ] as const)('%s', (_, sent, continuation) => {
    expect(continuationOf(taken, { agentId: 'agent', ...sent })).toBe(continuation);
  });

  it('of its own key: another key begins another chain, and so does the first check-in', () => {
    const sent = { link: 'x', previousLink: 'y', seq: 1 };
    expect(continuationOf(taken, { agentId: 'another', ...sent })).toBe('next');
    expect(continuationOf(undefined, { agentId: 'agent', ...sent })).toBe('next');
  });
});

describe('the number to go on from', () => {
  it('is so far ahead that no other check-in comes between: then the link alone decides', () => {
    const agent = {
      id: 'agent',
      version: '',
      bootId: 'b0',
      enrolledAt: 0,
      state: 'operational',
      stateAt: clock('10:30:00'),
    };
    const instance = anInstance({ management: 'enrolled', managementReason: 'launched', agent });
    const said = { instanceId: instance.instanceId, bootId: 'b0', state: 'operational', link: 'x', previousLink: 'y' };
    const lease = { ...taken, lastSeenAt: clock('11:00:00') };
    const given = { agentId: 'agent', said, instance, now: clock('11:00:30') };
    const late = decideCheckin({ ...given, seq: 3, lease }, defaultTiming);
    expect(late).toEqual({ decide: 'late', seq: 1010 });
    const meanwhile = { ...lease, seq: 40, link: 'c' };
    const adopted = decideCheckin({ ...given, seq: 1011, lease: meanwhile }, defaultTiming);
    expect(adopted).toEqual({ decide: 'conflict', reason: 'broken_chain' });
  });
});
