import { describe, expect, it } from 'vitest';
import { createServer } from '#shared/app/server/create.ts';
import { launchServer } from '#shared/app/server/launch.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { start } from '#test/build/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import { killable, Life } from '#test/simulation/region/killable.ts';
import { allowed, attached, operatorSetup, request, wanted } from '../operator-setup.ts';

describe('launching a server', () => {
  it('freezes the request in one durable write, and only then sends a message that carries an id alone', async () => {
    const { ports, written, launch, store } = operatorSetup();
    await createServer(wanted, start, ports);
    const view = await launchServer('srv_1', start, ports);
    expect(view).toMatchObject({ generation: 1, launch: { id: 'lch_2', state: 'requested' }, state: 'inactive' });
    expect(view.actions.launch).toEqual({ allowed: false, code: 'server_busy' });
    expect(written.slice(1).map(({ kind }) => kind)).toEqual(['launch', 'server']);
    expect(await store.get('launch', 'lch_2')).toMatchObject({
      request,
      servers: [{ serverId: 'srv_1', generation: 1 }],
    });
    expect(launch.sent).toEqual([{ message: { launchId: 'lch_2' }, delaySeconds: 0 }]);
  });

  it('again is possible once its instance has ended', async () => {
    const { ports } = await attached('terminated');
    expect(await launchServer('srv_1', start, ports)).toMatchObject({ generation: 2 });
  });

  it('is refused while a launch is under way', async () => {
    const { ports, launch } = operatorSetup();
    await createServer(wanted, start, ports);
    await launchServer('srv_1', start, ports);
    const refused = await refusalOf(launchServer('srv_1', start, ports));
    expect(refused).toEqual({ code: 'server_busy', facts: { serverId: 'srv_1' } });
    expect(launch.sent).toHaveLength(1);
  });

  it.each(['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'unknown'] as const)(
    'is refused while it has an instance that is %s',
    async (state) => {
      const { ports, written } = await attached(state);
      const refused = await refusalOf(launchServer('srv_1', start, ports));
      expect(refused).toEqual({ code: 'server_busy', facts: { serverId: 'srv_1' } });
      expect(written).toEqual([]);
    },
  );

  it('is refused for a server that was adopted', async () => {
    const { ports } = await attached('terminated', { request: null });
    const refused = await refusalOf(launchServer('srv_1', start, ports));
    expect(refused).toEqual({ code: 'not_launchable', facts: { serverId: 'srv_1' } });
  });

  const moments = [1, 2, 3, 4].flatMap((call) => (['before', 'after'] as const).map((side) => ({ call, side })));
  it.each(moments)('whose process dies $side call $call leaves no launch without its user data', async (moment) => {
    const { ports, store, userData, written } = await attached('terminated');
    const life = new Life({ dies: (call, side) => call === moment.call && side === moment.side });
    const mortal = {
      ...ports,
      ...{ store: killable(ports.store, life), userData: killable(userData, life) },
      launch: killable(ports.launch, life),
    };
    await launchServer('srv_1', start, mortal).catch(() => {});
    const launches = written.flatMap((change) => (change.kind === 'launch' ? [change.after] : []));
    for (const { id } of launches) expect(await userData.get(id), id).toContain('"grant"');
    // What was asked for is due until EC2 has answered, whether or not its message went out.
    const due = await store.listDue(start + defaultTiming.launchNudgeSeconds * 1000, 10);
    expect(due.map(({ id }) => id)).toEqual(launches.map(({ id }) => id));
  });

  it('is refused for a server that is none', async () => {
    const { ports } = operatorSetup();
    const refused = await refusalOf(launchServer('srv_none', start, ports));
    expect(refused).toEqual({ code: 'not_found', facts: { serverId: 'srv_none' } });
  });

  it('is refused where the account has stopped to allow what the request names', async () => {
    const { ports } = await attached('terminated');
    const accounts = { '111122223333': { regions: ['us-east-1'], launch: { ...allowed, subnetIds: [] } } };
    const refused = await refusalOf(launchServer('srv_1', start, { ...ports, accounts }));
    expect(refused).toEqual({ code: 'launch_not_allowed', facts: { field: 'subnetId', value: 'subnet-1' } });
  });

  it('twice at one moment is one launch, and the other is told of the conflict', async () => {
    const { ports, launch } = await attached('terminated');
    const both = await Promise.allSettled([1, 2].map(() => launchServer('srv_1', start, ports)));
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'conflict', facts: { serverId: 'srv_1' } },
    });
    expect(launch.sent).toHaveLength(1);
  });
});
