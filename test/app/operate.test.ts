import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createMemoryHistory, createMemoryUserData } from '#shared/adapters/memory/private.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import type { LaunchMessage } from '#shared/app/handle-due.ts';
import * as operate from '#shared/app/operate.ts';
import type { RecordChange, Store } from '#shared/app/ports.ts';
import { everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import type { LaunchRequest } from '#shared/domain/launch/launch.ts';
import type { Server } from '#shared/domain/server/server.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { instanceNamed, keyNamed, leaseOf, second, serverNamed, start } from '../contracts/records.ts';
import { KeepingOutbox } from '../fakes/outbox.ts';
import { refusalOf } from '../fakes/refusal.ts';

const place = { account: '111122223333', region: 'us-east-1' };
const here = keyNamed('i-1');
const allowed = {
  instanceProfileArns: ['arn:aws:iam::111122223333:instance-profile/web'],
  subnetIds: ['subnet-1'],
  securityGroupIds: ['sg-1'],
};
const request: LaunchRequest = {
  ...{ imageId: 'ami-0123456789abcdef0', instanceType: 't4g.nano', subnetId: 'subnet-1', securityGroupIds: ['sg-1'] },
  ...{ instanceProfileArn: null, keyName: null, hopLimit: 1, tags: {} },
};
const wanted = { name: 'web', ...place, request };

function stageOf() {
  const written: RecordChange[] = [];
  const store = createMemoryStore({ timing: defaultTiming, onChange: (change) => written.push(change) });
  const launch = new KeepingOutbox<LaunchMessage>();
  const terminated: string[] = [];
  let ids = 0;
  const ports: operate.OperatePorts = {
    ...{ store, launch, history: createMemoryHistory(), userData: createMemoryUserData(), timing: defaultTiming },
    terminate: async ({ account, region, instanceId }) => void terminated.push(`${account}/${region}/${instanceId}`),
    accounts: { '111122223333': { regions: ['us-east-1'], launch: allowed } },
    audience: 'https://muster.example/prod',
    newGrantKey: () => newGrantKey(randomBytes),
    newId: (prefix) => `${prefix}_${++ids}`,
  };
  return { store, written, launch, terminated, ports };
}

/** A server with a current instance in some state. */
async function attached(state: Instance['state'], fields: Partial<Server> = {}) {
  const stage = stageOf();
  const server = serverNamed('srv_1', { request, instance: here, generation: 1, launchState: 'launched', ...fields });
  await stage.store.commit([{ kind: 'server', before: undefined, after: server }]);
  await stage.store.saveInstance(undefined, instanceNamed('i-1', { state, at: start, serverId: 'srv_1' }));
  stage.written.length = 0;
  return stage;
}

describe('creating a server', () => {
  it('keeps its request, and launches nothing', async () => {
    const { ports, launch, store } = stageOf();
    expect(await operate.createServer(wanted, start, ports)).toMatchObject({
      ...{ id: 'srv_1', name: 'web', state: 'inactive', instance: null, generation: 0, launch: null },
      conditions: [{ type: 'Launched', status: 'false', reason: 'never_launched' }],
      actions: { launch: { allowed: true }, terminate: { allowed: false, code: 'not_running' } },
    });
    expect(await store.getServer('srv_1')).toMatchObject({ request });
    expect(launch.sent).toEqual([]);
  });

  it.each([
    ['another account', { account: '999988887777' }, { account: '999988887777', region: 'us-east-1' }],
    ['another region', { region: 'eu-west-1' }, { account: '111122223333', region: 'eu-west-1' }],
    [
      'an account by the name of a member that every object has',
      { account: 'constructor' },
      { account: 'constructor', region: 'us-east-1' },
    ],
  ])('is refused in %s', async (_case, fields, facts) => {
    const { ports, written } = stageOf();
    const refused = await refusalOf(operate.createServer({ ...wanted, ...fields }, start, ports));
    expect(refused).toEqual({ code: 'account_not_registered', facts });
    expect(written).toEqual([]);
  });

  const foreignProfile = 'arn:aws:iam::111122223333:instance-profile/admin';
  it.each<[keyof LaunchRequest, Partial<LaunchRequest>, string]>([
    ['instanceProfileArn', { instanceProfileArn: foreignProfile }, foreignProfile],
    ['subnetId', { subnetId: 'subnet-2' }, 'subnet-2'],
    ['securityGroupIds', { securityGroupIds: ['sg-1', 'sg-2'] }, 'sg-2'],
  ])('is refused where the account does not let launches name its %s', async (field, fields, value) => {
    const { ports, written } = stageOf();
    const refused = operate.createServer({ ...wanted, request: { ...request, ...fields } }, start, ports);
    expect(await refusalOf(refused)).toEqual({ code: 'launch_not_allowed', facts: { field, value } });
    expect(written).toEqual([]);
  });
});

describe('launching a server', () => {
  it('freezes the request in one durable write, and only then sends a message that carries an id alone', async () => {
    const { ports, written, launch, store } = stageOf();
    await operate.createServer(wanted, start, ports);
    const view = await operate.launchServer('srv_1', start, ports);
    expect(view).toMatchObject({ generation: 1, launch: { id: 'lch_2', state: 'requested' }, state: 'inactive' });
    expect(view.actions.launch).toEqual({ allowed: false, code: 'server_busy' });
    expect(written.slice(1).map(({ kind }) => kind)).toEqual(['launch', 'server']);
    expect(await store.getLaunch('lch_2')).toMatchObject({ request, servers: [{ serverId: 'srv_1', generation: 1 }] });
    expect(launch.sent).toEqual([{ message: { launchId: 'lch_2' }, delaySeconds: 0 }]);
  });

  it('again is possible once its instance has ended', async () => {
    const { ports } = await attached('terminated');
    expect(await operate.launchServer('srv_1', start, ports)).toMatchObject({ generation: 2 });
  });

  it('is refused while a launch is under way', async () => {
    const { ports, launch } = stageOf();
    await operate.createServer(wanted, start, ports);
    await operate.launchServer('srv_1', start, ports);
    const refused = await refusalOf(operate.launchServer('srv_1', start, ports));
    expect(refused).toEqual({ code: 'server_busy', facts: { serverId: 'srv_1' } });
    expect(launch.sent).toHaveLength(1);
  });

  it.each(['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'unknown'] as const)(
    'is refused while it has an instance that is %s',
    async (state) => {
      const { ports, written } = await attached(state);
      const refused = await refusalOf(operate.launchServer('srv_1', start, ports));
      expect(refused).toEqual({ code: 'server_busy', facts: { serverId: 'srv_1' } });
      expect(written).toEqual([]);
    },
  );

  it('is refused for a server that was adopted', async () => {
    const { ports } = await attached('terminated', { request: null });
    const refused = await refusalOf(operate.launchServer('srv_1', start, ports));
    expect(refused).toEqual({ code: 'not_launchable', facts: { serverId: 'srv_1' } });
  });

  it('is refused for a server that is none', async () => {
    const { ports } = stageOf();
    const refused = await refusalOf(operate.launchServer('srv_none', start, ports));
    expect(refused).toEqual({ code: 'not_found', facts: { serverId: 'srv_none' } });
  });

  it('is refused where the account has stopped to allow what the request names', async () => {
    const { ports } = await attached('terminated');
    const accounts = { '111122223333': { regions: ['us-east-1'], launch: { ...allowed, subnetIds: [] } } };
    const refused = await refusalOf(operate.launchServer('srv_1', start, { ...ports, accounts }));
    expect(refused).toEqual({ code: 'launch_not_allowed', facts: { field: 'subnetId', value: 'subnet-1' } });
  });

  it('twice at one moment is one launch, and the other is told of the conflict', async () => {
    const { ports, launch } = await attached('terminated');
    const both = await Promise.allSettled([1, 2].map(() => operate.launchServer('srv_1', start, ports)));
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'conflict', facts: { serverId: 'srv_1' } },
    });
    expect(launch.sent).toHaveLength(1);
  });
});

