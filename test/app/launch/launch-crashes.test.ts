import { describe, expect, it } from 'vitest';
import { sweepRegion } from '#shared/app/cloud/sweep-region.ts';
import { handleDue } from '#shared/app/handle-due.ts';
import { launchServer } from '#shared/app/server/launch.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { second } from '#test/contracts/records.ts';
import { place } from '../cloud/ec2-stage.ts';
import { asked, dying, type LaunchStage, launchStage } from './launch-stage.ts';

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
async function expectOneAttached(stage: LaunchStage, launchId: string, how: string): Promise<void> {
  const made = stage.launchedBy(launchId);
  expect(made.length, how).toBe(1);
  const key = { ...place, instanceId: made[0]!.instanceId };
  expect(await stage.store.get('launch', launchId), how).toMatchObject({ state: 'launched', instances: [key] });
  expect(await stage.store.get('server', stage.serverId), how).toMatchObject({
    instance: key,
    launchState: 'launched',
  });
  expect(await stage.store.getInstance(key), how).toMatchObject({ assignment: { launchId, serverId: stage.serverId } });
  expect(await stage.store.getFacts(key), how).toMatchObject({ clientToken: `mst-${launchId}` });
  expect(await stage.store.listPairs(), how).toMatchObject([place]);
}

describe('a process that dies while it launches', () => {
  const attemptDying = async (atCall: number, when: 'before' | 'after') => {
    const stage = await launchStage();
    const launchId = await asked(stage);
    const { life, ports } = dying(stage.ports, atCall, when);
    const outcome = await stage.attempt(launchId, ports).catch((error: Error) => error.name);
    return { stage, launchId, life, outcome };
  };
  const everyDeath = () => deaths(async (atCall) => (await attemptDying(atCall, 'before')).life.calls);

  it('launches once, wherever it dies: the message comes again', async () => {
    const all = await everyDeath();
    expect(all.length).toBeGreaterThanOrEqual(2 * 8);
    for (const { atCall, when } of all) {
      const how = `died ${when} call ${atCall}`;
      const { stage, launchId, outcome } = await attemptDying(atCall, when);
      expect(outcome, how).toBe('ProcessDied');
      expect(await stage.attempt(launchId), how).toBe('launched');
      await expectOneAttached(stage, launchId, how);
      expect(await stage.ports.userData.get(launchId), how).toBeUndefined();
    }
  });

  it('launches once, wherever it dies, if the message comes again only after the deadline', async () => {
    for (const { atCall, when } of await everyDeath()) {
      const how = `died ${when} call ${atCall}`;
      const { stage, launchId } = await attemptDying(atCall, when);
      const made = stage.launchedBy(launchId).length;
      stage.clock.advance(deadline + 1);
      const state = await stage.attempt(launchId);
      expect(state, how).toBe(made === 1 ? 'launched' : 'expired');
      if (made === 1) await expectOneAttached(stage, launchId, how);
      else
        expect(await stage.store.get('server', stage.serverId), how).toMatchObject({
          launchState: 'expired',
          instance: null,
        });
      expect(stage.region.truth(), how).toHaveLength(made);
    }
  });

  it('leaves to the next sweep what it launched, if the message never comes again', async () => {
    for (const { atCall, when } of await everyDeath()) {
      const how = `died ${when} call ${atCall}`;
      const { stage, launchId } = await attemptDying(atCall, when);
      stage.clock.advance(30 * second);
      await sweepRegion(place.account, place.region, stage.ports);
      if (stage.launchedBy(launchId).length === 0) {
        expect(await stage.store.get('launch', launchId), how).toMatchObject({ state: 'requested' });
      } else {
        await expectOneAttached(stage, launchId, how);
      }
    }
  });
});

describe('a process that dies while it takes an operator’s request', () => {
  const askDying = async (atCall: number, when: 'before' | 'after') => {
    const stage = await launchStage();
    const { life, ports } = dying(stage.operate, atCall, when);
    const outcome = await launchServer(stage.serverId, stage.now(), ports).then(
      () => 'answered',
      (error: Error) => error.name,
    );
    return { stage, life, outcome };
  };

  it('has either asked for nothing, or for a launch that is ended by name or carried out', async () => {
    const all = await deaths(async (atCall) => (await askDying(atCall, 'before')).life.calls);
    expect(all.length).toBeGreaterThanOrEqual(2 * 4);
    for (const { atCall, when } of all) {
      const how = `died ${when} call ${atCall}`;
      const { stage, outcome } = await askDying(atCall, when);
      expect(outcome, how).toBe('ProcessDied');
      const { launchId, launchState, generation } = (await stage.store.get('server', stage.serverId))!;
      if (launchId === null) {
        expect([launchState, generation, stage.launch.sent], how).toEqual([null, 0, []]);
        expect(await stage.ask(), how).toMatchObject({ generation: 1 });
      } else if (stage.launch.sent.length > 0) {
        expect(await stage.attempt(launchId), how).toBe('launched');
        await expectOneAttached(stage, launchId, how);
      } else {
        await expectEndedByTick(stage, launchId, how);
      }
    }
  });

  /** Intent without a message: the tick asks at the deadline, and nothing was ever sent. */
  async function expectEndedByTick(stage: LaunchStage, launchId: string, how: string): Promise<void> {
    stage.clock.advance(deadline + 1);
    const failed = (_record: object, error: unknown) => expect.unreachable(String(error));
    await handleDue(stage.now(), { store: stage.store, launch: stage.launch, failed, timing: defaultTiming });
    expect(stage.launch.messages, how).toEqual([{ launchId }]);
    expect(await stage.attempt(launchId), how).toBe('expired');
    expect(stage.region.truth(), how).toEqual([]);
    expect(await stage.ask(), how).toMatchObject({ generation: 2 });
  }
});
