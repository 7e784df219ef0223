import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Binding, InstanceFacts, KeyUse, Lease, Saved, Store } from '#shared/app/ports.ts';
import { type AccountRegion, newAccountRegion } from '#shared/domain/cloud/sweep.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import type { Launch } from '#shared/domain/launch/launch.ts';
import type { Server } from '#shared/domain/server/server.ts';
import { seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { listDue, putOff } from './due.ts';
import { firstTryUpdate } from './first-try-update.ts';
import { fromInstanceItem } from './instance-item.ts';
import { factsItem, keyUse, leasePut, markItem, pairItem, putOf, readKey, unwrap } from './items.ts';
import {
  bindingItemKey,
  factsItemKey,
  type ItemKey,
  instanceItemKey,
  keyItemKey,
  launchItemKey,
  leaseItemKey,
  pairItemKey,
  pairName,
  pairPartition,
  revocationMarkOf,
  revocationMarks,
  serverItemKey,
} from './keys.ts';
import { listInstances, listKeys, listPairs, listServers } from './listings.ts';
import { getItem, query } from './read.ts';
import type { Table } from './table.ts';
import { type Check, ensureItem, putAll, putItem, updateItem, type Written } from './write.ts';

/** The records in DynamoDB, in the table of infra/tables.yml. Whatever is no answer of the port, such as throttling, throws as the SDK's error. */
export function createDynamoStore(options: { client: DynamoDBClient; tableName: string; timing: Timing }): Store {
  const { timing, ...table } = options;
  return {
    ...instanceStore(table, timing),
    ...pairStore(table),
    ...recordReads(table),

    getFacts: (key) => read<InstanceFacts>(table, factsItemKey(key)),
    async putFacts(facts) {
      await putItem(table, { item: factsItem(facts), tests: [] });
    },
    getLease: (key) => read<Lease>(table, leaseItemKey(key)),
    async renewLease(before, after) {
      return (await putItem(table, leasePut(before, after))).done;
    },

    async commit(changes, use) {
      const puts = changes.map((change) => putOf(change, timing));
      const [only] = puts;
      if (!only) return true;
      // Alone, a change needs no transaction, which would cost twice as much.
      if (use) return putAll(table, puts, [notRevoked(use)]);
      return puts.length === 1 ? (await putItem(table, only)).done : putAll(table, puts);
    },

    async markRevoked(keyId) {
      await Promise.all(revocationMarks(keyId).map((key) => ensureItem(table, markItem(key))));
    },
    async noteKeyUse(keyId, { at, by }) {
      const isDue = { attribute: 'usedAt', absentOrBelow: at - seconds(timing.keyUseNoteSeconds) };
      await updateItem(table, keyItemKey(keyId), { set: keyUse(at, by) }, [isDue]);
    },

    listDue: (now, limit) => listDue(table, now, limit),
    putOff: (record, until) => putOff(table, record, until),
  };
}

const notRevoked = ({ keyId, agentId }: KeyUse): Check => ({
  key: revocationMarkOf(keyId, agentId),
  tests: [{ attribute: 'pk', is: 'absent' }],
});

async function read<R>(table: Table, key: ItemKey): Promise<R | undefined> {
  const item = await getItem(table, key);
  return item && unwrap<R>(item);
}

const savedOf = (written: Written): Saved<Instance> =>
  written.done ? { saved: true } : { saved: false, current: written.standing && fromInstanceItem(written.standing) };

type InstanceStore = Pick<Store, 'getInstance' | 'readPair' | 'listInstances' | 'tryFirst' | 'saveInstance'>;

function instanceStore(table: Table, timing: Timing): InstanceStore {
  return {
    async getInstance(key) {
      const item = await getItem(table, instanceItemKey(key));
      return item && fromInstanceItem(item);
    },
    readPair: (account, region) => readPair(table, pairName(account, region)),
    listInstances: (page) => listInstances(table, page),
    async tryFirst(step) {
      const { update, tests } = firstTryUpdate(step, timing);
      return savedOf(await updateItem(table, instanceItemKey(step.key), update, tests));
    },
    async saveInstance(before, after) {
      return savedOf(await putItem(table, putOf({ kind: 'instance', before, after }, timing)));
    },
  };
}

async function readPair(table: Table, pair: string): ReturnType<Store['readPair']> {
  const instances: Instance[] = [];
  const lastHeardAt = new Map<string, number>();
  const facts = new Map<string, InstanceFacts>();
  for await (const item of query(table, { pk: pairPartition(pair) })) {
    if (item.kind?.S === 'instance') instances.push(fromInstanceItem(item));
    if (item.kind?.S === 'lease') {
      const { instanceId, lastSeenAt } = unwrap<Lease>(item);
      lastHeardAt.set(instanceId, lastSeenAt);
    }
    if (item.kind?.S === 'facts') facts.set(unwrap<InstanceFacts>(item).instanceId, unwrap<InstanceFacts>(item));
  }
  return { instances, lastHeardAt, facts };
}

function pairStore(table: Table): Pick<Store, 'ensurePair' | 'listPairs' | 'getPair' | 'savePair'> {
  const known = new Set<string>();
  return {
    async ensurePair(account, region) {
      const pair = pairName(account, region);
      if (known.has(pair)) return;
      await putItem(table, {
        item: pairItem(newAccountRegion(account, region)),
        tests: [{ attribute: 'pk', is: 'absent' }],
      });
      known.add(pair);
    },
    listPairs: () => listPairs(table),
    getPair: (account, region) => read<AccountRegion>(table, pairItemKey(account, region)),
    async savePair(pair) {
      await putItem(table, { item: pairItem(pair), tests: [] });
    },
  };
}

function recordReads(
  table: Table,
): Pick<Store, 'getBinding' | 'getServer' | 'listServers' | 'getLaunch' | 'getKey' | 'listKeys'> {
  return {
    getBinding: (agentId) => read<Binding>(table, bindingItemKey(agentId)),
    getServer: (id) => read<Server>(table, serverItemKey(id)),
    listServers: (page) => listServers(table, page),
    getLaunch: (id) => read<Launch>(table, launchItemKey(id)),
    async getKey(id) {
      const item = await getItem(table, keyItemKey(id));
      return item && readKey(item);
    },
    listKeys: (page) => listKeys(table, page),
  };
}
