import { describe, expect, it } from 'vitest';
import { sweepRegion } from '#shared/app/cloud/sweep-region.ts';
import { handleDue } from '#shared/app/handle-due.ts';
import { attachByToken } from '#shared/app/launch/attach-launched.ts';
import type { Launcher } from '#shared/app/launch/run-launch.ts';
import type { Described } from '#shared/app/ports.ts';
import { newInstance } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { withParts } from '#test/build/an-instance.ts';
import { second } from '#test/build/records.ts';
import { place } from '../cloud/ec2-setup.ts';
import { asked, type LaunchSetup, launchSetup } from './launch-setup.ts';

const deadline = defaultTiming.launchToPendingSeconds * second;
const server = (setup: LaunchSetup) => setup.store.get('server', setup.serverId);
const sweep = (setup: LaunchSetup) => sweepRegion(place.account, place.region, setup.ports);

describe('a launch', () => {
  it('makes one instance of the frozen request, attaches it and forgets the user data', async () => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    expect(await setup.attempt(launchId)).toBe('launched');
    const [made] = setup.launchedBy(launchId);
    const key = { ...place, instanceId: made!.instanceId };
    expect(made!.configuration).toMatchObject({
      metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1 },
    });
    expect(await setup.store.getInstance(key)).toMatchObject({
      cloud: { state: 'pending', source: 'launch' },
      assignment: { launchId, serverId: setup.serverId },
    });
    expect(await server(setup)).toMatchObject({ instance: key, generation: 1, launchState: 'launched' });
    expect(await setup.store.get('launch', launchId)).toMatchObject({ state: 'launched', instances: [key] });
    expect(await setup.ports.userData.get(launchId)).toBeUndefined();
    expect(await setup.store.getFacts(key)).toMatchObject({ clientToken: `mst-${launchId}` });
  });

  it('tells its instance where to enroll and with which grant, and keeps the seed nowhere else', async () => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    await setup.attempt(launchId);
    const userData = Buffer.from(setup.launchedBy(launchId)[0]!.configuration.userData!, 'base64').toString();
    const { muster } = JSON.parse(userData);
    expect(muster).toMatchObject({ url: 'https://muster.example/prod', grant: { id: launchId } });
    expect(JSON.stringify([setup.written, setup.launch.sent])).not.toContain(muster.grant.seed);
  });

  it('that has ended is not sent again', async () => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    await setup.attempt(launchId);
    expect(await setup.attempt(launchId)).toBe('launched');
    expect(setup.region.truth()).toHaveLength(1);
  });

  it('that nobody asked for is nothing', async () => {
    const setup = await launchSetup();
    expect(await setup.attempt('lch_0123456789abcdef0123456789abcdef')).toBe('unknown');
    expect(setup.region.truth()).toEqual([]);
  });
});

