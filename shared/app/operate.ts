import { createHash } from 'node:crypto';
import type { Accounts } from '#shared/domain/account/accounts.ts';
import type { EnrollmentKey, EnrollmentScope } from '#shared/domain/enrollment/enrollment-key.ts';
import { type Allowed, serverActions } from '#shared/domain/instance/actions.ts';
import type { Instance, InstanceKey } from '#shared/domain/instance/instance.ts';
import type { Launch, LaunchRequest } from '#shared/domain/launch/launch.ts';
import { Problem } from '#shared/domain/problems.ts';
import { newServer, type Server } from '#shared/domain/server/server.ts';
import { formatTime, type Instant } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { isWeakKey } from '#shared/identity/weak-key.ts';
import type { LaunchMessage } from './handle-due.ts';
import type { HistoryStore, Outbox, PageRequest, Store, UserDataStore } from './ports.ts';
import { factsView, historyView, instanceView, keyView, serverView } from './views.ts';

export interface OperatePorts {
  store: Store;
  history: HistoryStore;
  userData: UserDataStore;
  launch: Outbox<LaunchMessage>;
  /** Loaded by the one route that needs EC2. */
  terminate: (key: InstanceKey) => Promise<void>;
  accounts: Accounts;
  /** The base URL that launched agents are told. */
  audience: string;
  newGrantKey: () => { seed: Uint8Array; publicKeyX: string };
  newId: (prefix: string) => string;
  timing: Timing;
}

export async function listInstances(page: PageRequest, now: Instant, { store, timing }: OperatePorts) {
  const { items, next } = await store.listInstances(page);
  const leases = await Promise.all(items.map((instance) => (instance.agent ? store.getLease(instance) : undefined)));
  return {
    items: items.map((instance, index) => instanceView(instance, leases[index], { now, timing })),
    nextPageToken: next,
  };
}

export async function showInstance(key: InstanceKey, now: Instant, { store, timing }: OperatePorts) {
  const [instance, lease, facts] = await Promise.all([
    store.getInstance(key),
    store.getLease(key),
    store.getFacts(key),
  ]);
  if (!instance) throw new Problem('not_found', 'no such instance is on record', { ...key });
  return { ...instanceView(instance, lease, { now, timing }), facts: factsView(facts) };
}

export async function listHistory(record: string, page: PageRequest, { history }: OperatePorts) {
  const { items, next } = await history.list(record, page);
  return { items: items.map(historyView), nextPageToken: next };
}

export async function listServers(page: PageRequest, ports: OperatePorts) {
  const { items, next } = await ports.store.listServers(page);
  const current = await Promise.all(items.map((server) => currentInstance(server, ports.store)));
  return { items: items.map((server, index) => serverView(server, current[index] ?? null)), nextPageToken: next };
}

export async function showServer(id: string, ports: OperatePorts) {
  const server = await findServer(id, ports.store);
  return serverView(server, await currentInstance(server, ports.store));
}

/** The record of the server's current instance; null where there is none, or where the instance is another server's by now. */
async function currentInstance(server: Server, store: Store): Promise<Instance | null> {
  const instance = server.instance ? await store.getInstance(server.instance) : undefined;
  return instance?.serverId === server.id ? instance : null;
}

async function findServer(id: string, store: Store): Promise<Server> {
  const server = await store.getServer(id);
  if (!server) throw new Problem('not_found', 'no such server is on record', { serverId: id });
  return server;
}

/** A server as a request, before there is any instance of it. What it may name is the account's to allow (DESIGN 8). */
export async function createServer(
  wanted: { name: string; account: string; region: string; request: LaunchRequest },
  now: Instant,
  ports: OperatePorts,
) {
  const { name, account, region, request } = wanted;
  requireAllowed(request, account, region, ports);
  const server: Server = { ...newServer({ id: ports.newId('srv'), name, account, region }, now), request };
  await commitOrConflict(ports.store, [{ kind: 'server', before: undefined, after: server }], { serverId: server.id });
  return showServer(server.id, ports);
}

function requireAllowed(request: LaunchRequest, account: string, region: string, { accounts }: OperatePorts): void {
  const registered = Object.hasOwn(accounts, account) ? accounts[account] : undefined;
  if (!registered?.regions.includes(region)) {
    throw new Problem('account_not_registered', 'launches go to registered accounts and regions only', {
      account,
      region,
    });
  }
  const { launch } = registered;
  const named = [
    { field: 'instanceProfileArn', values: [request.instanceProfileArn], allowed: launch.instanceProfileArns },
    { field: 'subnetId', values: [request.subnetId], allowed: launch.subnetIds },
    { field: 'securityGroupIds', values: request.securityGroupIds, allowed: launch.securityGroupIds },
  ];
  for (const { field, values, allowed } of named) {
    const foreign = values.find((value) => value !== null && !allowed.includes(value));
    if (foreign)
      throw new Problem('launch_not_allowed', `the account does not let launches name this ${field}`, {
        field,
        value: foreign,
      });
  }
}

/**
 * Asks for a launch: intent first, in one durable write that freezes the request, then the message. The grant's seed
 * goes into the user data alone, which only the launch function can read.
 */
