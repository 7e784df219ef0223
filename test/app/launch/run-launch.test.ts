import { describe, expect, it } from 'vitest';
import { sweepRegion } from '#shared/app/cloud/sweep-region.ts';
import { handleDue } from '#shared/app/handle-due.ts';
import { attachByToken } from '#shared/app/launch/attach-launched.ts';
import type { Launcher } from '#shared/app/launch/run-launch.ts';
import type { Described } from '#shared/app/ports.ts';
import { newInstance } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { withParts } from '#test/build/an-instance.ts';
import { second } from '#test/contracts/records.ts';
import { place } from '../cloud/ec2-stage.ts';
import { asked, type LaunchStage, launchStage } from './launch-stage.ts';

const deadline = defaultTiming.launchToPendingSeconds * second;
const server = (stage: LaunchStage) => stage.store.get('server', stage.serverId);
const sweep = (stage: LaunchStage) => sweepRegion(place.account, place.region, stage.ports);

describe('a launch', () => {
  it('makes one instance of the frozen request, attaches it and forgets the user data', async () => {
    const stage = await launchStage();
    const launchId = await asked(stage);
    expect(await stage.attempt(launchId)).toBe('launched');
    const [made] = stage.launchedBy(launchId);
    const key = { ...place, instanceId: made!.instanceId };
    expect(made!.configuration).toMatchObject({
      metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1 },
    });
    expect(await stage.store.getInstance(key)).toMatchObject({
      cloud: { state: 'pending', source: 'launch' },
      assignment: { launchId, serverId: stage.serverId },
    });
    expect(await server(stage)).toMatchObject({ instance: key, generation: 1, launchState: 'launched' });
    expect(await stage.store.get('launch', launchId)).toMatchObject({ state: 'launched', instances: [key] });
    expect(await stage.ports.userData.get(launchId)).toBeUndefined();
    expect(await stage.store.getFacts(key)).toMatchObject({ clientToken: `mst-${launchId}` });
  });

  it('tells its instance where to enroll and with which grant, and keeps the seed nowhere else', async () => {
    const stage = await launchStage();
    const launchId = await asked(stage);
    await stage.attempt(launchId);
    const userData = Buffer.from(stage.launchedBy(launchId)[0]!.configuration.userData!, 'base64').toString();
    const { muster } = JSON.parse(userData);
    expect(muster).toMatchObject({ url: 'https://muster.example/prod', grant: { id: launchId } });
    expect(JSON.stringify([stage.written, stage.launch.sent])).not.toContain(muster.grant.seed);
  });

  it('that has ended is not sent again', async () => {
    const stage = await launchStage();
    const launchId = await asked(stage);
    await stage.attempt(launchId);
    expect(await stage.attempt(launchId)).toBe('launched');
    expect(stage.region.truth()).toHaveLength(1);
  });

  it('that nobody asked for is nothing', async () => {
    const stage = await launchStage();
    expect(await stage.attempt('lch_0123456789abcdef0123456789abcdef')).toBe('unknown');
    expect(stage.region.truth()).toEqual([]);
  });
});

