import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { keyUse } from '#shared/app/enrollment/key-record.ts';
import type {
  AccountRegionStore,
  InstanceStore,
  KeyUse,
  KeyUseStore,
  LeaseStore,
  RecordStore,
  Saved,
  Store,
} from '#shared/app/ports.ts';
import { records } from '#shared/app/records/registry.ts';
import type { Lease } from '#shared/domain/agent/lease.ts';
import { type AccountRegion, newAccountRegion } from '#shared/domain/cloud/sweep.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { listDue, putOff } from './due.ts';
import { firstTryUpdate } from './first-try-update.ts';
import { fromInstanceItem } from './instance-item.ts';
import { factsPut, leaseExpiry, leasePut, markItem, pairItem, putOf, readRecord, unwrap } from './items.ts';
import {
  factsItemKey,
  type ItemKey,
  instanceItemKey,
  leaseItemKey,
  pairItemKey,
  pairName,
  revocationMarkOf,
  revocationMarks,
} from './keys.ts';
import { listInstances, listPairs, listRecords } from './listings.ts';
import { getItem } from './read.ts';
import { readPair } from './read-pair.ts';
import type { Table } from './table.ts';
import { type Check, deleteItem, ensureItem, putAll, putItem, updateItem, type Written } from './write.ts';

/** The store in DynamoDB, in the table of infra/tables.yml. Whatever is no answer of the port, such as throttling, throws as the SDK's error. */
export function createDynamoStore(options: { client: DynamoDBClient; tableName: string; timing: Timing }): Store {
  const { timing, ...table } = options;
  return {
    ...recordStore(table, timing),
    ...instanceStore(table, timing),
    ...accountRegionStore(table),
    ...leaseStore(table),
    ...keyUseStore(table, timing),
  };
}

function recordStore(table: Table, timing: Timing): RecordStore {
  return {
    async get(kind, id) {
      const item = await getItem(table, records[kind].place.keyOf(id));
      return item && readRecord(kind, item);
    },
    list: (kind, page) => listRecords(table, kind, page),
    async commit(changes, use) {
      const puts = changes.map((change) => putOf(change, timing));
      const [only] = puts;
      if (!only) return true;
      // Alone, a change needs no transaction, which would cost twice as much.
      if (use) return putAll(table, puts, [notRevoked(use)]);
      return puts.length === 1 ? (await putItem(table, only)).done : putAll(table, puts);
    },
    listDue: (now, limit) => listDue(table, now, limit),
    putOff: (record, until) => putOff(table, record, until),
  };
}

const notRevoked = ({ keyId, agentId }: KeyUse): Check => ({
  key: revocationMarkOf(keyId, agentId),
  tests: [{ attribute: 'pk', is: 'absent' }],
});

const savedOf = (written: Written): Saved<Instance> =>
  written.done ? { saved: true } : { saved: false, current: written.standing && fromInstanceItem(written.standing) };

function instanceStore(table: Table, timing: Timing): InstanceStore {
  return {
    async getInstance(key) {
      const item = await getItem(table, instanceItemKey(key));
      return item && fromInstanceItem(item);
    },
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

function accountRegionStore(table: Table): AccountRegionStore {
  const known = new Set<string>();
  return {
    readPair: (account, region, endedBefore) => readPair(table, account, region, endedBefore),
    getFacts: (key) => read<InstanceFacts>(table, factsItemKey(key)),
    async putFacts(facts) {
      await putItem(table, factsPut(facts));
    },
    async dropBeside(key, { facts, lastHeardAt }) {
      const gone = [
        facts && deleteItem(table, factsItemKey(key), [{ attribute: 'describedAt', equals: facts.describedAt }]),
        lastHeardAt !== undefined &&
          deleteItem(table, leaseItemKey(key), [{ attribute: 'expiresAt', equals: leaseExpiry(lastHeardAt) }]),
      ];
      await Promise.all(gone);
    },
    async ensurePair(account, region) {
      const pair = pairName(account, region);
      if (known.has(pair)) return;
      const item = pairItem(newAccountRegion(account, region));
      await putItem(table, { item, tests: [{ attribute: 'pk', is: 'absent' }] });
      known.add(pair);
    },
    listPairs: () => listPairs(table),
    getPair: (account, region) => read<AccountRegion>(table, pairItemKey(account, region)),
    async savePair(pair) {
      await putItem(table, { item: pairItem(pair), tests: [] });
    },
  };
}

async function read<R>(table: Table, key: ItemKey): Promise<R | undefined> {
  const item = await getItem(table, key);
  return item && unwrap<R>(item);
}

function leaseStore(table: Table): LeaseStore {
  return {
    getLease: (key) => read<Lease>(table, leaseItemKey(key)),
    async renewLease(before, after) {
      return (await putItem(table, leasePut(before, after))).done;
    },
  };
}

function keyUseStore(table: Table, timing: Timing): KeyUseStore {
  return {
    async markRevoked(keyId) {
      await Promise.all(revocationMarks(keyId).map((key) => ensureItem(table, markItem(key))));
    },
    async noteKeyUse(keyId, { at, by }) {
      const isDue = { attribute: 'usedAt', absentOrBelow: at - seconds(timing.keyUseNoteSeconds) };
      await updateItem(table, records.key.place.keyOf(keyId), { set: keyUse(at, by) }, [isDue]);
    },
  };
}
