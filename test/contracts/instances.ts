import { describe, expect, test } from 'vitest';
import { knownOf } from '#shared/app/instance/facts-digest.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import type { InstanceParts } from '#test/build/an-instance.ts';
import { factsOf, instanceNamed, keyNamed, leaseOf, type MakeStore, start } from '#test/build/records.ts';
import { readPair } from '#test/build/whole.ts';

const fat: InstanceParts = {
  agent: { id: 'agent-1', version: '', bootId: 'boot-1', enrolledAt: start, state: null, stateAt: null },
  cloud: {
    state: 'stopped',
    at: start + 1,
    source: 'describe',
    epoch: start - 5,
    epochNamed: true,
    stoppedAt: start,
    runningAt: start - 1,
    seenAt: start + 2,
    verify: { reason: 'order_unknown', since: start },
    absent: { seenAt: start, since: null },
    ledger: ['shutting-down@1793613600.5#abcdefg', 'pending@1793613600#1'],
    failedStart: { at: start, reason: 'unknown' },
    warnings: [
      { kind: 'spot_interruption', since: start, saidAt: start + 5000, deadline: start + 125_000 },
      { kind: 'rebalance_recommendation', since: start - 60_000, saidAt: start - 60_000, deadline: null },
    ],
  },
  management: { status: 'enrolled', reason: 'adopted' },
  assignment: { serverId: 'srv_1', launchId: 'lch_1', surplusSince: start },
  identity: {
    conflict: { reason: 'broken_chain', since: start },
    reenroll: { by: 'agent-2', until: start, replaces: 'agent-1', proof: 'sts' },
    refusedAttempt: { at: start, code: 'grant_missing', reference: 'ref_1' },
  },
};