describe('a launch whose answer is lost', () => {
  const lost = async () => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    setup.region.faults.add({ what: 'lose-answer', where: { service: 'ec2', operation: 'RunInstances' }, times: 1 });
    await expect(setup.attempt(launchId)).rejects.toThrow();
    return { setup, launchId, instanceId: setup.launchedBy(launchId)[0]!.instanceId };
  };

  it('is no success where its instance could not be recorded: the queue gives the message again', async () => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    const contested = { ...setup.ports, store: { ...setup.ports.store, commit: async () => false } };
    await expect(setup.attempt(launchId, contested)).rejects.toThrow('could not be recorded yet');
    expect(setup.launchedBy(launchId)).toHaveLength(1);
    expect(await setup.ports.userData.get(launchId)).toBeDefined();
    expect(await setup.attempt(launchId)).toBe('launched');
    expect(setup.launchedBy(launchId)).toHaveLength(1);
  });

  it('ends with the same instance at the next attempt: same token, same bytes', async () => {
    const { setup, launchId, instanceId } = await lost();
    expect(await setup.attempt(launchId)).toBe('launched');
    expect(setup.region.truth()).toHaveLength(1);
    expect(await server(setup)).toMatchObject({ instance: { instanceId } });
  });

  it('ends with it after the deadline too, when nothing is sent any more', async () => {
    const { setup, launchId, instanceId } = await lost();
    setup.clock.advance(deadline + 1);
    setup.region.faults.add({
      what: 'refuse',
      where: { service: 'ec2', operation: 'RunInstances' },
      code: 'InternalError',
    });
    expect(await setup.attempt(launchId)).toBe('launched');
    expect(await server(setup)).toMatchObject({ instance: { instanceId } });
  });

  it('ends by name where its instance was terminated meanwhile, and is not launched a second time', async () => {
    const { setup, launchId, instanceId } = await lost();
    await setup.ports.ec2.terminate({ ...place, instanceId });
    setup.clock.advance(40 * second);
    expect(await setup.attempt(launchId)).toBe('launched');
    expect(setup.region.truth()).toHaveLength(1);
    expect(await setup.store.getInstance({ ...place, instanceId })).toMatchObject({
      cloud: { state: 'terminated' },
      assignment: { launchId },
    });
  });

  it('ends by name where EC2 shows that instance no more', async () => {
    const { setup, launchId, instanceId } = await lost();
    await setup.ports.ec2.terminate({ ...place, instanceId });
    setup.clock.advance(40 * second);
    setup.region.faults.add({ what: 'empty', where: { service: 'ec2' } });
    expect(await setup.attempt(launchId)).toBe('token_terminated');
    expect(await server(setup)).toMatchObject({ instance: null, launchState: 'token_terminated' });
    expect(await setup.ports.userData.get(launchId)).toBeUndefined();
  });

  it('ends by name where the request is not the one that was sent', async () => {
    const { setup, launchId } = await lost();
    await setup.ports.userData.put(launchId, 'something else');
    setup.region.faults.add({ what: 'empty', where: { service: 'ec2' } });
    expect(await setup.attempt(launchId)).toBe('token_mismatch');
    expect(await server(setup)).toMatchObject({ instance: null, launchState: 'token_mismatch' });
  });

  it('ends by name where the token’s instance is not what the launch asked for', async () => {
    const { setup, launchId } = await lost();
    const ec2 = { ...setup.ports.ec2, describeByToken: asAnotherType(setup.ports.ec2) };
    await setup.ports.userData.put(launchId, 'something else');
    expect(await setup.attempt(launchId, { ...setup.ports, ec2 })).toBe('token_mismatch');
    expect(await server(setup)).toMatchObject({ instance: null, launchState: 'token_mismatch' });
  });

  it('ends with the instance that is there where the request is not the one that was sent', async () => {
    const { setup, launchId, instanceId } = await lost();
    await setup.ports.userData.put(launchId, 'something else');
    expect(await setup.attempt(launchId)).toBe('launched');
    expect(await server(setup)).toMatchObject({ instance: { instanceId } });
  });

  it('is attached although EC2 showed its instance only after the launch had ended', async () => {
    const { setup, launchId, instanceId } = await lost();
    setup.clock.advance(deadline + 1);
    setup.region.faults.add({ what: 'empty', where: { service: 'ec2' }, times: 1 });
    expect(await setup.attempt(launchId)).toBe('expired');
    await sweep(setup);
    expect(await setup.store.get('launch', launchId)).toMatchObject({ state: 'launched' });
    expect(await server(setup)).toMatchObject({ instance: { instanceId }, launchState: 'launched' });
  });

  it('is surplus if the server was launched again meanwhile, and the server keeps the later one', async () => {
    const { setup, launchId, instanceId } = await lost();
    setup.clock.advance(deadline + 1);
    setup.region.faults.add({ what: 'empty', where: { service: 'ec2' }, times: 1 });
    await setup.attempt(launchId);
    const second = await asked(setup);
    await setup.attempt(second);
    await sweep(setup);
    const [later] = setup.launchedBy(second);
    expect(await server(setup)).toMatchObject({ instance: { instanceId: later!.instanceId }, generation: 2 });
    expect(await setup.store.getInstance({ ...place, instanceId })).toMatchObject({
      assignment: { launchId, serverId: null, surplusSince: setup.now() },
    });
  });
});

