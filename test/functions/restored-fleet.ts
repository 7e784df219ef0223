import { randomBytes } from 'node:crypto';
import { runAgent } from '#agent/agent.ts';
import type { AgentPorts } from '#agent/ports.ts';
import type { StateFolder } from '#agent/state/state-folder.ts';
import { createMemoryHistory, createMemoryUserData } from '#shared/adapters/memory/private.ts';
import type { EnrollPorts } from '#shared/app/enrollment/enroll-instance.ts';
import type { Store } from '#shared/app/ports.ts';
import { usualLaunchPolicy } from '#shared/domain/enrollment/enrollment-case.ts';
import { everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import { eventsOf } from '#shared/domain/events/events.ts';
import { type Instance, type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { enrollmentKeyNamed, factsOf, instanceNamed, keyNamed, second, start } from '#test/build/records.ts';
import { make as makeCheckin } from '../../functions/checkin.ts';
import { make as makeEnroll } from '../../functions/enroll.ts';
import { make as makeOperatorApi } from '../../functions/operator-api.ts';
import { make as makeOperatorChange } from '../../functions/operator-change.ts';
import { anchors, audience, proofOf } from '../fakes/identity.ts';
import { KeepingOutbox } from '../fakes/outbox.ts';
import { handlerFor } from './operator-handlers.ts';
import { apiEvent, call } from './setup.ts';

const grantKey = newGrantKey(randomBytes);
/** Both enroll with one seed; the window of the one is closed a quarter of an hour after an instance's start. */
export const grants = { short: 'key_short', long: 'key_long' } as const;

export const grantRecords = [
  enrollmentKeyNamed(grants.short, { publicKey: grantKey.publicKeyX, scope: everyInstance, expiresAt: null }),
  enrollmentKeyNamed(grants.long, {
    ...{ publicKey: grantKey.publicKeyX, expiresAt: null },
    scope: { ...everyInstance, windowSeconds: 86_400 },
  }),
];

/** Muster's functions over a store that can be put back, a clock that the test moves, and all that its stream would tell. */
export function musterOver(first: Store) {
  const world = { now: start, store: first, begunAnew: 0, twins: 0 };
  const told = new Map<string, object[]>();
  const note = (before: Instance | undefined, after: Instance) => {
    const events = eventsOf(before, { ...after, version: (before?.version ?? 0) + 1 });
    const entries = events.map(({ detailType, entry, data }) => ({ id: entry, detailType, detail: { data } }));
    told.set(keyOf(after), [...(told.get(keyOf(after)) ?? []), ...entries]);
  };
  const store = new Proxy({} as Store, {
    get: (_target, name: keyof Store) => {
      if (name === 'commit')
        return async (...[changes, use]: Parameters<Store['commit']>) => {
          const done = await world.store.commit(changes, use);
          if (done) for (const one of changes) if (one.kind === 'instance') note(one.before, one.after);
          return done;
        };
      if (name === 'saveInstance')
        return async (...[before, after]: Parameters<Store['saveInstance']>) => {
          const saved = await world.store.saveInstance(before, after);
          if (saved.saved) note(before, after);
          return saved;
        };
      return world.store[name];
    },
  });
  const runtime = {
    ...{ now: () => world.now, newId: (prefix: string) => `${prefix}_${randomBytes(8).toString('hex')}` },
    ...{ log: { info: () => {}, warn: () => {}, error: () => {} }, count: () => {}, stage: () => 'test' },
  };
  const isRegistered = () => true;
  const timing = defaultTiming;
  const verify = new KeepingOutbox<never>();
  const enrollPorts: EnrollPorts = {
    ...{ store, verify, anchors, audiences: [audience], isRegistered, timing, newId: runtime.newId },
    ...{ allowedProofs: ['iid-rsa2048'], launchPolicy: usualLaunchPolicy, reenrollOnRestart: false },
    ...{ askSts: () => Promise.reject(new Error('nobody asks STS')), decided: () => {} },
  };
  const checkin = makeCheckin(
    () => ({
      ...{ store, verify, audiences: [audience], isRegistered, timing, endingFinished: () => {} },
      begunAnew: () => void world.begunAnew++,
      twinSeen: () => void world.twins++,
    }),
    runtime,
  );
  const change = {
    ...{ store, timing, userData: createMemoryUserData(), launch: new KeepingOutbox<never>(), accounts: {}, audience },
    newId: runtime.newId,
    newGrantKey: () => newGrantKey(randomBytes),
  };
  const handlers = {
    operatorApi: makeOperatorApi(() => ({ store, history: createMemoryHistory(), timing }), runtime),
    operatorChange: makeOperatorChange(() => change, runtime),
    operatorEc2: undefined,
  };
  const enroll = makeEnroll(() => enrollPorts, runtime);
  /** What an operator's command line sends. The stream has told the history, which no restore takes back. */
  const ask = async (method: string, path: string, body?: object): Promise<object> => {
    const history = /^\/v1\/instances\/(.*)\/history/.exec(path);
    if (history) return { items: told.get(decodeURIComponent(history[1]!)) ?? [], nextPageToken: null };
    const { json, statusCode } = await call(
      handlerFor(handlers, method, path),
      apiEvent(method, path, body && { body: JSON.stringify(body) }),
    );
    if (statusCode >= 400) throw Object.assign(new Error(String(json.code)), { answer: json });
    return json;
  };
  const send = async (url: URL, init: RequestInit): Promise<Response> => {
    const path = url.pathname.replace('/prod', '');
    const headers = Object.fromEntries(new Headers(init.headers));
    const event = apiEvent('POST', path, { headers, body: String(init.body) });
    const { statusCode, body } = await call(path === '/v1/enroll' ? enroll : checkin, event);
    return new Response(body, { status: statusCode });
  };
  return { world, ask, send };
}
type Muster = ReturnType<typeof musterOver>;

/** EC2 has told of a running instance: at its start, or by a sweep after the record was lost. */
export async function foundByEc2(store: Store, key: InstanceKey, startedAt: Instant): Promise<void> {
  const cloud = { state: 'running', at: startedAt, runningAt: startedAt, epoch: startedAt, epochNamed: true } as const;
  const management = { since: startedAt, notBefore: startedAt };
  await store.ensurePair(key.account, key.region);
  const standing = await store.getInstance(key);
  await store.saveInstance(standing, instanceNamed(key.instanceId, { cloud, management }));
  const attached = { rootAttachedAt: startedAt + second, interfaceAttachedAt: startedAt };
  await store.putFacts(factsOf(key.instanceId, { launchTime: startedAt, ...attached }));
}

/** A real agent on an instance of its own. It runs in turns and keeps its disk. */
export class FleetAgent {
  readonly key: InstanceKey;
  readonly startedAt: Instant;
  readonly said: string[] = [];
  readonly #muster: Muster;
  readonly #metadata: Record<string, string>;
  #disk: string | undefined;

  constructor(muster: Muster, nth: number, grant: string) {
    this.#muster = muster;
    this.key = keyNamed(`i-${nth.toString(16).padStart(17, '0')}`);
    this.startedAt = muster.world.now;
    const { document, rsa2048 } = proofOf({ ...this.key, pendingTime: this.startedAt }) as Record<
      'document' | 'rsa2048',
      string
    >;
    const seed = Buffer.from(grantKey.seed).toString('base64url');
    this.#metadata = {
      '/latest/api/token': 'token',
      '/latest/meta-data/instance-id': this.key.instanceId,
      '/latest/dynamic/instance-identity/document': document,
      '/latest/dynamic/instance-identity/rsa2048': rsa2048,
      '/latest/user-data': JSON.stringify({ muster: { url: audience, grant: { id: grant, seed } } }),
    };
  }

  /** Until it has waited twice: two check-ins, if all is well. */
  async turn({ rotates = false } = {}): Promise<string> {
    let [waited, asked] = [0, rotates];
    const options: AgentPorts = {
      ...{ settings: undefined, metadataEndpoint: 'http://imds.example', randomBytes, random: Math.random },
      fetch: async (input, init = {}) => {
        const url = new URL(String(input));
        return url.host === 'imds.example' ? new Response(this.#metadata[url.pathname]) : this.#muster.send(url, init);
      },
      timeout: () => new AbortController().signal,
      state: this.#folder(),
      describe: () => ({ version: '1', os: 'linux', osVersion: '13', arch: 'arm64', hostname: '', bootId: 'b0' }),
      newId: () => crypto.randomUUID(),
      now: () => this.#muster.world.now,
      wait: async () => void waited++,
      stopped: () => waited >= 2,
      rotationAsked: () => {
        const wanted = asked;
        asked = false;
        return wanted;
      },
      say: (line) => this.said.push(line),
    };
    return runAgent(options);
  }

  #folder(): StateFolder {
    return {
      ...{ path: '/', file: '/agent.json', hold: async () => async () => {} },
      read: async () => this.#disk,
      write: async (text) => {
        this.#disk = text;
      },
    };
  }
}