describe('terminating a server', () => {
  it('ends its current instance, and foretells nothing', async () => {
    const { ports, terminated, written } = await attached('running');
    expect(await operate.terminateServer('srv_1', ports)).toMatchObject({ state: 'booting' });
    expect(terminated).toEqual(['111122223333/us-east-1/i-1']);
    expect(written).toEqual([]);
  });

  it.each(['terminated'] as const)('is refused where its instance is %s', async (state) => {
    const { ports, terminated } = await attached(state);
    const refused = await refusalOf(operate.terminateServer('srv_1', ports));
    expect(refused).toEqual({ code: 'not_running', facts: { serverId: 'srv_1' } });
    expect(terminated).toEqual([]);
  });

  it('never ends an instance that is another server’s by now', async () => {
    const { ports, terminated, store } = await attached('running');
    const before = await store.getInstance(here);
    await store.saveInstance(before, { ...before!, serverId: 'srv_2' });
    expect((await refusalOf(operate.terminateServer('srv_1', ports))).code).toBe('not_running');
    expect(terminated).toEqual([]);
  });
});

describe('an enrollment key', () => {
  const scope = everyInstance;
  const { publicKeyX: publicKey } = newGrantKey(randomBytes);
  const key = { publicKey, scope, expiresAt: start + 3600 * second, uses: 3 };
  const keyId = `key_${createHash('sha256').update(publicKey).digest('hex').slice(0, 32)}`;

  it('is registered by its public half, shown and listed', async () => {
    const { ports } = stageOf();
    const view = await operate.registerKey(key, 'arn:aws:iam::111122223333:user/ann', start, ports);
    expect(view).toMatchObject({ id: keyId, publicKey, usesLeft: 3, revokedAt: null });
    expect(view).toMatchObject({ expiresAt: '2026-11-02T11:00:00Z', createdBy: 'arn:aws:iam::111122223333:user/ann' });
    expect(await operate.showKey(keyId, ports)).toEqual(view);
    expect(await operate.listKeys({ size: 10, after: null }, ports)).toEqual({ items: [view], nextPageToken: null });
  });

  it('is registered once: a second id would outlive its revocation', async () => {
    const { ports } = stageOf();
    await operate.registerKey(key, 'ann', start, ports);
    await operate.revokeKey(keyId, start, ports);
    const refused = await refusalOf(operate.registerKey(key, 'ann', start, ports));
    expect(refused).toEqual({ code: 'already_exists', facts: { keyId } });
  });

  it('is refused if it would have expired already', async () => {
    const { ports } = stageOf();
    const refused = await refusalOf(operate.registerKey({ ...key, expiresAt: start }, 'ann', start, ports));
    expect(refused).toEqual({ code: 'malformed_request', facts: { member: 'expiresAt' } });
  });

  it('is refused if its public half proves nothing', async () => {
    const { ports, written } = stageOf();
    const weak = { ...key, publicKey: `${'A'.repeat(42)}A` };
    expect(await refusalOf(operate.registerKey(weak, 'ann', start, ports))).toEqual({ code: 'weak_key', facts: {} });
    expect(written).toEqual([]);
  });

  it('is revoked once: the second time changes nothing', async () => {
    const { ports, written } = stageOf();
    await operate.registerKey(key, 'ann', start, ports);
    const revoked = await operate.revokeKey(keyId, start + second, ports);
    expect(revoked).toMatchObject({ revokedAt: '2026-11-02T10:00:01Z' });
    expect(await operate.revokeKey(keyId, start + 2 * second, ports)).toEqual(revoked);
    expect(written).toHaveLength(2);
  });

  it('is not found where there is none', async () => {
    const { ports } = stageOf();
    const missing = { code: 'not_found', facts: { keyId: 'key_none' } };
    expect(await refusalOf(operate.showKey('key_none', ports))).toEqual(missing);
    expect(await refusalOf(operate.revokeKey('key_none', start, ports))).toEqual(missing);
  });

  it('that another request changed meanwhile is a conflict', async () => {
    const { ports, store } = stageOf();
    await operate.registerKey(key, 'ann', start, ports);
    const contested: Store = { ...store, commit: async () => false };
    const refused = await refusalOf(operate.revokeKey(keyId, start, { ...ports, store: contested }));
    expect(refused).toEqual({ code: 'conflict', facts: { keyId } });
  });
});

