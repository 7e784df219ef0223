import { describe, expect, test } from 'vitest';
import { factsOf, instanceNamed, keyNamed, type MakeStore, start } from './records.ts';

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

    test('facts keep tags by whatever name EC2 lets people give them', async () => {
      const store = await makeStore();
      const tags = { constructor: 'x', toString: 'y', 'a b/c:d': '' };
      await store.putFacts(factsOf('i-1', { tags }));
      expect(await store.getFacts(keyNamed('i-1'))).toEqual(factsOf('i-1', { tags }));
    });

    test('a lease is renewed only by a later request of the agent’s', async () => {
      const store = await makeStore();
      const lease = (seq: number) => ({ ...keyNamed('i-1'), lastSeenAt: start + seq, seq });
      expect(await store.getLease(keyNamed('i-1'))).toBeUndefined();
      expect(await store.renewLease(lease(5))).toBe(true);
      expect(await store.renewLease(lease(5))).toBe(false);
      expect(await store.renewLease(lease(4))).toBe(false);
      expect(await store.getLease(keyNamed('i-1'))).toEqual(lease(5));
      expect(await store.renewLease(lease(6))).toBe(true);
      expect(await store.getLease(keyNamed('i-1'))).toEqual(lease(6));
    });

    test('of many renewals by one request exactly one counts', async () => {
      const store = await makeStore();
      const renewals = Array.from({ length: 20 }, () =>
        store.renewLease({ ...keyNamed('i-1'), lastSeenAt: start, seq: 1 }),
      );
      expect((await Promise.all(renewals)).filter(Boolean)).toHaveLength(1);
    });

    test('facts and leases leave the record alone', async () => {
      const store = await makeStore();
      await store.saveInstance(undefined, instanceNamed('i-1'));
      await store.putFacts(factsOf('i-1'));
      await store.renewLease({ ...keyNamed('i-1'), lastSeenAt: start, seq: 1 });
      expect(await store.getInstance(keyNamed('i-1'))).toEqual(instanceNamed('i-1', { version: 1 }));
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
      expect(await store.getServer('')).toBeUndefined();
      expect(await store.getServer('x'.repeat(3000))).toBeUndefined();
      expect(await store.getLaunch('x'.repeat(3000))).toBeUndefined();
      expect(await store.getInstance(keyNamed(''))).toBeUndefined();
    });
  });
}