describe('a launch that EC2 does not take', () => {
  it('for good ends by EC2’s own code', async () => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    setup.region.faults.add({
      what: 'refuse',
      where: { service: 'ec2', operation: 'RunInstances' },
      code: 'UnauthorizedOperation',
    });
    expect(await setup.attempt(launchId)).toBe('refused_by_ec2');
    expect(await setup.store.get('launch', launchId)).toMatchObject({
      failure: { code: 'UnauthorizedOperation', message: expect.stringMatching(/./) },
      instances: [],
    });
    expect(await server(setup)).toMatchObject({ launchState: 'refused_by_ec2', instance: null });
  });

  it('keeps its user data until its end is on record: another writer was faster', async () => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    const refused = { what: 'refuse', where: { service: 'ec2', operation: 'RunInstances' } } as const;
    setup.region.faults.add({ ...refused, code: 'UnauthorizedOperation' });
    const overtaken = { ...setup.ports, store: { ...setup.store, commit: async () => false } };
    await expect(setup.attempt(launchId, overtaken)).rejects.toThrow('changed meanwhile');
    expect(await setup.ports.userData.get(launchId)).toContain('"grant"');
    expect(await setup.attempt(launchId)).toBe('refused_by_ec2');
    expect(await setup.ports.userData.get(launchId)).toBeUndefined();
  });

  it.each(['RequestLimitExceeded', 'InsufficientInstanceCapacity', 'InternalError', 'Unavailable'] as const)(
    'now is tried again until its deadline, and never after: %s',
    async (code) => {
      const setup = await launchSetup();
      const launchId = await asked(setup);
      setup.region.faults.add({ what: 'refuse', where: { service: 'ec2', operation: 'RunInstances' }, code });
      for (const ms of [0, deadline / 2, deadline / 2]) {
        setup.clock.advance(ms);
        await expect(setup.attempt(launchId)).rejects.toMatchObject({ code: 'ec2_refused', facts: { ec2Code: code } });
      }
      setup.clock.advance(1);
      setup.region.faults.clear();
      expect(await setup.attempt(launchId)).toBe('expired');
      expect(setup.region.truth()).toEqual([]);
      expect(await server(setup)).toMatchObject({ launchState: 'expired', instance: null });
      expect(await setup.store.get('launch', launchId)).toMatchObject({ state: 'expired', failure: { code } });
    },
  );

  it('for now writes its reason once, however often it is refused, and is launched when EC2 takes it', async () => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    const where = { service: 'ec2', operation: 'RunInstances' } as const;
    setup.region.faults.add({ what: 'refuse', where, code: 'InsufficientInstanceCapacity' });
    const writes = setup.written.length;
    for (let attempt = 0; attempt < 3; attempt++) await expect(setup.attempt(launchId)).rejects.toThrow();
    expect(setup.written.slice(writes)).toMatchObject([
      { after: { failure: { code: 'InsufficientInstanceCapacity' } } },
    ]);
    setup.region.faults.clear();
    expect(await setup.attempt(launchId)).toBe('launched');
  });

  it('is named by the tick when its message was lost', async () => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    setup.clock.advance(deadline);
    const failed = (_record: object, error: unknown) => expect.unreachable(String(error));
    await handleDue(setup.now(), { store: setup.store, launch: setup.launch, failed, timing: defaultTiming });
    expect(setup.launch.messages).toEqual([{ launchId }, { launchId }]);
    setup.clock.advance(1);
    expect(await setup.attempt(launchId)).toBe('expired');
    expect(setup.region.truth()).toEqual([]);
  });
});

