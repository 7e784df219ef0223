import { describe, expect, it } from 'vitest';
import { listServers, showServer } from '#shared/app/server/read.ts';
import { attached, here } from '../operator-setup.ts';

describe('what an operator sees', () => {
  it('of a server is its instance’s state, unless that instance is another server’s by now', async () => {
    const { ports, store } = await attached('stopped');
    expect(await showServer('srv_1', ports)).toMatchObject({ state: 'stopped', instance: here });
    const before = await store.getInstance(here);
    await store.saveInstance(before, { ...before!, assignment: { ...before!.assignment, serverId: 'srv_2' } });
    expect(await showServer('srv_1', ports)).toMatchObject({ state: 'inactive' });
    expect((await listServers({ size: 10, after: null }, ports)).items).toMatchObject([{ state: 'inactive' }]);
  });
});
