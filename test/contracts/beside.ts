import { describe, expect, test } from 'vitest';
import { knownOf } from '#shared/app/instance/facts-digest.ts';
import {
  factsOf,
  instanceNamed,
  keyNamed,
  leaseOf,
  linkOf,
  type MakeStore,
  second,
  start,
} from '#test/build/records.ts';
import { readPair } from '#test/build/whole.ts';

export function besideContract(makeStore: MakeStore): void {
  describe('facts, leases and pairs', () => {
    test('facts come back as they were put last', async () => {
      const store = await makeStore();
      expect(await store.getFacts(keyNamed('i-1'))).toBeUndefined();
      await store.putFacts(factsOf('i-1'));
      await store.putFacts(factsOf('i-1', { publicIp: '192.0.2.1', tags: {} }));
      expect(await store.getFacts(keyNamed('i-1'))).toEqual(factsOf('i-1', { publicIp: '192.0.2.1', tags: {} }));
      expect(await store.getInstance(keyNamed('i-1'))).toBeUndefined();
    });

    test('facts of an older answer overwrite nothing, however late they come', async () => {
      const store = await makeStore();
      const described = (at: number, publicIp: string) => factsOf('i-1', { describedAt: start + at, publicIp });
      await store.putFacts(described(2, '192.0.2.2'));
      await store.putFacts(described(1, '192.0.2.1'));
      expect(await store.getFacts(keyNamed('i-1'))).toEqual(described(2, '192.0.2.2'));
      await store.putFacts(described(3, '192.0.2.3'));
      expect(await store.getFacts(keyNamed('i-1'))).toEqual(described(3, '192.0.2.3'));
    });

    test('facts keep tags by whatever name EC2 lets people give them', async () => {
      const store = await makeStore();
      const tags = { constructor: 'x', toString: 'y', 'a b/c:d': '' };
      await store.putFacts(factsOf('i-1', { tags }));
      expect(await store.getFacts(keyNamed('i-1'))).toEqual(factsOf('i-1', { tags }));
    });

    test('a lease is renewed only by whoever has seen the one that stands', async () => {
      const store = await makeStore();
      const lease = (seq: number) => leaseOf('i-1', { lastSeenAt: start + seq, seq, link: linkOf(seq) });
      expect(await store.getLease(keyNamed('i-1'))).toBeUndefined();
      expect(await store.renewLease(lease(4), lease(5))).toBe(false);
      expect(await store.renewLease(undefined, lease(5))).toBe(true);
      expect(await store.renewLease(undefined, lease(6))).toBe(false);
      expect(await store.renewLease(lease(4), lease(6))).toBe(false);
      expect(await store.getLease(keyNamed('i-1'))).toEqual(lease(5));
      expect(await store.renewLease(lease(5), lease(6))).toBe(true);
      expect(await store.getLease(keyNamed('i-1'))).toEqual(lease(6));
    });

    test('a lease of the same number is another one if its link is, as after a new key, and the other way round', async () => {
      const store = await makeStore();
      const [old, later] = [leaseOf('i-1'), leaseOf('i-1', { seq: 2 })];
      await store.renewLease(undefined, old);
      const ofNewKey = leaseOf('i-1', { agentId: 'agent-2', link: linkOf(2) });
      expect(await store.renewLease(old, ofNewKey)).toBe(true);
      expect(await store.renewLease(old, later)).toBe(false);
      expect(await store.renewLease({ ...ofNewKey, seq: 9 }, later)).toBe(false);
      expect(await store.getLease(keyNamed('i-1'))).toEqual(ofNewKey);
    });

    test('a lease is another one once somebody was told that it is overtaken', async () => {
      const store = await makeStore();
      const [lease, told] = [leaseOf('i-1'), leaseOf('i-1', { overtakenAt: start })];
      await store.renewLease(undefined, lease);
      expect(await store.renewLease(lease, told)).toBe(true);
      expect(await store.getLease(keyNamed('i-1'))).toEqual(told);
      expect(await store.renewLease(lease, leaseOf('i-1', { seq: 2 }))).toBe(false);
      expect(await store.renewLease(told, leaseOf('i-1', { seq: 2 }))).toBe(true);
      expect(await store.getLease(keyNamed('i-1'))).toEqual(leaseOf('i-1', { seq: 2 }));
    });

    test('a lease of the same number and another link is not the one that was seen', async () => {
      const store = await makeStore();
      await store.renewLease(undefined, leaseOf('i-1', { link: linkOf(2) }));
      expect(await store.renewLease(leaseOf('i-1'), leaseOf('i-1', { seq: 2 }))).toBe(false);
    });

    test('a lease from before there were links is renewed like any other', async () => {
      const store = await makeStore();
      const { link: _, agentId: __, ...old } = leaseOf('i-1', { seq: 7 });
      await store.renewLease(undefined, old as ReturnType<typeof leaseOf>);
      const stands = await store.getLease(keyNamed('i-1'));
      expect(await store.renewLease(stands, leaseOf('i-1', { seq: 8 }))).toBe(true);
      expect(await store.renewLease(stands, leaseOf('i-1', { seq: 8 }))).toBe(false);
    });

    test('of many renewals of one lease exactly one counts', async () => {
      const store = await makeStore();
      for (const before of [undefined, leaseOf('i-1')]) {
        const after = leaseOf('i-1', before && { seq: 2, link: linkOf(2) });
        const renewals = Array.from({ length: 20 }, () => store.renewLease(before, after));
        expect((await Promise.all(renewals)).filter(Boolean)).toHaveLength(1);
      }
    });

    test('facts and leases leave the record alone', async () => {
      const store = await makeStore();
      await store.saveInstance(undefined, instanceNamed('i-1'));
      await store.putFacts(factsOf('i-1'));
      await store.renewLease(undefined, leaseOf('i-1'));
      expect(await store.getInstance(keyNamed('i-1'))).toEqual(instanceNamed('i-1', { version: 1 }));
    });

    test('what lies beside an instance goes if it is what was read, and what came since stays', async () => {
      const store = await makeStore();
      const read = { lastHeardAt: start, facts: knownOf(factsOf('i-1')) };
      const later = start + 60 * second;
      await store.saveInstance(undefined, instanceNamed('i-1'));
      await store.dropBeside(keyNamed('i-1'), read);
      await store.putFacts(factsOf('i-1'));
      await store.renewLease(undefined, leaseOf('i-1'));
      const others = { lastHeardAt: later, facts: { ...read.facts, describedAt: later } };
      for (const other of [{}, others]) await store.dropBeside(keyNamed('i-1'), other);
      expect(await readPair(store, keyNamed('i-1'))).toMatchObject([read]);
      await store.dropBeside(keyNamed('i-1'), { facts: read.facts });
      expect(await store.getFacts(keyNamed('i-1'))).toBeUndefined();
      expect(await store.getLease(keyNamed('i-1'))).toEqual(leaseOf('i-1'));
      await store.dropBeside(keyNamed('i-1'), read);
      expect(await readPair(store, keyNamed('i-1'))).toEqual([{ instance: instanceNamed('i-1', { version: 1 }) }]);
    });

    test('a pair is made on first sight and never made anew', async () => {
      const store = await makeStore();
      expect(await store.getPair('111122223333', 'us-east-1')).toBeUndefined();
      await store.ensurePair('111122223333', 'us-east-1');
      const swept = {
        account: '111122223333',
        region: 'us-east-1',
        lastSweepAt: start,
        withheld: { since: start, released: false },
      };
      expect(await store.getPair('111122223333', 'us-east-1')).toEqual({ ...swept, lastSweepAt: null, withheld: null });
      await store.savePair(swept);
      await store.ensurePair('111122223333', 'us-east-1');
      expect(await store.listPairs()).toEqual([swept]);
    });

    test('pairs are listed by account, then region', async () => {
      const store = await makeStore();
      await store.ensurePair('222222222222', 'eu-west-1');
      await store.ensurePair('111122223333', 'us-east-1');
      await store.ensurePair('111122223333', 'eu-west-1');
      const listed = (await store.listPairs()).map(({ account, region }) => `${account} ${region}`);
      expect(listed).toEqual(['111122223333 eu-west-1', '111122223333 us-east-1', '222222222222 eu-west-1']);
    });

    test('ids that cannot be keys are of nothing', async () => {
      const store = await makeStore();
      expect(await store.get('server', '')).toBeUndefined();
      expect(await store.get('server', 'x'.repeat(3000))).toBeUndefined();
      expect(await store.get('launch', 'x'.repeat(3000))).toBeUndefined();
      expect(await store.getInstance(keyNamed(''))).toBeUndefined();
    });
  });
}