describe('a removal that a sweep withheld', () => {
  it('is released, and says since when it was withheld', async () => {
    const { ports, store } = stageOf();
    await store.savePair({ ...place, lastSweepAt: start, withheld: { since: start, released: false } });
    expect(await operate.releaseRemoval('111122223333', 'us-east-1', ports)).toEqual({
      ...{ ...place, withheldSince: '2026-11-02T10:00:00Z', released: true },
    });
    expect(await store.getPair('111122223333', 'us-east-1')).toMatchObject({ withheld: { released: true } });
  });

  it('is not found where none is', async () => {
    const { ports, store } = stageOf();
    const missing = { code: 'not_found', facts: place };
    expect(await refusalOf(operate.releaseRemoval('111122223333', 'us-east-1', ports))).toEqual(missing);
    await store.ensurePair('111122223333', 'us-east-1');
    expect(await refusalOf(operate.releaseRemoval('111122223333', 'us-east-1', ports))).toEqual(missing);
  });
});

describe('what an operator sees', () => {
  const agent = {
    id: 'agent',
    version: '0.1.0',
    bootId: 'b0',
    enrolledAt: start,
    state: 'operational',
    stateAt: start,
  };
  const enrolled = { state: 'running', at: start, runningAt: start, management: 'enrolled', agent } as const;
  const silentAfter = (4 * defaultTiming.checkinIntervalSeconds + 20) * second;

  it('of an agent is silence after four intervals and twenty seconds without a word', async () => {
    const { ports, store } = stageOf();
    await store.saveInstance(undefined, instanceNamed('i-1', enrolled));
    await store.renewLease(undefined, leaseOf('i-1', { lastSeenAt: start + second }));
    const shown = async (now: number) => (await operate.showInstance(here, now, ports)).agent;
    expect(await shown(start + second + silentAfter)).toMatchObject({
      silent: false,
      lastSeenAt: '2026-11-02T10:00:01Z',
    });
    expect(await shown(start + second + silentAfter + 1)).toMatchObject({ silent: true });
  });

  it('of an instance that is none is a refusal', async () => {
    const { ports } = stageOf();
    expect(await refusalOf(operate.showInstance(here, start, ports))).toEqual({
      code: 'not_found',
      facts: { ...here },
    });
  });

  it('of a long list comes in pages, each record once', async () => {
    const { ports, store } = stageOf();
    await store.ensurePair('111122223333', 'us-east-1');
    const ids = ['i-1', 'i-2', 'i-3', 'i-4', 'i-5'];
    for (const id of ids) await store.saveInstance(undefined, instanceNamed(id, enrolled));
    const seen: string[] = [];
    for (let after: string | null = null, more = true; more; more = after !== null) {
      const page: Awaited<ReturnType<typeof operate.listInstances>> = await operate.listInstances(
        { size: 2, after },
        start,
        ports,
      );
      seen.push(...page.items.map(({ instanceId }) => instanceId));
      after = page.nextPageToken;
    }
    expect(seen).toEqual(ids);
  });

  it('of a server is its instance’s state, unless that instance is another server’s by now', async () => {
    const { ports, store } = await attached('stopped');
    expect(await operate.showServer('srv_1', ports)).toMatchObject({ state: 'stopped', instance: here });
    const before = await store.getInstance(here);
    await store.saveInstance(before, { ...before!, serverId: 'srv_2' });
    expect(await operate.showServer('srv_1', ports)).toMatchObject({ state: 'inactive' });
    expect((await operate.listServers({ size: 10, after: null }, ports)).items).toMatchObject([{ state: 'inactive' }]);
  });
});
