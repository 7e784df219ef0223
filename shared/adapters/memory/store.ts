import { pairName } from '#shared/adapters/dynamo/keys.ts';
import { readPageToken, takePage } from '#shared/adapters/dynamo/page-token.ts';
import { knownOf } from '#shared/app/instance/facts-digest.ts';
import type { PageRequest, Store } from '#shared/app/ports.ts';
import { definitionOf, type Kind, type RecordChange, type RecordOf } from '#shared/app/records/registry.ts';
import type { Lease } from '#shared/domain/agent/lease.ts';
import { applyFirstTry, guardHolds } from '#shared/domain/cloud/first-try.ts';
import { type AccountRegion, isOver, newAccountRegion } from '#shared/domain/cloud/sweep.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import { type Instance, type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { change, dueBy, noRecords, noteKeyUse, putOff, type Records } from './records.ts';

export interface MemoryStoreOptions {
  timing: Timing;
  /** Told of every write of a record, in the place of the table's stream; of facts, leases and pairs it has none. */
  onChange?: (change: RecordChange) => void;
}

/** The store without a table, for tests and simulations: test/contracts holds it and DynamoDB to one behaviour. Nothing expires. */
export function createMemoryStore({ timing, onChange = () => {} }: MemoryStoreOptions): Store {
  const records = noRecords();
  const leases = new Map<string, Lease>();
  const facts = new Map<string, InstanceFacts>();
  const pairs = new Map<string, AccountRegion>();
  const revoked = new Set<string>();
  const commit: Store['commit'] = async (changes, use) => {
    if (use && revoked.has(use.keyId)) return false;
    const made = change(records, changes, timing);
    made?.forEach(onChange);
    return made !== undefined;
  };
  return {
    ...instanceReads(records, { leases, facts, pairs }),
    ...besideInstances(leases, facts),
    ...pairStore(pairs),
    get: async (kind, id) => records[kind].get(id)?.record as never,
    list: (kind, page) => pageOf(kind, records, page),
    markRevoked: async (keyId) => void revoked.add(keyId),
    noteKeyUse: async (keyId, use) => noteKeyUse(records, keyId, use, timing),
    commit,
    async saveInstance(before, after) {
      if (await commit([{ kind: 'instance', before, after }])) return { saved: true };
      return { saved: false, current: records.instance.get(keyOf(after))?.record };
    },
    async tryFirst(step) {
      const before = records.instance.get(keyOf(step.key))?.record;
      if (!before || !guardHolds(step.guard, before)) return { saved: false, current: before };
      const after = applyFirstTry(before, step);
      records.instance.set(keyOf(step.key), { record: after, due: step.deadline });
      onChange({ kind: 'instance', before, after });
      return { saved: true };
    },
    listDue: async (now, limit) => dueBy(records, now).slice(0, limit),
    putOff: async (record, until) => putOff(records, record, until),
  };
}

const inOrder = <T>(named: ReadonlyMap<string, T>): T[] =>
  [...named].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);

const pairOf = ({ account, region }: { account: string; region: string }): string => pairName(account, region);

type InstanceReads = Pick<Store, 'getInstance' | 'readPair' | 'listInstances'>;

interface Beside {
  leases: Map<string, Lease>;
  facts: Map<string, InstanceFacts>;
  pairs: Map<string, AccountRegion>;
}

function instanceReads(records: Records, { leases, facts, pairs }: Beside): InstanceReads {
  const find = (key: InstanceKey): Instance | undefined => records.instance.get(keyOf(key))?.record;
  const inPair = (pair: string): Instance[] =>
    inOrder(records.instance)
      .map(({ record }) => record)
      .filter((record) => pairOf(record) === pair);
  return {
    getInstance: async (key) => find(key),
    async *readPair(account, region, endedBefore) {
      for (const instance of inPair(pairName(account, region))) {
        if (endedBefore !== null && isOver(instance, endedBefore)) continue;
        const [lease, described] = [leases.get(keyOf(instance)), facts.get(keyOf(instance))];
        yield {
          instance,
          ...(lease && { lastHeardAt: lease.lastSeenAt }),
          ...(described && { facts: knownOf(described) }),
        };
      }
    },
    async listInstances({ size, after }) {
      const start = after === null ? undefined : readPageToken(after, true);
      const isLater = ({ pair, sk }: { pair: string; sk: string }) =>
        start?.pair === undefined || pair > start.pair || (pair === start.pair && sk > start.sk);
      const listed = inOrder(pairs)
        .flatMap((pair) => inPair(pairOf(pair)))
        .filter((instance) => isLater({ pair: pairOf(instance), sk: instance.instanceId }));
      return takePage(listed, size, (last) => ({ pair: pairOf(last), sk: last.instanceId }));
    },
  };
}

function besideInstances(
  leases: Map<string, Lease>,
  facts: Map<string, InstanceFacts>,
): Pick<Store, 'getFacts' | 'putFacts' | 'dropBeside' | 'getLease' | 'renewLease'> {
  return {
    getFacts: async (key) => facts.get(keyOf(key)),
    async putFacts(described) {
      const known = facts.get(keyOf(described));
      if (!known || known.describedAt <= described.describedAt) facts.set(keyOf(described), described);
    },
    async dropBeside(key, known) {
      if (facts.get(keyOf(key))?.describedAt === known.facts?.describedAt) facts.delete(keyOf(key));
      if (leases.get(keyOf(key))?.lastSeenAt === known.lastHeardAt) leases.delete(keyOf(key));
    },
    getLease: async (key) => leases.get(keyOf(key)),
    async renewLease(before, after) {
      const stored = leases.get(keyOf(after));
      const same = (['seq', 'link', 'overtakenAt'] as const).every((field) => stored?.[field] === before?.[field]);
      if (!same) return false;
      leases.set(keyOf(after), after);
      return true;
    },
  };
}

function pairStore(
  pairs: Map<string, AccountRegion>,
): Pick<Store, 'ensurePair' | 'listPairs' | 'getPair' | 'savePair'> {
  return {
    async ensurePair(account, region) {
      const pair = pairName(account, region);
      if (!pairs.has(pair)) pairs.set(pair, newAccountRegion(account, region));
    },
    listPairs: async () => inOrder(pairs),
    getPair: async (account, region) => pairs.get(pairName(account, region)),
    savePair: async (pair) => void pairs.set(pairOf(pair), pair),
  };
}

async function pageOf<K extends Kind>(kind: K, held: Records, { size, after }: PageRequest) {
  const { idOf, place } = definitionOf(kind);
  if (place.list === null) throw new Error(`records of the kind ${kind} cannot be listed`);
  const start = after === null ? '' : readPageToken(after, false).sk;
  const listed = inOrder(held[kind]).map(({ record }) => record as RecordOf<K>);
  const later = listed.filter((record) => idOf(record) > start);
  return takePage(later, size, (record) => ({ sk: idOf(record) }));
}