export function instanceContract(makeStore: MakeStore): void {
  describe('instances', () => {
    test('an instance that was never saved is not there', async () => {
      const store = await makeStore();
      expect(await store.getInstance(keyNamed('i-1'))).toBeUndefined();
    });

    test.each([
      ['blank', {}],
      ['with every field set', fat],
      [
        'of which a re-enrollment knows little',
        { identity: { reenroll: { by: 'key_1', until: start, replaces: null, proof: null } } },
      ],
      ['ended by inference', { cloud: { state: 'terminated', at: start, inferred: true, ledger: [] } } as const],
    ])('a record %s comes back as it was saved, one version on', async (_, fields) => {
      const store = await makeStore();
      const record = instanceNamed('i-1', fields);
      expect(await store.saveInstance(undefined, record)).toEqual({ saved: true });
      expect(await store.getInstance(record)).toEqual({ ...record, version: 1 });
    });

    test('a record is made once, and whoever comes second gets the first', async () => {
      const store = await makeStore();
      await store.saveInstance(undefined, instanceNamed('i-1', { assignment: { serverId: 'srv_first' } }));
      const second = await store.saveInstance(
        undefined,
        instanceNamed('i-1', { assignment: { serverId: 'srv_second' } }),
      );
      expect(second).toEqual({
        saved: false,
        current: instanceNamed('i-1', { version: 1, assignment: { serverId: 'srv_first' } }),
      });
    });

    test('a write that was decided on an older version is refused with the record that stands', async () => {
      const store = await makeStore();
      await store.saveInstance(undefined, instanceNamed('i-1'));
      const read = instanceNamed('i-1', { version: 1 });
      expect(
        await store.saveInstance(read, { ...read, assignment: { ...read.assignment, serverId: 'srv_1' } }),
      ).toEqual({ saved: true });
      const late = await store.saveInstance(read, { ...read, assignment: { ...read.assignment, serverId: 'srv_2' } });
      expect(late).toEqual({
        saved: false,
        current: { ...read, version: 2, assignment: { ...read.assignment, serverId: 'srv_1' } },
      });
    });

    test('a write that was decided on a record that is not there makes none', async () => {
      const store = await makeStore();
      const gone = instanceNamed('i-1', { version: 3 });
      expect(await store.saveInstance(gone, gone)).toEqual({ saved: false, current: undefined });
      expect(await store.getInstance(gone)).toBeUndefined();
    });

    test('the version given with a record counts for nothing', async () => {
      const store = await makeStore();
      await store.saveInstance(undefined, instanceNamed('i-1', { version: 77 }));
      const read = instanceNamed('i-1', { version: 1 });
      await store.saveInstance(read, { ...read, version: 99 });
      expect((await store.getInstance(read))?.version).toBe(2);
    });

    test('a field that a write takes away is gone', async () => {
      const store = await makeStore();
      await store.saveInstance(undefined, instanceNamed('i-1', fat));
      await store.saveInstance(instanceNamed('i-1', { ...fat, version: 1 }), instanceNamed('i-1'));
      expect(await store.getInstance(keyNamed('i-1'))).toEqual(instanceNamed('i-1', { version: 2 }));
    });

    test('of twenty writers at once exactly one wins, round by round', async () => {
      const store = await makeStore();
      let current: Instance | undefined;
      for (let round = 1; round <= 5; round++) {
        const writers = Array.from({ length: 20 }, (_, n) =>
          store.saveInstance(current, instanceNamed('i-1', { assignment: { serverId: `srv_${round}_${n}` } })),
        );
        const saved = await Promise.all(writers);
        const winners = saved.flatMap((one, n) => (one.saved ? [n] : []));
        expect(winners).toHaveLength(1);
        current = await store.getInstance(keyNamed('i-1'));
        expect(current).toMatchObject({ version: round, assignment: { serverId: `srv_${round}_${winners[0]}` } });
        // Whoever lost was told of the winner's record, or of that of a round that nobody else wrote in.
        for (const one of saved) if (!one.saved) expect(one.current).toEqual(current);
      }
    });

    test('a pair is read with when its agents were heard of and what describe said, and without the neighbours', async () => {
      const store = await makeStore();
      await store.saveInstance(undefined, instanceNamed('i-1'));
      await store.saveInstance(undefined, instanceNamed('i-2'));
      await store.saveInstance(undefined, { ...instanceNamed('i-3'), region: 'us-east-2' });
      await store.renewLease(undefined, leaseOf('i-2'));
      await store.renewLease(undefined, leaseOf('i-3', { region: 'us-east-2' }));
      await store.putFacts(factsOf('i-1'));
      await store.putFacts({ ...factsOf('i-3'), region: 'us-east-2' });
      expect(await readPair(store, keyNamed('i-1'))).toEqual([
        { instance: instanceNamed('i-1', { version: 1 }), facts: knownOf(factsOf('i-1')) },
        { instance: instanceNamed('i-2', { version: 1 }), lastHeardAt: start },
      ]);
    });

    test('a pair is read without what ended before a moment, unless it is in doubt, and without what lies beside that', async () => {
      const store = await makeStore();
      const verify = { reason: 'alive_when_ended', since: start } as const;
      const records = {
        'i-1': { state: 'terminated', at: start - 1 },
        'i-10': { state: 'running', at: start - 1 },
        'i-2': { state: 'terminated', at: start },
        'i-3': { state: 'terminated', at: start - 1, verify },
        'i-4': { state: 'terminated', at: start - 1, inferred: true },
      } as const;
      for (const [id, cloud] of Object.entries(records)) {
        await store.saveInstance(undefined, instanceNamed(id, { cloud }));
        await store.renewLease(undefined, leaseOf(id));
        await store.putFacts(factsOf(id));
      }
      const read = await readPair(store, keyNamed('i-1'), start);
      const kept = ['i-10', 'i-2', 'i-3'];
      expect(read.map(({ instance }) => instance.instanceId)).toEqual(kept);
      const besideAll = { lastHeardAt: start, facts: { describedAt: start } };
      expect(read).toMatchObject(kept.map(() => besideAll));
      expect(await readPair(store, keyNamed('i-1'))).toMatchObject(Array(5).fill(besideAll));
    });
  });
}
