import { describe, expect, it } from 'vitest';
import { beginsAnew, conflictEnded, openedRestore, requireOpen, withoutChain } from '#shared/domain/agent/restore.ts';
import { readmit } from '#shared/domain/enrollment/ending.ts';
import { Problem } from '#shared/domain/problems.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { anInstance, type InstanceParts } from '#test/build/an-instance.ts';
import { leaseOf, restoreOf, second, start } from '#test/build/records.ts';

const now = start + 3600 * second;
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof Problem) return error.code;
  }
  return 'none';
};

describe('an opening of the check-ins', () => {
  const wanted = { restoredTo: start, openedBy: 'ann', reason: 'a bug' };

  it('lasts two hours, and for longer if it is asked for again; it began once', () => {
    const first = openedRestore(undefined, wanted, now, defaultTiming);
    expect(first).toMatchObject({ ...wanted, openedAt: now, until: now + 7200 * second });
    const again = openedRestore(first, wanted, now + second, defaultTiming);
    expect(again).toMatchObject({ openedAt: now, until: now + 7201 * second });
    const other = openedRestore(first, { ...wanted, restoredTo: start + 1 }, now + second, defaultTiming);
    expect(other.openedAt).toBe(now + second);
  });

  it.each([now + 1, now - 35 * 86_400 * second - 1])(
    'is refused for a time to which no table is put back: %d',
    (restoredTo) => {
      expect(codeOf(() => openedRestore(undefined, { ...wanted, restoredTo }, now, defaultTiming))).toBe(
        'malformed_request',
      );
    },
  );

  it('ends by itself', () => {
    expect(requireOpen(restoreOf({ until: now }), now)).toBeDefined();
    expect(codeOf(() => requireOpen(restoreOf({ until: now }), now + 1))).toBe('restore_not_open');
    expect(codeOf(() => requireOpen(undefined, now))).toBe('restore_not_open');
  });
});

describe('a check-in may begin its chain anew', () => {
  const restore = restoreOf({ restoredTo: start, until: now });
  const lease = leaseOf('i-1', { lastSeenAt: start, seq: 5 });
  it.each<[string, Partial<Parameters<typeof leaseOf>[1]>, number, number, boolean]>([
    ['ahead of a lease that was restored', {}, 6, now, true],
    ['ahead of one that a quicker clock wrote', { lastSeenAt: start + 2 * second }, 6, now, true],
    ['not once the lease was written since', { lastSeenAt: start + 2 * second + 1 }, 6, now, false],
    ['not behind the lease: no restore explains an older disk', {}, 5, now, false],
    ['not once the opening has ended', {}, 6, now + 1, false],
  ])('%s', (_case, fields, seq, at, may) => {
    expect(beginsAnew(restore, { ...lease, ...fields }, seq, at, defaultTiming)).toBe(may);
  });

  it('not where nothing was restored', () => {
    expect(beginsAnew(undefined, lease, 6, now, defaultTiming)).toBe(false);
  });
});

describe('the end of a conflict', () => {
  const conflict = { reason: 'broken_chain', since: start } as const;
  const held = anInstance({ identity: { conflict } });
  it.each([
    [{ since: start, until: start + 1 }, true],
    [{ since: start + 1, until: now }, false],
    [{ since: start - 1, until: start }, false],
  ])('is of those that were seen in the time %j: %s', (seen, ends) => {
    const outcome = conflictEnded(held, seen);
    expect([outcome?.changed, outcome?.instance.identity.conflict]).toEqual([ends, ends ? null : conflict]);
  });

  it('leaves a lease that no agent continues', () => {
    expect(withoutChain(leaseOf('i-1', { overtakenAt: now }))).toMatchObject({ agentId: '', link: '', seq: 1 });
  });
});

describe('a readmission', () => {
  const waits = { by: 'lost', until: now, replaces: null, proof: null };
  const agent = { id: 'lost', version: '', bootId: '', enrolledAt: start, state: null, stateAt: null };
  it('lets a key enroll where nothing is managed', () => {
    expect(readmit(anInstance(), 'lost', now, defaultTiming)).toMatchObject({
      ...{ do: 'change', reason: 're_enrolled', by: 'lost' },
      instance: {
        management: { status: 'pending' },
        identity: { reenroll: { by: 'lost', until: now + 900 * second } },
      },
    });
  });

  it.each<[string, InstanceParts, object]>([
    ['is done where the agent is enrolled', { agent }, { do: 'nothing' }],
    ['is done where the instance waits for it', { identity: { reenroll: waits } }, { do: 'nothing' }],
    ['undoes no block', { management: { reason: 'blocked' } }, { do: 'refuse', code: 'instance_blocked' }],
    [
      'undoes no re-enrollment that waits for another key',
      { identity: { reenroll: { ...waits, by: 'other' } } },
      { do: 'refuse', code: 're_enrollment_only' },
    ],
  ])('%s', (_case, fields, decided) => {
    expect(readmit(anInstance(fields), 'lost', now, defaultTiming)).toEqual(decided);
  });
});
