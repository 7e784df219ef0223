import { describe, expect, it } from 'vitest';
import { sweepRegion } from '#shared/app/cloud/sweep-region.ts';
import { handleDue } from '#shared/app/handle-due.ts';
import { launchServer } from '#shared/app/server/launch.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { second } from '#test/build/records.ts';
import { place } from '../cloud/ec2-setup.ts';
import { asked, dying, type LaunchSetup, launchSetup } from './launch-setup.ts';

const deadline = defaultTiming.launchToPendingSeconds * second;

/** Every call after which a run of `run` can die, with both sides of it. */
async function deaths(
  run: (atCall: number) => Promise<number>,
): Promise<{ atCall: number; when: 'before' | 'after' }[]> {
  const calls = await run(Number.POSITIVE_INFINITY);
  return Array.from({ length: calls }, (_, nth) => nth + 1).flatMap((atCall) => [
    { atCall, when: 'before' as const },
    { atCall, when: 'after' as const },
  ]);
}

/** However it came to it: at most one instance of the launch, and it is the one on record, attached to the server. */
async function expectOneAttached(setup: LaunchSetup, launchId: string, how: string): Promise<void> {
  const made = setup.launchedBy(launchId);
  expect(made.length, how).toBe(1);
  const key = { ...place, instanceId: made[0]!.instanceId };
  expect(await setup.store.get('launch', launchId), how).toMatchObject({ state: 'launched', instances: [key] });
  expect(await setup.store.get('server', setup.serverId), how).toMatchObject({
    instance: key,
    launchState: 'launched',
  });
  expect(await setup.store.getInstance(key), how).toMatchObject({ assignment: { launchId, serverId: setup.serverId } });
  expect(await setup.store.getFacts(key), how).toMatchObject({ clientToken: `mst-${launchId}` });
  expect(await setup.store.listPairs(), how).toMatchObject([place]);
}

describe('a process that dies while it launches', () => {
  const attemptDying = async (atCall: number, when: 'before' | 'after') => {
    const setup = await launchSetup();
    const launchId = await asked(setup);
    const { life, ports } = dying(setup.ports, atCall, when);
    const outcome = await setup.attempt(launchId, ports).catch((error: Error) => error.name);
    return { setup, launchId, life, outcome };
  };
  const everyDeath = () => deaths(async (atCall) => (await attemptDying(atCall, 'before')).life.calls);

  it('launches once, wherever it dies: the message comes again', async () => {
    const all = await everyDeath();
    expect(all.length).toBeGreaterThanOrEqual(2 * 8);
    for (const { atCall, when } of all) {
      const how = `died ${when} call ${atCall}`;
      const { setup, launchId, outcome } = await attemptDying(atCall, when);
      expect(outcome, how).toBe('ProcessDied');
      expect(await setup.attempt(launchId), how).toBe('launched');
      await expectOneAttached(setup, launchId, how);
      expect(await setup.ports.userData.get(launchId), how).toBeUndefined();
    }
  });

  it('launches once, wherever it dies, if the message comes again only after the deadline', async () => {
    for (const { atCall, when } of await everyDeath()) {
      const how = `died ${when} call ${atCall}`;
      const { setup, launchId } = await attemptDying(atCall, when);
      const made = setup.launchedBy(launchId).length;
      setup.clock.advance(deadline + 1);
      const state = await setup.attempt(launchId);
      expect(state, how).toBe(made === 1 ? 'launched' : 'expired');
      if (made === 1) await expectOneAttached(setup, launchId, how);
      else
        expect(await setup.store.get('server', setup.serverId), how).toMatchObject({
          launchState: 'expired',
          instance: null,
        });
      expect(setup.region.truth(), how).toHaveLength(made);
    }
  });

  it('leaves to the next sweep what it launched, if the message never comes again', async () => {
    for (const { atCall, when } of await everyDeath()) {
      const how = `died ${when} call ${atCall}`;
      const { setup, launchId } = await attemptDying(atCall, when);
      setup.clock.advance(30 * second);
      await sweepRegion(place.account, place.region, setup.ports);
      if (setup.launchedBy(launchId).length === 0) {
        expect(await setup.store.get('launch', launchId), how).toMatchObject({ state: 'requested' });
      } else {
        await expectOneAttached(setup, launchId, how);
      }
    }
  });
});

describe('a process that dies while it takes an operator’s request', () => {
  const askDying = async (atCall: number, when: 'before' | 'after') => {
    const setup = await launchSetup();
    const { life, ports } = dying(setup.operate, atCall, when);
    const outcome = await launchServer(setup.serverId, setup.now(), ports).then(
      () => 'answered',
      (error: Error) => error.name,
    );
    return { setup, life, outcome };
  };

  it('has either asked for nothing, or for a launch that is ended by name or carried out', async () => {
    const all = await deaths(async (atCall) => (await askDying(atCall, 'before')).life.calls);
    expect(all.length).toBeGreaterThanOrEqual(2 * 4);
    for (const { atCall, when } of all) {
      const how = `died ${when} call ${atCall}`;
      const { setup, outcome } = await askDying(atCall, when);
      expect(outcome, how).toBe('ProcessDied');
      const { launchId, launchState, generation } = (await setup.store.get('server', setup.serverId))!;
      if (launchId === null) {
        expect([launchState, generation, setup.launch.sent], how).toEqual([null, 0, []]);
        expect(await setup.ask(), how).toMatchObject({ generation: 1 });
      } else if (setup.launch.sent.length > 0) {
        expect(await setup.attempt(launchId), how).toBe('launched');
        await expectOneAttached(setup, launchId, how);
      } else {
        await expectEndedByTick(setup, launchId, how);
      }
    }
  });

  /** Intent without a message: the tick asks at the deadline, and nothing was ever sent. */
  async function expectEndedByTick(setup: LaunchSetup, launchId: string, how: string): Promise<void> {
    setup.clock.advance(deadline + 1);
    const failed = (_record: object, error: unknown) => expect.unreachable(String(error));
    await handleDue(setup.now(), { store: setup.store, launch: setup.launch, failed, timing: defaultTiming });
    expect(setup.launch.messages, how).toEqual([{ launchId }]);
    expect(await setup.attempt(launchId), how).toBe('expired');
    expect(setup.region.truth(), how).toEqual([]);
    expect(await setup.ask(), how).toMatchObject({ generation: 2 });
  }
});