describe('a launch whose answer is lost', () => {
  const lost = async () => {
    const stage = await launchStage();
    const launchId = await asked(stage);
    stage.region.faults.add({ what: 'lose-answer', where: { service: 'ec2', operation: 'RunInstances' }, times: 1 });
    await expect(stage.attempt(launchId)).rejects.toThrow();
    return { stage, launchId, instanceId: stage.launchedBy(launchId)[0]!.instanceId };
  };

  it('ends with the same instance at the next attempt: same token, same bytes', async () => {
    const { stage, launchId, instanceId } = await lost();
    expect(await stage.attempt(launchId)).toBe('launched');
    expect(stage.region.truth()).toHaveLength(1);
    expect(await server(stage)).toMatchObject({ instance: { instanceId } });
  });

  it('ends with it after the deadline too, when nothing is sent any more', async () => {
    const { stage, launchId, instanceId } = await lost();
    stage.clock.advance(deadline + 1);
    stage.region.faults.add({
      what: 'refuse',
      where: { service: 'ec2', operation: 'RunInstances' },
      code: 'InternalError',
    });
    expect(await stage.attempt(launchId)).toBe('launched');
    expect(await server(stage)).toMatchObject({ instance: { instanceId } });
  });

  it('ends by name where its instance was terminated meanwhile, and is not launched a second time', async () => {
    const { stage, launchId, instanceId } = await lost();
    await stage.operate.terminate({ ...place, instanceId });
    stage.clock.advance(40 * second);
    expect(await stage.attempt(launchId)).toBe('launched');
    expect(stage.region.truth()).toHaveLength(1);
    expect(await stage.store.getInstance({ ...place, instanceId })).toMatchObject({
      cloud: { state: 'terminated' },
      assignment: { launchId },
    });
  });

  it('ends by name where EC2 shows that instance no more', async () => {
    const { stage, launchId, instanceId } = await lost();
    await stage.operate.terminate({ ...place, instanceId });
    stage.clock.advance(40 * second);
    stage.region.faults.add({ what: 'empty', where: { service: 'ec2' } });
    expect(await stage.attempt(launchId)).toBe('token_terminated');
    expect(await server(stage)).toMatchObject({ instance: null, launchState: 'token_terminated' });
    expect(await stage.ports.userData.get(launchId)).toBeUndefined();
  });

  it('ends by name where the request is not the one that was sent', async () => {
    const { stage, launchId } = await lost();
    await stage.ports.userData.put(launchId, 'something else');
    stage.region.faults.add({ what: 'empty', where: { service: 'ec2' } });
    expect(await stage.attempt(launchId)).toBe('token_mismatch');
    expect(await server(stage)).toMatchObject({ instance: null, launchState: 'token_mismatch' });
  });

  it('ends by name where the token’s instance is not what the launch asked for', async () => {
    const { stage, launchId } = await lost();
    const ec2 = { ...stage.ports.ec2, describeByToken: asAnotherType(stage.ports.ec2) };
    await stage.ports.userData.put(launchId, 'something else');
    expect(await stage.attempt(launchId, { ...stage.ports, ec2 })).toBe('token_mismatch');
    expect(await server(stage)).toMatchObject({ instance: null, launchState: 'token_mismatch' });
  });

  it('ends with the instance that is there where the request is not the one that was sent', async () => {
    const { stage, launchId, instanceId } = await lost();
    await stage.ports.userData.put(launchId, 'something else');
    expect(await stage.attempt(launchId)).toBe('launched');
    expect(await server(stage)).toMatchObject({ instance: { instanceId } });
  });

  it('is attached although EC2 showed its instance only after the launch had ended', async () => {
    const { stage, launchId, instanceId } = await lost();
    stage.clock.advance(deadline + 1);
    stage.region.faults.add({ what: 'empty', where: { service: 'ec2' }, times: 1 });
    expect(await stage.attempt(launchId)).toBe('expired');
    await sweep(stage);
    expect(await stage.store.get('launch', launchId)).toMatchObject({ state: 'launched' });
    expect(await server(stage)).toMatchObject({ instance: { instanceId }, launchState: 'launched' });
  });

  it('is surplus if the server was launched again meanwhile, and the server keeps the later one', async () => {
    const { stage, launchId, instanceId } = await lost();
    stage.clock.advance(deadline + 1);
    stage.region.faults.add({ what: 'empty', where: { service: 'ec2' }, times: 1 });
    await stage.attempt(launchId);
    const second = await asked(stage);
    await stage.attempt(second);
    await sweep(stage);
    const [later] = stage.launchedBy(second);
    expect(await server(stage)).toMatchObject({ instance: { instanceId: later!.instanceId }, generation: 2 });
    expect(await stage.store.getInstance({ ...place, instanceId })).toMatchObject({
      assignment: { launchId, serverId: null, surplusSince: stage.now() },
    });
  });
});

describe('a launch that EC2 does not take', () => {
  it('for good ends by EC2’s own code', async () => {
    const stage = await launchStage();
    const launchId = await asked(stage);
    stage.region.faults.add({
      what: 'refuse',
      where: { service: 'ec2', operation: 'RunInstances' },
      code: 'UnauthorizedOperation',
    });
    expect(await stage.attempt(launchId)).toBe('refused_by_ec2');
    expect(await stage.store.get('launch', launchId)).toMatchObject({
      failure: 'UnauthorizedOperation',
      instances: [],
    });
    expect(await server(stage)).toMatchObject({ launchState: 'refused_by_ec2', instance: null });
  });

  it.each(['RequestLimitExceeded', 'InsufficientInstanceCapacity', 'InternalError', 'Unavailable'] as const)(
    'now is tried again until its deadline, and never after: %s',
    async (code) => {
      const stage = await launchStage();
      const launchId = await asked(stage);
      stage.region.faults.add({ what: 'refuse', where: { service: 'ec2', operation: 'RunInstances' }, code });
      for (const ms of [0, deadline / 2, deadline / 2]) {
        stage.clock.advance(ms);
        await expect(stage.attempt(launchId)).rejects.toMatchObject({ name: code });
      }
      stage.clock.advance(1);
      stage.region.faults.clear();
      expect(await stage.attempt(launchId)).toBe('expired');
      expect(stage.region.truth()).toEqual([]);
      expect(await server(stage)).toMatchObject({ launchState: 'expired', instance: null });
    },
  );

  it('is named by the tick when its message was lost', async () => {
    const stage = await launchStage();
    const launchId = await asked(stage);
    stage.clock.advance(deadline);
    const failed = (_record: object, error: unknown) => expect.unreachable(String(error));
    await handleDue(stage.now(), { store: stage.store, launch: stage.launch, failed, timing: defaultTiming });
    expect(stage.launch.messages).toEqual([{ launchId }, { launchId }]);
    stage.clock.advance(1);
    expect(await stage.attempt(launchId)).toBe('expired');
    expect(stage.region.truth()).toEqual([]);
  });
});

