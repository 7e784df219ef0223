import { describe, expect, it } from 'vitest';
import {
  ec2States,
  hashBucket,
  isEc2State,
  isLegalStep,
  keyOf,
  newInstance,
  rankOf,
} from '#shared/domain/instance/instance.ts';
import { aKey, clock } from '#test/build/an-instance.ts';

describe('EC2’s states', () => {
  it('have ranks in the order of a life', () => {
    expect(ec2States.map(rankOf)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(ec2States).toEqual(['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated']);
  });

  it.each(['Running', 'rebooting', '', null, 16, 'constructor'])('%s is none', (word) => {
    expect(isEc2State(word)).toBe(false);
  });

  it('follow each other in these steps and in no other', () => {
    const steps = ec2States.flatMap((from) =>
      ec2States.filter((to) => isLegalStep(from, to)).map((to) => `${from} ${to}`),
    );
    expect(steps).toEqual([
      'pending running',
      'pending stopped',
      'pending shutting-down',
      'pending terminated',
      'running stopping',
      'running shutting-down',
      'stopping stopped',
      'stopping shutting-down',
      'stopping terminated',
      'stopped pending',
      'stopped shutting-down',
      'stopped terminated',
      'shutting-down terminated',
    ]);
  });
});

describe('a new record', () => {
  it('knows nothing of the cloud, waits for an enrollment, and is named by its key', () => {
    const made = newInstance(aKey, clock('10:00:00'));
    expect(made).toMatchObject({
      version: 0,
      cloud: { state: 'unknown', at: null, epoch: null },
      management: { status: 'pending' },
    });
    expect(made).toMatchObject({ management: { reason: 'awaiting_enrollment', notBefore: clock('10:00:00') } });
    expect(keyOf(made)).toBe('111122223333/us-east-1/i-0123456789abcdef0');
  });
});

describe('hashing', () => {
  it('puts a text always into the same bucket, and many texts into all of them', () => {
    const buckets = Array.from({ length: 400 }, (_, n) => hashBucket(`i-${n}`, 16));
    expect(buckets).toEqual(Array.from({ length: 400 }, (_, n) => hashBucket(`i-${n}`, 16)));
    expect(new Set(buckets).size).toBe(16);
  });
});
