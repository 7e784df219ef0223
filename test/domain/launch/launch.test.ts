import { describe, expect, it } from 'vitest';
import {
  assignByIndex,
  clientTokenOf,
  fitsLaunch,
  launchDeadline,
  launchIdOfToken,
  markSurplus,
  nextLaunchStep,
} from '#shared/domain/launch/launch.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { aLaunch, aLaunchedSight, aRequest } from '#test/build/a-launch.ts';
import { anInstance, clock } from '#test/build/an-instance.ts';

describe('the client token', () => {
  it('names the launch, and nothing else does', () => {
    expect(launchIdOfToken(clientTokenOf({ id: 'lch_1' }))).toBe('lch_1');
    expect(launchIdOfToken('lch_1')).toBeNull();
    expect(launchIdOfToken(null)).toBeNull();
  });

  it('fits EC2’s 64 characters', () => {
    expect(clientTokenOf({ id: `lch_${'0'.repeat(32)}` }).length).toBeLessThanOrEqual(64);
  });
});

describe('the next step of a launch', () => {
  it('is to send, until its deadline', () => {
    expect(nextLaunchStep(aLaunch(), clock('10:00:00'), defaultTiming)).toEqual({ do: 'run' });
    expect(nextLaunchStep(aLaunch(), clock('10:05:00'), defaultTiming)).toEqual({ do: 'run' });
  });

  it('is to ask what its token launched, after it: nothing is sent any more', () => {
    expect(nextLaunchStep(aLaunch(), clock('10:05:00') + 1, defaultTiming)).toEqual({ do: 'ask' });
  });

  it.each(['launched', 'expired', 'token_mismatch', 'token_terminated', 'ambiguous', 'refused_by_ec2'] as const)(
    'is none once it is %s, and nothing is due',
    (state) => {
      expect(nextLaunchStep(aLaunch({ state }), clock('10:00:01'), defaultTiming)).toEqual({ do: 'nothing' });
      expect(launchDeadline(aLaunch({ state }), defaultTiming)).toBeNull();
    },
  );

  it('is due a minute after the request, in case its message was lost', () => {
    expect(launchDeadline(aLaunch(), defaultTiming)).toBe(clock('10:01:00'));
  });
});

describe('an instance fits a launch whose answer was lost', () => {
  it('by token, image, type and time', () => {
    expect(fitsLaunch(aLaunch(), aLaunchedSight(), defaultTiming)).toBe(true);
  });

  it.each([
    ['of another account', { account: '999999999999' }],
    ['of another region', { region: 'eu-west-1' }],
    ['with another token', { clientToken: 'mst-lch_2' }],
    ['without a token', { clientToken: null }],
    ['of another image', { imageId: 'ami-0bad' }],
    ['of another type', { instanceType: 'u-24tb1.metal' }],
    ['launched before the request by more than clocks may differ', { launchTime: clock('09:54:59') }],
    ['launched after the deadline by more than clocks may differ', { launchTime: clock('10:10:01') }],
  ])('not one %s', (_, overrides) => {
    expect(fitsLaunch(aLaunch(), aLaunchedSight(overrides), defaultTiming)).toBe(false);
  });

  it('in the subnet that was asked for, if one was', () => {
    const launch = aLaunch({ request: { ...aRequest, subnetId: 'subnet-1' } });
    expect(fitsLaunch(launch, aLaunchedSight({ subnetId: 'subnet-1' }), defaultTiming)).toBe(true);
    expect(fitsLaunch(launch, aLaunchedSight({ subnetId: 'subnet-2' }), defaultTiming)).toBe(false);
    expect(fitsLaunch(launch, aLaunchedSight({ subnetId: null }), defaultTiming)).toBe(false);
  });

  it('without a subnet once it is terminated: EC2 tells of none any more', () => {
    const launch = aLaunch({ request: { ...aRequest, subnetId: 'subnet-1' } });
    const ended = aLaunchedSight({ subnetId: null, state: 'terminated' });
    expect(fitsLaunch(launch, ended, defaultTiming)).toBe(true);
    expect(fitsLaunch(launch, { ...ended, subnetId: 'subnet-2' }, defaultTiming)).toBe(false);
  });
});

describe('in a batch', () => {
  const sight = (instanceId: string, amiLaunchIndex: number) => aLaunchedSight({ instanceId, amiLaunchIndex });

  it('AmiLaunchIndex picks the server, in whatever order EC2 lists them', () => {
    const { bound, surplus } = assignByIndex(aLaunch(), [sight('i-b', 1), sight('i-a', 0)]);
    expect(bound.map(({ instanceId }) => instanceId)).toEqual(['i-a', 'i-b']);
    expect(surplus).toEqual([]);
  });

  it('if two claim one index neither binds: both are surplus', () => {
    const { bound, surplus } = assignByIndex(aLaunch(), [sight('i-a', 0), sight('i-b', 1), sight('i-c', 1)]);
    expect(bound.map(({ instanceId }) => instanceId)).toEqual(['i-a']);
    expect(surplus.map(({ instanceId }) => instanceId)).toEqual(['i-b', 'i-c']);
  });

  it('an index that the launch did not ask for is surplus', () => {
    expect(assignByIndex(aLaunch(), [sight('i-x', 2)])).toMatchObject({ bound: [], surplus: [{ instanceId: 'i-x' }] });
  });
});

describe('a surplus instance', () => {
  it('is detached and stays visible, since the first time it was found to be one', () => {
    const surplus = markSurplus(anInstance({ assignment: { serverId: 'srv_1' } }), clock('10:10:00'));
    expect(surplus).toEqual(anInstance({ assignment: { surplusSince: clock('10:10:00'), serverId: null } }));
    expect(markSurplus(surplus, clock('10:20:00'))).toBe(surplus);
  });
});
