import { describe, expect, it } from 'vitest';
import { terminateServer } from '#shared/app/server/terminate.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import { attached, here } from '../operator-setup.ts';

describe('terminating a server', () => {
  it('ends its current instance, and foretells nothing', async () => {
    const { ports, terminated, written } = await attached('running');
    expect(await terminateServer('srv_1', ports)).toMatchObject({ state: 'booting' });
    expect(terminated).toEqual(['111122223333/us-east-1/i-1']);
    expect(written).toEqual([]);
  });

  it.each(['terminated'] as const)('is refused where its instance is %s', async (state) => {
    const { ports, terminated } = await attached(state);
    const refused = await refusalOf(terminateServer('srv_1', ports));
    expect(refused).toEqual({ code: 'not_running', facts: { serverId: 'srv_1' } });
    expect(terminated).toEqual([]);
  });

  it('never ends an instance that is another server’s by now', async () => {
    const { ports, terminated, store } = await attached('running');
    const before = await store.getInstance(here);
    await store.saveInstance(before, { ...before!, assignment: { ...before!.assignment, serverId: 'srv_2' } });
    expect((await refusalOf(terminateServer('srv_1', ports))).code).toBe('not_running');
    expect(terminated).toEqual([]);
  });
});
