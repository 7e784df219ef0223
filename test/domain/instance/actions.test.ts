import { describe, expect, it } from 'vitest';
import { instanceActions } from '#shared/domain/instance/actions.ts';
import { anInstance, clock, type InstanceParts } from '#test/build/an-instance.ts';

const word = (allowed: { allowed: boolean; code?: string }) => (allowed.allowed ? 'yes' : allowed.code);

describe('what may be done to an instance', () => {
  it('is listed action by action', () => {
    expect(Object.keys(instanceActions(anInstance()))).toEqual(['adopt', 'release', 'block', 'unblock', 're-enroll']);
  });

  const reenroll = { by: 'key_1', until: clock('10:20:00'), replaces: null, proof: null };
  const enrolled = { management: { status: 'enrolled', reason: 'launched' } } as const;
  const blocked = { management: { status: 'discovered-only', reason: 'blocked' } } as const;
  it.each<[string, InstanceParts, string[]]>([
    ['enrolled', enrolled, ['already_managed', 'yes', 'yes', 'not_blocked', 'yes']],
    [
      'enrolled and stopped',
      { ...enrolled, cloud: { state: 'stopped' } },
      ['already_managed', 'yes', 'yes', 'not_blocked', 'yes'],
    ],
    [
      'enrolled and ended',
      { ...enrolled, cloud: { state: 'terminated' } },
      ['already_managed', 'yes', 'yes', 'not_blocked', 'not_running'],
    ],
    [
      'waiting for its first agent',
      {},
      ['not_implemented', 'not_managed', 'not_managed', 'not_blocked', 'not_managed'],
    ],
    [
      'waiting for its re-enrollment',
      { identity: { reenroll } },
      ['not_implemented', 'yes', 'yes', 'not_blocked', 'yes'],
    ],
    [
      'stopped without an agent',
      { cloud: { state: 'stopped' } },
      ['not_running', 'not_managed', 'not_managed', 'not_blocked', 'not_managed'],
    ],
    ['blocked', blocked, ['not_implemented', 'instance_blocked', 'instance_blocked', 'yes', 'instance_blocked']],
  ])('%s', (_, overrides, words) => {
    expect(Object.values(instanceActions(anInstance(overrides))).map(word)).toEqual(words);
  });
});
