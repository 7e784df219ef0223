import fc from 'fast-check';
import type { Store } from '#shared/app/ports.ts';
import { type Kind, kinds, type RecordChange } from '#shared/app/records/registry.ts';
import { firstTry } from '#shared/domain/cloud/first-try.ts';
import type { StateChange } from '#shared/domain/cloud/merge-event.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import {
  accountNamed,
  bindingNamed,
  enrollmentKeyNamed,
  factsOf,
  instanceNamed,
  keyNamed,
  launchNamed,
  leaseOf,
  linkOf,
  restoreOf,
  second,
  serverNamed,
  start,
} from '#test/build/records.ts';
import { anyEvent, anyInstance } from './arbitraries.ts';

const farAhead = start + 365 * 86_400 * second;
const regions = ['us-east-1', 'us-west-2'];

/** One thing done to a store; what it answers is what two stores are compared by. `what` is for whoever reads a counterexample. */
export interface Operation {
  what: unknown;
  run: (store: Store) => Promise<unknown>;
}

const operation = (what: unknown, run: Operation['run']): Operation => ({ what, run });

/** A transaction decided on what the store holds, or on a version before. */
const commit = (parts: readonly { kind: Kind; n: number; stale: boolean }[]): Operation =>
  operation({ commit: parts }, async (store) => {
    const changes = await Promise.all(parts.map(({ kind, n, stale }) => changeOf(store, kind, n, stale)));
    return store.commit(changes);
  });

async function changeOf(store: Store, kind: Kind, n: number, stale: boolean): Promise<RecordChange> {
  const decidedOn = <R extends { version: number }>(read: R | undefined) =>
    read && stale ? { ...read, version: read.version - 1 } : read;
  switch (kind) {
    case 'instance': {
      const before = decidedOn(await store.getInstance(keyNamed('i-1')));
      return {
        kind,
        before,
        after: {
          ...(before ?? instanceNamed('i-1')),
          assignment: { ...(before ?? instanceNamed('i-1')).assignment, serverId: `srv_${n}` },
        },
      };
    }
    case 'server':
      return { kind, before: decidedOn(await store.get('server', 'id')), after: serverNamed('id', { generation: n }) };
    case 'launch': {
      const state = n % 2 ? 'requested' : 'launched';
      return { kind, before: decidedOn(await store.get('launch', 'id')), after: launchNamed('id', { state }) };
    }
    case 'key':
      return { kind, before: decidedOn(await store.get('key', 'id')), after: keyOfKind(n) };
    case 'binding':
      return { kind, before: decidedOn(await store.get('binding', 'id')), after: bindingNamed('id', { boundAt: n }) };
    case 'account':
      return { kind, before: decidedOn(await store.get('account', 'id')), after: accountNamed('id', { createdAt: n }) };
    case 'restore':
      return { kind, before: decidedOn(await store.get('restore', 'latest')), after: restoreOf({ openedAt: n }) };
  }
}

/** Counted and not, with an end that is far or near or none. */
const keyOfKind = (n: number) => {
  const expiresAt = n % 3 === 0 ? null : start + n * 3 * 86_400 * second;
  return enrollmentKeyNamed('id', { usesLeft: n % 2 ? n : null, expiresAt, lastUsedAt: n > 5 ? n : null });
};

/** A binding by an unlimited key, which may have been revoked. */
const commitByKey = (n: number): Operation =>
  operation({ commitByKey: n }, async (store) => {
    const before = await store.get('binding', 'id');
    const use = { keyId: `key_${n % 2}`, agentId: `agent-${n}` };
    return store.commit([{ kind: 'binding', before, after: bindingNamed('id', { boundAt: n }) }], use);
  });

const noteKeyUse = (n: number) =>
  operation({ noteKeyUse: n }, (store) => store.noteKeyUse('id', { at: start + n * 25 * second, by: `i-${n}` }));
const markRevoked = (n: number) => operation({ markRevoked: n }, (store) => store.markRevoked(`key_${n % 2}`));

const tryEvent = (event: StateChange): Operation =>
  operation({ event }, async (store) => {
    const step = firstTry(event, defaultTiming);
    return step && store.tryFirst(step);
  });

