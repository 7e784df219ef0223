import { describe, expect, it } from 'vitest';
import { endConflicts, openCheckins, readmitAgents } from '#shared/app/agent/restore.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { anAct, keyNamed, leaseOf, linkOf, second } from '#test/build/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import { ignoreDeath, killable, Life } from '#test/simulation/region/killable.ts';
import { here, now } from '../enrollment/enrollment-setup.ts';
import { later, lifeSetup } from './life-setup.ts';

const opening = { restoredTo: now, openedBy: 'ann', reason: 'a bug' };

async function setupWith(fields: Parameters<typeof lifeSetup>[0] = {}) {
  const setup = await lifeSetup(fields);
  return { ...setup, ports: { store: setup.store, timing: defaultTiming } };
}

describe('after a restore', () => {
  it('the check-ins are opened by somebody, for a reason, and that is on record', async () => {
    const { ports, store } = await setupWith();
    const view = await openCheckins(opening, later, ports);
    expect(view).toEqual({
      ...{ restoredTo: '2026-11-02T10:00:30Z', openedAt: '2026-11-02T10:30:30Z', until: '2026-11-02T12:30:30Z' },
      ...{ openedBy: 'ann', reason: 'a bug' },
    });
    expect(await store.get('restore', 'latest')).toMatchObject({ restoredTo: now, openedBy: 'ann' });
  });

  it('an agent whose enrollment was lost enrolls again with its own key, and the key that was restored is denied', async () => {
    const { ports, store, enroll, key } = await setupWith();
    const lost = newAgentKey();
    const elsewhere = keyNamed('i-0fedcba9876543210');
    const agents = [
      { ...here, agentId: lost.id },
      { ...elsewhere, agentId: newAgentKey().id },
    ];
    expect(await refusalOf(readmitAgents(agents, anAct, later, ports))).toMatchObject({ code: 'restore_not_open' });
    await openCheckins(opening, later, ports);
    const { items } = await readmitAgents(agents, anAct, later, ports);
    expect(items).toEqual([
      { ...here, done: true, code: null },
      { ...elsewhere, done: false, code: 'not_found' },
    ]);
    expect(await store.get('binding', key.id)).toMatchObject({ status: 'denied', ended: { by: lost.id } });
    expect(await enroll({ key: lost, now: later + second })).toMatchObject({ agentId: lost.id, serverId: 'srv_1' });
    expect((await readmitAgents(agents.slice(0, 1), anAct, later, ports)).items).toEqual([
      { ...here, done: true, code: null },
    ]);
    expect(await store.getInstance(here)).toMatchObject({ agent: { id: lost.id } });
  });

  it('conflicts of a time end together, and the next check-in begins a chain', async () => {
    const conflict = { reason: 'broken_chain', since: now } as const;
    const { ports, store, held, key } = await setupWith({ identity: { conflict } });
    await store.renewLease(undefined, leaseOf(here.instanceId, { agentId: key.id, seq: 7, link: linkOf(3) }));
    const before = await endConflicts([here], { since: now + 1, until: later }, ports);
    expect(before.items).toEqual([{ ...here, done: false, code: 'not_in_conflict' }]);
    expect((await held()).identity.conflict).toEqual(conflict);
    const { items } = await endConflicts([here], { since: now, until: later }, ports);
    expect(items).toEqual([{ ...here, done: true, code: null }]);
    expect((await held()).identity.conflict).toBeNull();
    expect(await store.getLease(here)).toMatchObject({ agentId: '', seq: 7 });
  });

  it.each(['before', 'after'] as const)(
    'a conflict whose end died %s any of its calls stands, or has a new chain',
    async (when) => {
      const endDying = async (atCall: number) => {
        const { ports, store, held, key } = await setupWith({
          identity: { conflict: { reason: 'broken_chain', since: now } },
        });
        await store.renewLease(undefined, leaseOf(here.instanceId, { agentId: key.id, seq: 7, link: linkOf(3) }));
        const life = new Life({ dies: (call, side) => call === atCall && side === when });
        const seen = { since: now, until: later };
        await endConflicts([here], seen, { store: killable(store, life) }).catch(ignoreDeath);
        const how = `died ${when} call ${atCall}`;
        if ((await held()).identity.conflict === null)
          expect(await store.getLease(here), how).toMatchObject({ agentId: '' });
        await endConflicts([here], seen, ports);
        expect((await held()).identity.conflict, how).toBeNull();
        expect(await store.getLease(here), how).toMatchObject({ agentId: '' });
        return life.calls;
      };
      const calls = await endDying(Number.POSITIVE_INFINITY);
      for (let atCall = 1; atCall <= calls; atCall++) await endDying(atCall);
    },
  );
});