describe('an answer for a generation that is over', () => {
  it('cannot attach: its instance is surplus, visible and not terminated', async () => {
    const stage = await launchStage();
    const launchId = await asked(stage);
    const before = await server(stage);
    const moved = { ...before!, generation: 2, launchId: 'lch_later', launchState: 'requested' as const };
    await stage.store.commit([{ kind: 'server', before, after: moved }]);
    expect(await stage.attempt(launchId)).toBe('launched');
    const [made] = stage.launchedBy(launchId);
    expect(made!.history).toHaveLength(1);
    expect(await stage.store.getInstance(made!)).toMatchObject({
      assignment: { surplusSince: stage.now(), serverId: null, launchId },
    });
    expect(await server(stage)).toMatchObject({ instance: null, launchId: 'lch_later', launchState: 'requested' });
  });
});

describe('two instances that fit one launch', () => {
  it('are both surplus, and the server may be launched again', async () => {
    const stage = await launchStage();
    const launchId = await asked(stage);
    await stage.ports.ec2.runInstances((await stage.store.get('launch', launchId))!, 'x');
    const { found } = await stage.ports.ec2.describeByToken(place.account, place.region, `mst-${launchId}`);
    const twin = renamed(found[0]!, 'i-0fedcba9876543210');
    await attachByToken([found[0]!, twin], stage.ports);
    expect(await stage.store.get('launch', launchId)).toMatchObject({ state: 'ambiguous', instances: [] });
    for (const { sight } of [found[0]!, twin]) {
      expect(await stage.store.getInstance(sight)).toMatchObject({
        assignment: { surplusSince: stage.now(), serverId: null },
      });
    }
    expect(await server(stage)).toMatchObject({ instance: null, launchState: 'ambiguous' });
    expect(await stage.ask()).toMatchObject({ generation: 2 });
  });

  it('are told apart where the second shows only after the first was attached: the late one is surplus', async () => {
    const stage = await launchStage();
    const launchId = await asked(stage);
    await stage.attempt(launchId);
    const { found } = await stage.ports.ec2.describeByToken(place.account, place.region, `mst-${launchId}`);
    const twin = renamed(found[0]!, 'i-0fedcba9876543210');
    await stage.store.saveInstance(undefined, newInstance(twin.sight, stage.now()));
    await attachByToken([found[0]!, twin], stage.ports);
    expect(await stage.store.getInstance(twin.sight)).toMatchObject({
      assignment: { surplusSince: stage.now(), launchId },
    });
    expect(await stage.store.getInstance(found[0]!.sight)).toMatchObject({
      assignment: { surplusSince: null, launchId },
    });
  });

  const renamed = ({ sight, facts }: Described, instanceId: string): Described => ({
    sight: { ...sight, instanceId },
    facts: { ...facts, instanceId },
  });
});

describe('an instance that enrolled with a key before its launch’s answer was known', () => {
  it('stays whose it is, and the launch’s server may be launched again', async () => {
    const stage = await launchStage();
    const launchId = await asked(stage);
    stage.region.faults.add({ what: 'lose-answer', where: { service: 'ec2', operation: 'RunInstances' }, times: 1 });
    await expect(stage.attempt(launchId)).rejects.toThrow();
    const key = { ...place, instanceId: stage.launchedBy(launchId)[0]!.instanceId };
    const adopted = withParts(newInstance(key, stage.now()), {
      management: { status: 'enrolled' },
      assignment: { serverId: 'srv_adopted' },
    });
    await stage.store.saveInstance(undefined, adopted);
    expect(await stage.attempt(launchId)).toBe('launched');
    expect(await stage.store.getInstance(key)).toMatchObject({ assignment: { serverId: 'srv_adopted', launchId } });
    expect(await server(stage)).toMatchObject({ instance: null, launchState: 'launched' });
    expect(await stage.ask()).toMatchObject({ generation: 2 });
  });
});

/** What EC2 shows of a token, with another instance type than the launch asked for. */
function asAnotherType(ec2: Launcher): Launcher['describeByToken'] {
  return async (...asked) => {
    const { sentAt, found } = await ec2.describeByToken(...asked);
    return {
      sentAt,
      found: found.map(({ sight, facts }) => ({ sight: { ...sight, instanceType: 'm5.24xlarge' }, facts })),
    };
  };
}
