import { describe, expect, it } from 'vitest';
import { seconds } from '#shared/domain/time.ts';
import { unlessRefused } from '../region/fleet.ts';
import { launch, launched, longEnough, minutes, newServer, record, runOne, type Setup, setup, told } from './setup.ts';

const mortals = [
  ...(['operatorChange', 'launch', 'tick', 'onInstanceChanged', 'verify', 'sweepRegion', 'enroll'] as const),
  ...(['checkin', 'onRecordChanged', 'agent'] as const),
];
const launches = { service: 'ec2', operation: 'RunInstances' } as const;

/** Launches a server, whatever becomes of it. */
async function launchAndWait(where: Setup): Promise<string> {
  const serverId = await newServer(where);
  await unlessRefused(() => launch(where, serverId));
  await where.pipeline.clock.advanceBy(longEnough);
  return serverId;
}

describe('17 at most one and 18 adoption: whatever process dies, one instance at most, and it is the server’s', () => {
  describe.each(mortals)('%s', (name) => {
    it.each(['before', 'after'] as const)('dies %s one of its calls', async (side) => {
      for (let call = 1; call <= 10; call++) {
        const where = setup(call);
        const serverId = await newServer(where);
        const at = { call, side };
        where.pipeline.faults.add({
          ...({ what: 'die', times: 1 } as const),
          where: name === 'agent' ? { service: 'agent', ...at } : { service: 'lambda', function: name, ...at },
        });
        await unlessRefused(() => launch(where, serverId));
        await where.pipeline.clock.advanceBy(longEnough);
        expect(await where.wrong(), `call ${call}`).toEqual([]);
        const instances = launched(where);
        expect(instances.length).toBeLessThanOrEqual(1);
        expect(where.watch.servers.get(serverId)?.instance?.instanceId).toBe(instances[0]?.instanceId);
      }
    });
  });
});

/**
 * EC2 refuses for two and a half minutes. Then it launches without an answer, and shows nothing of the instance for nearly S. The
 * answer lets EC2's answers through again.
 */
function answerLostAtTheLastMoment({ pipeline }: Setup): () => void {
  const [from, until] = [pipeline.now(), pipeline.now() + seconds(150)];
  pipeline.faults.add({ what: 'stale', where: { service: 'ec2' }, lags: { newInstanceMs: seconds(290) } });
  return pipeline.faults.add(
    { what: 'throttle', where: launches, when: { from, until } },
    { what: 'lose-answer', where: launches, when: { from: until, until: Number.POSITIVE_INFINITY } },
  );
}

describe('a lost answer of RunInstances', () => {
  it.each([
    ['comes again under the same token', 1],
    ['never comes: the sweep finds the instance by its token', 100],
  ])('%s', async (_what, times) => {
    const where = setup();
    where.pipeline.faults.add({ what: 'lose-answer', where: launches, times });
    const serverId = await launchAndWait(where);
    expect(launched(where)).toHaveLength(1);
    expect(where.watch.servers.get(serverId)).toMatchObject({
      launchState: 'launched',
      instance: { instanceId: launched(where)[0]!.instanceId },
    });
    expect(await where.wrong()).toEqual([]);
  });

  it('is adopted although EC2 showed nothing until the launch had expired', async () => {
    const where = setup();
    const answers = answerLostAtTheLastMoment(where);
    const serverId = await newServer(where);
    await launch(where, serverId);
    await where.pipeline.clock.advanceBy(minutes(6));
    answers();
    expect(where.watch.servers.get(serverId)?.launchState).toBe('expired');
    await where.pipeline.clock.advanceBy(longEnough);
    expect(where.watch.servers.get(serverId)?.instance).toMatchObject({ instanceId: launched(where)[0]!.instanceId });
    expect(await where.wrong()).toEqual([]);
  });
});

