import { describe, expect, it } from 'vitest';
import { seconds } from '#shared/domain/time.ts';
import { minutes, record, runOne, type Setup, setup, told } from './setup.ts';

const loseEveryMessage = ({ pipeline }: Setup) => {
  for (const queue of ['verify', 'sweep', 'launch'])
    pipeline.faults.add({ what: 'drop', where: { service: 'sqs', queue } });
};

describe('21 not early, not twice and 22 not never', () => {
  it('with every message of every internal queue lost, the tick alone makes it discovered-only within a minute', async () => {
    const where = setup();
    loseEveryMessage(where);
    const key = runOne(where);
    await where.pipeline.clock.advanceBy(seconds(16));
    const deadline = (record(where, key)?.cloud.runningAt ?? Number.NaN) + minutes(15);
    await where.pipeline.clock.advanceTo(new Date(deadline - 1));
    expect(record(where, key)).toMatchObject({ cloud: { state: 'running' }, management: { status: 'pending' } });
    await where.pipeline.clock.advanceBy(minutes(1) + seconds(2));
    expect(record(where, key)).toMatchObject({ management: { status: 'discovered-only', reason: 'deadline_passed' } });
    await where.pipeline.clock.advanceBy(minutes(600));
    expect(told(where, 'Instance Discovered-Only')).toHaveLength(1);
  });

  it('a tick that does not come delays the deadline by no more than until the next', async () => {
    const where = setup();
    const key = runOne(where);
    const revive = where.pipeline.faults.add({ what: 'die', where: { service: 'lambda', function: 'tick' } });
    await where.pipeline.clock.advanceBy(minutes(60));
    expect(record(where, key)).toMatchObject({ management: { status: 'pending' } });
    revive();
    await where.pipeline.clock.advanceBy(minutes(1));
    expect(record(where, key)).toMatchObject({ management: { status: 'discovered-only' } });
  });
});

describe('23 running time only', () => {
  it('an instance that is stopped before its deadline waits, and has its fifteen minutes anew when it runs again', async () => {
    const where = setup();
    const { clock, ec2 } = where.pipeline;
    const key = runOne(where);
    await clock.advanceBy(minutes(14));
    ec2.stopInstances(key, { InstanceIds: [key.instanceId] });
    await clock.advanceBy(minutes(120));
    expect(record(where, key)).toMatchObject({ cloud: { state: 'stopped' }, management: { status: 'pending' } });
    ec2.startInstances(key, { InstanceIds: [key.instanceId] });
    await clock.advanceBy(minutes(15));
    expect(record(where, key)).toMatchObject({ cloud: { state: 'running' }, management: { status: 'pending' } });
    await clock.advanceBy(minutes(2));
    expect(record(where, key)).toMatchObject({ management: { status: 'discovered-only' } });
  });
});