const saveRecord = ([record, blindly]: [Instance, boolean]): Operation =>
  operation({ record, blindly }, async (store) =>
    store.saveInstance(blindly ? undefined : await store.getInstance(record), record),
  );

const putFirstOff = (by: number): Operation =>
  operation({ putOff: by }, async (store) => {
    const [entry] = inOrder(await store.listDue(farAhead, 100));
    if (entry) await store.putOff(entry, entry.due + by);
  });

const putFacts = (n: number) =>
  operation({ facts: n }, (store) => store.putFacts(factsOf('i-1', { amiLaunchIndex: n })));
/** A lease decided on what the store holds, or on one that it never held. */
const renewLease = ({ n, stale }: { n: number; stale: boolean }) =>
  operation({ renewLease: n, stale }, async (store) => {
    const stands = await store.getLease(keyNamed('i-1'));
    const before = stale ? leaseOf('i-1', { seq: 99 }) : stands;
    const after = { lastSeenAt: start + n, seq: (stands?.seq ?? 0) + 1, link: linkOf(n) };
    return store.renewLease(before, leaseOf('i-1', after));
  });
/** What was read, or something else: then nothing goes. */
const dropBeside = ({ n, stale }: { n: number; stale: boolean }) =>
  operation({ dropBeside: n, stale }, async (store) => {
    const [read] = await Array.fromAsync(store.readPair('111122223333', 'us-east-1', null));
    const { instance: _, ...known } = read ?? { instance: keyNamed('i-1') };
    const other = { lastHeardAt: start - n, facts: { digest: '', describedAt: start - 1 - n } };
    await store.dropBeside(read?.instance ?? keyNamed('i-1'), stale ? other : known);
  });
const ensurePair = (region: string) => operation({ region }, (store) => store.ensurePair('111122223333', region));
const savePair = (lastSweepAt: number) =>
  operation({ lastSweepAt }, (store) =>
    store.savePair({ account: '111122223333', region: 'us-east-1', lastSweepAt, withheld: null }),
  );

const instanceId = fc.constantFrom('i-1', 'i-2');
const small = fc.nat(9);
const part = fc.record({ kind: fc.constantFrom(...kinds), n: small, stale: fc.boolean() });

export const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: instanceId.chain(anyEvent).map(tryEvent) },
  { weight: 6, arbitrary: fc.tuple(instanceId.chain(anyInstance), fc.boolean()).map(saveRecord) },
  { weight: 4, arbitrary: fc.uniqueArray(part, { selector: ({ kind }) => kind, maxLength: 4 }).map(commit) },
  small.map(commitByKey),
  small.map(noteKeyUse),
  small.map(markRevoked),
  small.map(putFacts),
  fc.record({ n: small, stale: fc.boolean() }).map(renewLease),
  fc.record({ n: small, stale: fc.boolean() }).map(dropBeside),
  fc.constantFrom(...regions).map(ensurePair),
  small.map(savePair),
  small.map((n) => putFirstOff(n * second)),
);

/** Entries that are due together come in no order of their own. */
const inOrder = <D extends { due: number }>(entries: readonly D[]): D[] =>
  [...entries].sort((a, b) => a.due - b.due || JSON.stringify(a).localeCompare(JSON.stringify(b)));

/** Everything that a store can be asked for. */
export async function contentOf(store: Store): Promise<object> {
  const page = { size: 100, after: null };
  const one = keyNamed('i-1');
  return {
    pair: await Array.fromAsync(store.readPair('111122223333', 'us-east-1', null)),
    instances: [
      await store.getInstance(one),
      await store.getInstance(keyNamed('i-2')),
      await store.listInstances(page),
    ],
    servers: [await store.get('server', 'id'), await store.list('server', page)],
    keys: [await store.get('key', 'id'), await store.list('key', page)],
    launch: await store.get('launch', 'id'),
    binding: await store.get('binding', 'id'),
    accounts: [await store.get('account', 'id'), await store.list('account', page)],
    beside: [await store.getFacts(one), await store.getLease(one)],
    pairs: [await store.listPairs(), await store.getPair('111122223333', 'us-east-1')],
    due: inOrder(await store.listDue(farAhead, 100)),
  };
}