describe('19 generation fence', () => {
  it('an instance of a launch that was given up is surplus once its server has another, and is never ended', async () => {
    const where = setup();
    const { pipeline } = where;
    const answers = answerLostAtTheLastMoment(where);
    const serverId = await newServer(where);
    await launch(where, serverId);
    await pipeline.clock.advanceBy(minutes(6));
    answers();
    expect(where.watch.servers.get(serverId)?.launchState).toBe('expired');
    await launch(where, serverId);
    await pipeline.clock.advanceBy(longEnough);
    const [late, current] = launched(where);
    expect(where.watch.servers.get(serverId)).toMatchObject({
      generation: 2,
      instance: { instanceId: current!.instanceId },
    });
    expect(record(where, late!)).toMatchObject({
      cloud: { state: 'running' },
      assignment: { serverId: null, surplusSince: expect.any(Number) },
    });
    expect(told(where, 'Instance Surplus')).toHaveLength(1);
  });
});

describe('20 failure is named', () => {
  it('an instance that ended before it ran is a failed start with EC2’s reason, never discovered-only', async () => {
    const where = setup();
    const code = 'Server.InsufficientInstanceCapacity';
    where.pipeline.faults.add({ what: 'fail-start', where: launches, code, times: 1 });
    await launchAndWait(where);
    expect(record(where, launched(where)[0]!)).toMatchObject({
      cloud: { state: 'terminated', failedStart: { reason: 'Server.InsufficientInstanceCapacity' } },
      management: { status: 'pending', reason: 'start_failed' },
    });
  });

  it.each([
    ['IdempotentParameterMismatch', 'token_mismatch'],
    ['IdempotentInstanceTerminated', 'token_terminated'],
    ['InstanceLimitExceeded', 'refused_by_ec2'],
  ] as const)('EC2’s %s ends the launch as %s', async (code, launchState) => {
    const where = setup();
    where.pipeline.faults.add({ what: 'refuse', where: launches, code });
    const serverId = await launchAndWait(where);
    expect(where.watch.servers.get(serverId)).toMatchObject({ launchState, instance: null });
    expect(launched(where)).toEqual([]);
  });

  it('a launch that EC2 throttled past its deadline is expired, and nothing is sent for it any more', async () => {
    const where = setup();
    where.pipeline.faults.add({ what: 'throttle', where: launches });
    const serverId = await newServer(where);
    await launch(where, serverId);
    await where.pipeline.clock.advanceBy(minutes(8));
    where.pipeline.faults.clear();
    await where.pipeline.clock.advanceBy(longEnough);
    expect(where.watch.servers.get(serverId)).toMatchObject({ launchState: 'expired', instance: null });
    expect(launched(where)).toEqual([]);
  });
});

describe('29 throttle safety', () => {
  it('RequestLimitExceeded for four minutes changes no record and loses no work', async () => {
    const where = setup();
    const known = runOne(where);
    await where.pipeline.clock.advanceBy(minutes(14));
    where.pipeline.faults.add({ what: 'throttle', where: { service: 'ec2' } });
    const before = record(where, known);
    const servers = await Promise.all([1, 2, 3].map(() => newServer(where)));
    for (const serverId of servers) await launch(where, serverId);
    await where.pipeline.clock.advanceBy(minutes(4) - 1);
    expect(launched(where)).toEqual([]);
    const after = record(where, known)!;
    const { management } = before!;
    expect(after.management.notBefore).toBe(management.notBefore);
    expect({ ...after, version: 0, management }).toEqual({ ...before, version: 0 });
    where.pipeline.faults.clear();
    await where.pipeline.clock.advanceBy(longEnough);
    expect(launched(where)).toHaveLength(3);
    expect(await where.wrong()).toEqual([]);
  });

  it('of forty launches at one moment none is lost: each has its one instance or says that its time was over', async () => {
    const where = setup();
    for (let nth = 0; nth < 40; nth++) await launch(where, await newServer(where, `web-${nth}`));
    await where.pipeline.clock.advanceBy(longEnough);
    expect(await where.wrong()).toEqual([]);
    const states = [...where.watch.launches.values()].map(({ state }) => state);
    expect(states.filter((state) => state === 'launched')).toHaveLength(launched(where).length);
    expect(states.filter((state) => state !== 'launched' && state !== 'expired')).toEqual([]);
    expect(launched(where).length).toBeGreaterThan(5);
  });
});