export async function launchServer(id: string, now: Instant, ports: OperatePorts) {
  const server = await findServer(id, ports.store);
  const instance = await currentInstance(server, ports.store);
  requireAction(serverActions(server, instance).launch, { serverId: id });
  if (!server.request) throw new Problem('not_launchable', 'the server has no launch request', { serverId: id });
  requireAllowed(server.request, server.account, server.region, ports);
  const grant = ports.newGrantKey();
  const launch = newLaunch(server, server.request, grant.publicKeyX, now, ports);
  await ports.userData.put(launch.id, userDataOf(launch.id, grant.seed, ports.audience));
  const after: Server = { ...server, generation: server.generation + 1, launchId: launch.id, launchState: 'requested' };
  await commitOrConflict(
    ports.store,
    [
      { kind: 'launch', before: undefined, after: launch },
      { kind: 'server', before: server, after },
    ],
    { serverId: id },
  );
  await ports.launch.send([{ launchId: launch.id }]);
  return serverView({ ...after, version: after.version + 1 }, instance);
}

function newLaunch(
  server: Server,
  request: LaunchRequest,
  grantPublicKey: string,
  now: Instant,
  ports: OperatePorts,
): Launch {
  return {
    id: ports.newId('lch'),
    account: server.account,
    region: server.region,
    request,
    servers: [{ serverId: server.id, generation: server.generation + 1 }],
    grantPublicKey,
    state: 'requested',
    instances: [],
    requestedAt: now,
    answeredAt: null,
    failure: null,
    version: 0,
  };
}

/** What an instance of a launch finds in its user data: where to enroll, and the seed to sign its grant with. */
function userDataOf(launchId: string, seed: Uint8Array, audience: string): string {
  const grant = { id: launchId, seed: Buffer.from(seed).toString('base64url') };
  return JSON.stringify({ muster: { url: audience, grant } });
}

function requireAction(action: Allowed | undefined, facts: Record<string, string>): void {
  if (action && !action.allowed) throw new Problem(action.code, 'the server’s state does not allow it now', facts);
}

export async function terminateServer(id: string, ports: OperatePorts) {
  const server = await findServer(id, ports.store);
  const instance = await currentInstance(server, ports.store);
  requireAction(serverActions(server, instance).terminate, { serverId: id });
  // The record follows EC2's own word; nothing is foretold here.
  if (instance) await ports.terminate(instance);
  return serverView(server, instance);
}

type KeyPorts = Pick<OperatePorts, 'store'>;

export async function registerKey(
  wanted: { publicKey: string; scope: EnrollmentScope; expiresAt: Instant | null; uses: number | null },
  createdBy: string,
  now: Instant,
  ports: KeyPorts,
) {
  const { publicKey, scope, expiresAt, uses } = wanted;
  if (isWeakKey(Buffer.from(publicKey, 'base64url')))
    throw new Problem('weak_key', 'this public key proves nothing', {});
  if (expiresAt !== null && expiresAt <= now)
    throw new Problem('malformed_request', 'the key would have expired already', { member: 'expiresAt' });
  const key: EnrollmentKey = {
    ...{ id: keyIdOf(publicKey), publicKey, scope, expiresAt, usesLeft: uses, createdBy, createdAt: now },
    ...{ revokedAt: null, warnedAt: null, lastUsedAt: null, lastUsedBy: null, version: 0 },
  };
  if (!(await ports.store.commit([{ kind: 'key', before: undefined, after: key }])))
    throw new Problem('already_exists', 'this public key was registered before', { keyId: key.id });
  return keyView(key);
}

/** One id per public key: revoked under it, the key is revoked, however often it is registered. */
export const keyIdOf = (publicKey: string): string =>
  `key_${createHash('sha256').update(publicKey).digest('hex').slice(0, 32)}`;

export async function listKeys(page: PageRequest, { store }: KeyPorts) {
  const { items, next } = await store.listKeys(page);
  return { items: items.map(keyView), nextPageToken: next };
}

export async function showKey(id: string, { store }: KeyPorts) {
  const key = await store.getKey(id);
  if (!key) throw new Problem('not_found', 'no such enrollment key is on record', { keyId: id });
  return keyView(key);
}

/**
 * When this has answered, the key enrolls nobody any more. Revoking twice is revoking once; what was enrolled with the key
 * stays enrolled. Whoever uses a counted key writes it, and loses to this; an unlimited one is marked, the second time too:
 * the first may have ended in between.
 */
export async function revokeKey(id: string, now: Instant, { store }: KeyPorts) {
  for (let attempt = 0; attempt < revocationAttempts; attempt++) {
    const key = await store.getKey(id);
    if (!key) throw new Problem('not_found', 'no such enrollment key is on record', { keyId: id });
    const after = { ...key, revokedAt: key.revokedAt ?? now };
    const isRevoked = key.revokedAt !== null || (await store.commit([{ kind: 'key', before: key, after }]));
    if (!isRevoked) continue;
    if (key.usesLeft === null) await store.markRevoked(id);
    return keyView(after);
  }
  throw new Problem('conflict', 'others are using the key', { keyId: id });
}

/** Enrollments by a counted key may come between. */
const revocationAttempts = 10;

/** Lets the next complete sweep end what a mass removal withheld (DESIGN 4.6). */
export async function releaseRemoval(account: string, region: string, { store }: Pick<OperatePorts, 'store'>) {
  const pair = await store.getPair(account, region);
  if (!pair?.withheld)
    throw new Problem('not_found', 'no removal is withheld in this account and region', { account, region });
  await store.savePair({ ...pair, withheld: { ...pair.withheld, released: true } });
  return { account, region, withheldSince: formatTime(pair.withheld.since), released: true };
}

export async function commitOrConflict(
  store: Store,
  changes: Parameters<Store['commit']>[0],
  facts: Record<string, string>,
): Promise<void> {
  if (!(await store.commit(changes))) throw new Problem('conflict', 'another request changed the record first', facts);
}
