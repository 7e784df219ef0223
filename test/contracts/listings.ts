import { describe, expect, test } from 'vitest';
import type { Page, PageRequest } from '#shared/app/ports.ts';
import { Problem } from '#shared/domain/problems.ts';
import {
  enrollmentKeyNamed,
  factsOf,
  instanceNamed,
  keyNamed,
  leaseOf,
  type MakeStore,
  serverNamed,
} from '#test/build/records.ts';

/** Every page from the first on, with what a caller does: it asks until there is no next. */
async function pagesOf<T>(list: (page: PageRequest) => Promise<Page<T>>, size: number): Promise<T[][]> {
  const pages: T[][] = [];
  let after: string | null = null;
  do {
    const page: Page<T> = await list({ size, after });
    pages.push([...page.items]);
    after = page.next;
  } while (after !== null);
  return pages;
}

const token = (position: object) => Buffer.from(JSON.stringify(position)).toString('base64url');

export function listingContract(makeStore: MakeStore): void {
  describe('listings', () => {
    test('of nothing are one empty page', async () => {
      const store = await makeStore();
      const nothing = { items: [], next: null };
      expect(await store.listInstances({ size: 5, after: null })).toEqual(nothing);
      expect(await store.list('server', { size: 5, after: null })).toEqual(nothing);
      expect(await store.list('key', { size: 5, after: null })).toEqual(nothing);
    });

    test.each([1, 2, 3, 4, 9, 10, 100])('instances come pair by pair, %i to a page, each once', async (size) => {
      const store = await makeStore();
      const regions = ['eu-west-1', 'us-east-1', 'us-west-2'];
      for (const region of regions.toReversed()) await store.ensurePair('111122223333', region);
      await store.ensurePair('111122223333', 'ap-south-1');
      const keys = regions.flatMap((region) => ['i-1', 'i-10', 'i-2'].map((id) => keyNamed(id, region)));
      for (const key of keys) {
        await store.saveInstance(undefined, { ...instanceNamed(key.instanceId), ...key });
        await store.putFacts({ ...factsOf(key.instanceId), ...key });
        await store.renewLease(undefined, leaseOf(key.instanceId, key));
      }
      const pages = await pagesOf((page) => store.listInstances(page), size);
      const listed = pages.flat().map(({ account, region, instanceId }) => ({ account, region, instanceId }));
      expect(listed).toEqual(keys);
      expect(pages).toHaveLength(Math.ceil(keys.length / size));
    });

    test('servers and keys come by id, each once', async () => {
      const store = await makeStore();
      const ids = ['srv_1', 'srv_2', 'srv_3'];
      for (const id of ids.toReversed()) {
        await store.commit([{ kind: 'server', before: undefined, after: serverNamed(id) }]);
        await store.commit([{ kind: 'key', before: undefined, after: enrollmentKeyNamed(id) }]);
      }
      const servers = await pagesOf((page) => store.list('server', page), 2);
      expect(servers.map((page) => page.map(({ id }) => id))).toEqual([['srv_1', 'srv_2'], ['srv_3']]);
      expect(servers[0]?.[0]).toEqual(serverNamed('srv_1', { version: 1 }));
      const keys = await pagesOf((page) => store.list('key', page), 3);
      expect(keys).toEqual([ids.map((id) => enrollmentKeyNamed(id, { version: 1 }))]);
    });

    test.each([
      ['no base64', 'ä'],
      ['no JSON', Buffer.from('{').toString('base64url')],
      ['no object', token([])],
      ['null', Buffer.from('null').toString('base64url')],
      ['empty', ''],
      ['a token with more in it', token({ pair: '111122223333#us-east-1', sk: 'i-1', pk: 'SERVERS' })],
      ['a token of another partition', token({ pair: '1#x#SERVERS', sk: 'i-1' })],
      ['a token of a listing without pairs', token({ sk: 'i-1' })],
      ['a token with an endless sort key', token({ pair: '111122223333#us-east-1', sk: 'i'.repeat(5000) })],
      ['a token with an empty sort key', token({ pair: '111122223333#us-east-1', sk: '' })],
      ['a padded token', `${token({ pair: '111122223333#us-east-1', sk: 'i-1' })}=`],
    ])('%s is refused as a page token', async (_, after) => {
      const store = await makeStore();
      const refusal = await store.listInstances({ size: 5, after }).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(Problem);
      expect(refusal).toMatchObject({ code: 'malformed_request', facts: { field: 'pageToken' } });
    });

    test('a page token of the instances is refused for servers and keys', async () => {
      const store = await makeStore();
      const after = token({ pair: '111122223333#us-east-1', sk: 'i-1' });
      await expect(store.list('server', { size: 5, after })).rejects.toMatchObject({ code: 'malformed_request' });
      await expect(store.list('key', { size: 5, after })).rejects.toMatchObject({ code: 'malformed_request' });
    });

    test('a page token whose pair and instance went leads to what comes after them', async () => {
      const store = await makeStore();
      await store.ensurePair('111122223333', 'us-west-2');
      await store.saveInstance(undefined, { ...instanceNamed('i-1'), region: 'us-west-2' });
      const after = token({ pair: '111122223333#us-east-1', sk: 'i-9' });
      const { items } = await store.listInstances({ size: 5, after });
      expect(items.map(({ region }) => region)).toEqual(['us-west-2']);
    });
  });
}