describe('an answer for a generation that is over', () => {
  it('cannot attach: its instance is surplus, visible and not terminated', async () => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    const before = await server(setup);
    const moved = { ...before!, generation: 2, launchId: 'lch_later', launchState: 'requested' as const };
    await setup.store.commit([{ kind: 'server', before, after: moved }]);
    expect(await setup.attempt(launchId)).toBe('launched');
    const [made] = setup.launchedBy(launchId);
    expect(made!.history).toHaveLength(1);
    expect(await setup.store.getInstance(made!)).toMatchObject({
      assignment: { surplusSince: setup.now(), serverId: null, launchId },
    });
    expect(await server(setup)).toMatchObject({ instance: null, launchId: 'lch_later', launchState: 'requested' });
  });
});

describe('two instances that fit one launch', () => {
  it('are both surplus, and the server may be launched again', async () => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    await setup.ports.ec2.runInstances((await setup.store.get('launch', launchId))!, 'x');
    const { found } = await setup.ports.ec2.describeByToken(place.account, place.region, `mst-${launchId}`);
    const twin = renamed(found[0]!, 'i-0fedcba9876543210');
    await attachByToken([found[0]!, twin], setup.ports);
    expect(await setup.store.get('launch', launchId)).toMatchObject({ state: 'ambiguous', instances: [] });
    for (const { sight } of [found[0]!, twin]) {
      expect(await setup.store.getInstance(sight)).toMatchObject({
        assignment: { surplusSince: setup.now(), serverId: null },
      });
    }
    expect(await server(setup)).toMatchObject({ instance: null, launchState: 'ambiguous' });
    // A listing that shows one of them alone binds it no more than the one that showed both.
    await attachByToken([found[0]!], setup.ports);
    expect(await setup.store.get('launch', launchId)).toMatchObject({ state: 'ambiguous', instances: [] });
    expect(await setup.store.getInstance(found[0]!.sight)).toMatchObject({ assignment: { serverId: null } });
    expect(await setup.ask()).toMatchObject({ generation: 2 });
  });

  it('are told apart where the second shows only after the first was attached: the late one is surplus', async () => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    await setup.attempt(launchId);
    const { found } = await setup.ports.ec2.describeByToken(place.account, place.region, `mst-${launchId}`);
    const twin = renamed(found[0]!, 'i-0fedcba9876543210');
    await setup.store.saveInstance(undefined, newInstance(twin.sight, setup.now()));
    await attachByToken([found[0]!, twin], setup.ports);
    expect(await setup.store.getInstance(twin.sight)).toMatchObject({
      assignment: { surplusSince: setup.now(), launchId },
    });
    expect(await setup.store.getInstance(found[0]!.sight)).toMatchObject({
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
    const setup = await launchSetup();
    const launchId = await asked(setup);
    setup.region.faults.add({ what: 'lose-answer', where: { service: 'ec2', operation: 'RunInstances' }, times: 1 });
    await expect(setup.attempt(launchId)).rejects.toThrow();
    const key = { ...place, instanceId: setup.launchedBy(launchId)[0]!.instanceId };
    const adopted = withParts(newInstance(key, setup.now()), {
      management: { status: 'enrolled' },
      assignment: { serverId: 'srv_adopted' },
    });
    await setup.store.saveInstance(undefined, adopted);
    expect(await setup.attempt(launchId)).toBe('launched');
    expect(await setup.store.getInstance(key)).toMatchObject({ assignment: { serverId: 'srv_adopted', launchId } });
    expect(await server(setup)).toMatchObject({ instance: null, launchState: 'launched' });
    expect(await setup.ask()).toMatchObject({ generation: 2 });
  });
});

/** What EC2 shows of a token, with another instance type than the launch asked for. */
function asAnotherType(ec2: Launcher): Launcher['describeByToken'] {
  return async (...asked) => {
    const { found, ...answer } = await ec2.describeByToken(...asked);
    return {
      ...answer,
      found: found.map(({ sight, facts }) => ({ sight: { ...sight, instanceType: 'm5.24xlarge' }, facts })),
    };
  };
}
