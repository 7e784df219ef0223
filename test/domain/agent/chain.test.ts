import { describe, expect, it } from 'vitest';
import { maxSeq } from '#protocol/token.ts';
import { continuationOf, type TakenLink } from '#shared/domain/agent/chain.ts';
import { type CheckinCase, decideCheckin } from '#shared/domain/agent/check-in.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { anInstance, clock } from '#test/build/an-instance.ts';

const taken = { agentId: 'agent', link: 'b', seq: 10 };

const stranger = { link: 'x', previousLink: 'y' };

describe('a check-in continues the chain', () => {
  it.each([
    ['with the next link', { link: 'c', previousLink: 'b', seq: 11 }, 'next'],
    ['with the same link again', { link: 'b', previousLink: 'a', seq: 11 }, 'repeat'],
    ['and not with a link that knows nothing of the last', { link: 'c', previousLink: 'a', seq: 11 }, 'broken'],
    ['and not with a first link', { link: 'c', previousLink: null, seq: 11 }, 'broken'],
    ['too late, with whatever link', { link: 'x', previousLink: 'y', seq: 10 }, 'late'],
    ['too late, though the link is right', { link: 'c', previousLink: 'b', seq: 9 }, 'late'],
    ['by its link alone, once it was told of that', { ...stranger, seq: 9, knowsOfOvertaking: true }, 'broken'],
    ['as another, who drew that link', { link: 'c', previousLink: 'b', seq: 9, knowsOfOvertaking: true }, 'broken'],
    ['as the very one that was taken', { link: 'b', previousLink: 'a', seq: 10 }, 'seen'],
    ['too late, with the link that was taken', { link: 'b', previousLink: 'a', seq: 9 }, 'late'],
    [
      'as good as heard, where it knows that',
      { link: 'b', previousLink: 'a', seq: 9, knowsOfOvertaking: true },
      'older',
    ],
  ] as const)('%s', (_, sent, continuation) => {
    expect(continuationOf(taken, { agentId: 'agent', knowsOfOvertaking: false, ...sent })).toBe(continuation);
  });

  it('of its own key: another key begins another chain, and so does the first check-in', () => {
    const sent = { ...stranger, seq: 1, knowsOfOvertaking: true };
    expect(continuationOf(taken, { agentId: 'another', ...sent })).toBe('next');
    expect(continuationOf(undefined, { agentId: 'agent', ...sent })).toBe('next');
  });
});

describe('whoever is overtaken', () => {
  const agent = { id: 'agent', version: '', bootId: 'b0', enrolledAt: 0, state: 'operational' } as const;
  const enrolled = { management: { status: 'enrolled', reason: 'launched' } } as const;
  const instance = anInstance({ ...enrolled, agent: { ...agent, stateAt: clock('10:30:00') } });
  const said: CheckinCase['said'] = {
    ...{ instanceId: instance.instanceId, bootId: 'b0', state: 'operational', ...stranger },
  };
  const now = clock('11:00:30');
  const lease = { ...taken, lastSeenAt: clock('11:00:00') };
  const given = { agentId: 'agent', said, instance, now, seq: 3, lease };
  const decide = (fields: Partial<typeof given & { lease: TakenLink }>) => {
    const one = { ...given, ...fields };
    return decideCheckin({ ...one, lease: { ...lease, ...one.lease } }, defaultTiming);
  };
  const conflict = { decide: 'conflict', reason: 'broken_chain' };

  it('is told a number so far ahead that an honest one does not overtake it again', () => {
    expect(decide({})).toEqual({ decide: 'late', seq: 1010, overtakenAt: now, new: true });
    expect(decide({ seq: 1011, lease: { ...lease, seq: 40, link: 'c' } })).toEqual(conflict);
  });

  it('is judged by its link when it comes back, whatever number the other one has sent meanwhile', () => {
    const told = { ...lease, seq: 2 ** 40, overtakenAt: now };
    expect(decide({ seq: 1011, lease: told, said: { ...said, overtakenAt: now } })).toEqual(conflict);
  });

  it('is told the same again within five minutes, and anew after them', () => {
    const told = (at: number) => decide({ lease: { ...lease, overtakenAt: at } });
    expect(told(now - 300_000)).toMatchObject({ overtakenAt: now - 300_000, new: false });
    expect(told(now - 300_001)).toMatchObject({ overtakenAt: now, new: true });
    const old = { ...said, overtakenAt: now - 300_001 };
    expect(decide({ said: old, lease: { ...lease, overtakenAt: now - 300_001 } })).toMatchObject({ decide: 'late' });
  });

  it('is told none that no token may carry: who has counted that far has not counted', () => {
    expect(decide({ lease: { ...lease, seq: maxSeq - 1_000_001 } })).toMatchObject({ seq: maxSeq - 1_000_000 });
    expect(decide({ lease: { ...lease, seq: maxSeq - 999_999 } })).toEqual(conflict);
  });
});
