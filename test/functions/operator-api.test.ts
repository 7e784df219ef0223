import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import { keyOf } from '#shared/domain/instance/instance.ts';
import { formatTime } from '#shared/domain/time.ts';
import { operatorRoutes } from '#shared/http/routes/index.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { factsOf, keyNamed } from '#test/build/records.ts';
import { httpSample } from '../events/samples.ts';
import { audience } from '../fakes/identity.ts';
import { answerNamed, undocumented, violations } from '../http/violations.ts';
import { handlerFor, operatorHandlers } from './operator-handlers.ts';
import { apiEvent, call, functionSetup, instanceId, place, runningInstance, subnetId } from './setup.ts';

const setup = functionSetup();
let handlers: Awaited<ReturnType<typeof operatorHandlers>>;
beforeAll(async () => {
  handlers = await operatorHandlers();
});

const request = { imageId: 'ami-0123456789abcdef0', instanceType: 't4g.nano', subnetId };
const server = { name: 'web-1', ...place, request };

const ask = (method: string, url: string, body?: unknown) =>
  call(
    handlerFor(handlers, method, url),
    apiEvent(method, url, body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  );

/** An answer, held to what the OpenAPI document says of its route: status, schema and problem codes. */
async function documented(method: string, url: string, body?: unknown) {
  const answer = await ask(method, url, body);
  expect(undocumented(method, new URL(url, 'http://api').pathname, answer)).toEqual([]);
  return answer;
}

describe('the operator API', () => {
  it('answers each route as its document says', async () => {
    const { instance } = await runningInstance(setup, 1, { assignment: { serverId: null } });
    await setup.store.putFacts(factsOf(instance.instanceId));
    const path = `/v1/instances/111122223333/us-east-1/${instance.instanceId}`;
    expect((await documented('GET', '/v1/instances')).json.items).toHaveLength(1);
    expect((await documented('GET', path)).json).toMatchObject({ state: 'running', facts: { vpcId: 'vpc-1' } });
    expect((await documented('GET', `${path}/history`)).json).toEqual({ items: [], nextPageToken: null });
    const created = await documented('POST', '/v1/servers', server);
    expect([created.statusCode, created.json.state]).toEqual([201, 'inactive']);
    const own = `/v1/servers/${created.json.id}`;
    expect((await documented('GET', own)).json).toEqual(created.json);
    expect((await documented('GET', '/v1/servers')).json.items).toEqual([created.json]);
    expect(await documented('POST', `${own}/launch`)).toMatchObject({ statusCode: 202, json: { generation: 1 } });
    const [message, ...others] = setup.queue('launch').receive(10);
    expect(others).toEqual([]);
    // A launch hands out the first of the deployment's addresses
    const given = await setup.userData.get(JSON.parse(message!.body).launchId);
    expect(JSON.parse(given ?? '{}')).toMatchObject({ muster: { url: audience } });
    expect((await documented('GET', `${own}/history`)).statusCode).toBe(200);
    expect(await documented('POST', `${own}/terminate`)).toMatchObject({
      statusCode: 409,
      json: { code: 'not_running' },
    });
  });

  it('shows the instance of a server that runs, and ends it by EC2’s own word', async () => {
    const launched = setup.ec2.runInstances(place, { MinCount: 1, MaxCount: 1, ImageId: request.imageId });
    const id = launched.Instances![0]!.InstanceId!;
    const created = await ask('POST', '/v1/servers', server);
    const before = await setup.store.get('server', String(created.json.id));
    const { instance } = await runningInstance(setup, 0, { ...keyNamed(id), assignment: { serverId: before!.id } });
    await setup.store.commit([{ kind: 'server', before, after: { ...before!, instance: keyNamed(id) } }]);
    const ended = await documented('POST', `/v1/servers/${before!.id}/terminate`);
    expect(ended).toMatchObject({ statusCode: 202, json: { instance: keyNamed(id), state: 'booting' } });
    expect(setup.ec2.instance(instance)?.history.at(-1)).toMatchObject({ state: 'shutting-down' });
  });

  it('knows no server of the sample that terminates one', async () => {
    const answer = await call(handlers.operatorEc2, httpSample('operator-ec2.terminate-server'));
    expect(answer).toMatchObject({ statusCode: 404, json: { code: 'not_found' } });
  });

  it('says by EC2’s own code what EC2 refused', async () => {
    const created = await ask('POST', '/v1/servers', server);
    const before = await setup.store.get('server', String(created.json.id));
    const { instance } = await runningInstance(setup, 30, { assignment: { serverId: before!.id } });
    const key = keyNamed(instance.instanceId);
    await setup.store.commit([{ kind: 'server', before, after: { ...before!, instance: key } }]);
    const refused = await documented('POST', `/v1/servers/${before!.id}/terminate`);
    expect(refused).toMatchObject({ statusCode: 502, json: { code: 'ec2_refused', instanceId: instance.instanceId } });
    expect(refused.json.ec2Code).toBe('InvalidInstanceID.NotFound');
  });

  it('registers, shows and revokes enrollment keys', async () => {
    const { publicKeyX: publicKey } = newGrantKey(randomBytes);
    const created = await documented('POST', '/v1/enrollment-keys', {
      publicKey,
      uses: 3,
      expiresAt: '2030-01-01T00:00:00Z',
    });
    expect(created).toMatchObject({
      statusCode: 201,
      json: { publicKey, usesLeft: 3, createdBy: 'local', revokedAt: null },
    });
    const path = `/v1/enrollment-keys/${created.json.id}`;
    expect((await documented('GET', path)).json).toEqual(created.json);
    expect((await documented('GET', '/v1/enrollment-keys')).json.items).toHaveLength(1);
    expect((await documented('DELETE', path)).json.revokedAt).toEqual(expect.any(String));
    const acts = setup.lines.filter(({ message, id }) => message === 'change by an operator' && id === created.json.id);
    expect(acts).toMatchObject([
      { by: 'local', action: 'registerEnrollmentKey' },
      { by: 'local', action: 'revokeEnrollmentKey' },
    ]);
  });

  it('shows the whole scope of an enrollment key', async () => {
    const { publicKeyX: publicKey } = newGrantKey(randomBytes);
    const scope = { regions: ['us-east-1'], roles: ['web'], tags: { role: 'web' }, windowSeconds: 3600 };
    const created = await documented('POST', '/v1/enrollment-keys', {
      publicKey,
      scope: { ...scope, proofKinds: ['sts'], attachments: ['instance_store_root'] },
    });
    expect(created.json.scope).toEqual({
      ...{ ...everyInstance, ...scope },
      ...{ proofKinds: ['sts'], attachments: ['instance_store_root'] },
    });
    expect((await documented('GET', `/v1/enrollment-keys/${created.json.id}`)).json).toEqual(created.json);
  });

  it('names who registered a key by what API Gateway has verified', async () => {
    const { publicKeyX: publicKey } = newGrantKey(randomBytes);
    const event = apiEvent('POST', '/v1/enrollment-keys', { body: JSON.stringify({ publicKey, createdBy: 'me' }) });
    const forged = await call(handlers.operatorChange, event);
    expect([forged.statusCode, forged.json.member]).toEqual([400, 'createdBy']);
    const userArn = 'arn:aws:sts::111122223333:assumed-role/operators/ann';
    const requestContext = { ...event.requestContext, authorizer: { iam: { userArn } } };
    const signed = await call(handlers.operatorChange, {
      ...event,
      requestContext,
      body: JSON.stringify({ publicKey }),
    });
    expect(signed.json.createdBy).toBe(userArn);
  });

  it('releases, blocks, unblocks and re-enrolls an instance', async () => {
    const agentOf = (nth: number) => ({ id: `${nth}${'A'.repeat(41)}`, version: '1', bootId: '', enrolledAt: 0 });
    const enrolled = { status: 'enrolled', reason: 'launched' } as const;
    const managed = await Promise.all(
      [31, 32, 33].map((nth) =>
        runningInstance(setup, nth, { management: enrolled, agent: { ...agentOf(nth), state: null, stateAt: null } }),
      ),
    );
    const [one, two, three] = managed.map(
      ({ instance }) => `/v1/instances/111122223333/us-east-1/${instance.instanceId}`,
    );
    const released = await documented('POST', `${one}/release`);
    expect([released.statusCode, released.json.managementReason, released.json.agent]).toEqual([200, 'released', null]);
    expect((await documented('POST', `${two}/block`)).json.managementReason).toBe('blocked');
    expect((await documented('POST', `${two}/unblock`)).json.managementReason).toBe('released');
    const agentId = `${'B'.repeat(42)}A`;
    const named = await documented('POST', `${three}/re-enroll`, { agentId });
    expect([named.statusCode, named.json.reenrollment]).toMatchObject([200, { agentId, replaces: agentOf(33).id }]);
    const { publicKeyX: publicKey } = newGrantKey(randomBytes);
    const granted = await documented('POST', `${three}/re-enroll`, { publicKey });
    const { keyId } = granted.json.reenrollment as { keyId: string };
    const key = await documented('GET', `/v1/enrollment-keys/${keyId}`);
    expect(key.json).toMatchObject({ publicKey, usesLeft: 1, createdBy: 'local' });
    expect(await documented('POST', `${one}/re-enroll`, { agentId })).toMatchObject({
      ...{ statusCode: 409, json: { code: 'not_managed' } },
    });
    for (const body of [{}, { agentId, publicKey }, { agentId: 'x' }, { agentId, until: 0 }])
      expect((await documented('POST', `${three}/re-enroll`, body)).json.code).toBe('malformed_request');
  });

  it('leaves one log line of each change: who, what, why, and the request’s id, also without a reason', async () => {
    const agent = { id: `9${'A'.repeat(42)}`, version: '1', bootId: '', enrolledAt: 0, state: null, stateAt: null };
    const { instance } = await runningInstance(setup, 35, {
      ...{ agent, management: { status: 'enrolled', reason: 'launched' } },
    });
    const path = `/v1/instances/111122223333/us-east-1/${instance.instanceId}`;
    for (const reason of ['', 'two\nlines', '\u202etxt.exe', 'a'.repeat(256)])
      expect((await documented('POST', `${path}/block`, { reason })).json).toMatchObject({
        ...{ code: 'malformed_request', member: 'reason' },
      });
    expect((await documented('POST', `${path}/block`, { because: 'x' })).json.member).toBe('because');
    expect((await documented('POST', `${path}/block`, { reason: 'it sends spam' })).statusCode).toBe(200);
    expect((await documented('POST', `${path}/unblock`)).statusCode).toBe(200);
    const { publicKeyX: publicKey } = newGrantKey(randomBytes);
    const { json } = await documented('POST', '/v1/enrollment-keys', { publicKey, reason: 'a new image' });
    const revocation = `/v1/enrollment-keys/${json.id}?reason=`;
    expect((await documented('DELETE', revocation)).json).toMatchObject({
      code: 'malformed_request',
      member: 'reason',
    });
    expect((await documented('DELETE', `${revocation}a%20leak`)).statusCode).toBe(200);
    const lines = setup.lines.filter(({ message }) => message === 'change by an operator');
    const where = { account: '111122223333', region: 'us-east-1', id: instance.instanceId };
    const said = { by: 'local', requestId: 'request-1' };
    expect(lines).toMatchObject([
      { ...said, action: 'blockInstance', ...where, reason: 'it sends spam' },
      { ...said, action: 'unblockInstance', ...where },
      { ...said, action: 'registerEnrollmentKey', id: json.id, reason: 'a new image' },
      { ...said, action: 'revokeEnrollmentKey', id: json.id, reason: 'a leak' },
    ]);
    expect(lines[1]).not.toHaveProperty('reason');
  });

  it('releases a withheld removal, once there is one', async () => {
    const path = '/v1/pairs/111122223333/us-east-1/release-removal';
    expect((await documented('POST', path)).json.code).toBe('not_found');
    await setup.store.savePair({ ...place, lastSweepAt: 0, withheld: { since: 0, released: false } });
    expect(await documented('POST', path)).toMatchObject({ statusCode: 200, json: { released: true } });
  });

  it('opens the check-ins after a restore, readmits agents and ends conflicts, and says who did it and why', async () => {
    const { instance } = await runningInstance(setup, 34, {
      identity: { conflict: { reason: 'broken_chain', since: 5000 } },
    });
    const { account, region, instanceId: id } = instance;
    const key = { account, region, instanceId: id };
    const reason = 'a rehearsal';
    const lost = { agents: [{ ...key, agentId: `${'C'.repeat(42)}A` }], reason };
    expect((await documented('POST', '/v1/restore/readmit', lost)).json.code).toBe('restore_not_open');
    const restoredTo = new Date(Date.now() - 3_600_000).toISOString();
    const opened = await documented('POST', '/v1/restore', { restoredTo, reason });
    expect([opened.statusCode, opened.json]).toMatchObject([200, { restoredTo, openedBy: 'local', reason }]);
    const times = { since: '1970-01-01T00:00:05Z', until: '1970-01-01T00:00:06Z' };
    const ended = await documented('POST', '/v1/conflicts/end', { instances: [key], ...times, reason });
    expect(ended.json).toEqual({ items: [{ ...key, done: true, code: null }] });
    expect((await documented('POST', '/v1/restore/readmit', lost)).json).toEqual(ended.json);
    const lines = setup.lines.filter(({ message }) => message === 'change by an operator');
    const done = { items: [{ ...key, done: true, code: null }] };
    expect(lines).toMatchObject([
      { by: 'local', action: 'openCheckins', reason, restoredTo, until: opened.json.until },
      { by: 'local', action: 'endConflicts', reason, ...done },
      { by: 'local', action: 'readmitAgents', reason, ...done },
    ]);
    for (const body of [{}, { restoredTo }, { restoredTo, reason: '' }, { restoredTo: 'x', reason }])
      expect((await documented('POST', '/v1/restore', body)).json.code).toBe('malformed_request');
    const tooMany = { agents: Array(101).fill(lost.agents[0]), reason };
    expect((await documented('POST', '/v1/restore/readmit', tooMany)).json.code).toBe('malformed_request');
  });

  it('shows its own document, which names every route', async () => {
    const { statusCode, json } = await ask('GET', '/v1/openapi.json');
    expect([statusCode, json.openapi]).toEqual([200, '3.1.0']);
    expect(Object.keys(json.paths as object)).toEqual(expect.arrayContaining(operatorRoutes.map(({ path }) => path)));
  });

  it('lists what an instance told as the server that it is', async () => {
    const { instance, startedAt: at } = await runningInstance(setup, 70, { assignment: { serverId: 'srv_now' } });
    const meta = { id: 'evt_1', version: 1, time: formatTime(at), stage: 'test' } as const;
    const events = [{ detailType: 'Instance Enrolled', detail: { meta, data: { at: formatTime(at) } } }];
    const told = { kind: 'told', record: keyOf(instance), serverId: 'srv_now', version: 1, at, changedAt: at } as const;
    await setup.history.put([{ ...told, events }]);
    const { json } = await documented('GET', `/v1/instances/${keyOf(instance)}/history`);
    expect(json.items).toMatchObject([{ id: 'evt_1', detailType: 'Instance Enrolled' }]);
  });
});

describe('a listing', () => {
  it('comes in pages by opaque tokens, each record once', async () => {
    for (const nth of [20, 21, 22, 23]) await runningInstance(setup, nth);
    const all = (await ask('GET', '/v1/instances')).json.items as { instanceId: string }[];
    const seen: string[] = [];
    for (let token: unknown = '', turn = 0; token !== null && turn < 20; turn++) {
      const page = await documented('GET', `/v1/instances?pageSize=2${token ? `&pageToken=${token}` : ''}`);
      const items = page.json.items as { instanceId: string }[];
      expect(items.length).toBeLessThanOrEqual(2);
      seen.push(...items.map((item) => item.instanceId));
      token = page.json.nextPageToken;
    }
    expect(seen).toEqual(all.map((item) => item.instanceId));
    expect(seen.length).toBeGreaterThanOrEqual(4);
  });

  it.each([
    'pageSize=0',
    'pageSize=101',
    'pageSize=x',
    'pageSize=1.5',
    'pageToken=x',
    `pageToken=${Buffer.from('{"pair":"1","sk":"x"}').toString('base64url')}`,
    `pageToken=${'A'.repeat(2000)}`,
  ])('refuses %s', async (query) => {
    for (const path of ['/v1/instances', '/v1/servers', '/v1/enrollment-keys']) {
      expect(await documented('GET', `${path}?${query}`)).toMatchObject({
        statusCode: 400,
        json: { code: 'malformed_request' },
      });
    }
  });
});

describe('the operator API refuses by a stable code', () => {
  it.each<[string, string, string, unknown, number, string]>([
    ['a route that is none', 'GET', '/v1/instance', undefined, 404, 'not_found'],
    ['a method that a route does not take', 'DELETE', '/v1/servers', undefined, 404, 'not_found'],
    ['a path of another API', 'GET', '/', undefined, 404, 'not_found'],
    [
      'an instance that is none',
      'GET',
      `/v1/instances/111122223333/us-east-1/${instanceId(999)}`,
      undefined,
      404,
      'not_found',
    ],
    ['an id of another form', 'GET', '/v1/instances/111122223333/us-east-1/i-1', undefined, 400, 'malformed_request'],
    [
      'an id that would name another item',
      'GET',
      `/v1/instances/111122223333/us-east-1/${instanceId(1)}%23facts`,
      undefined,
      400,
      'malformed_request',
    ],
    [
      'an account of another form',
      'GET',
      `/v1/instances/1111/us-east-1/${instanceId(1)}`,
      undefined,
      400,
      'malformed_request',
    ],
    ['a server that is none', 'GET', '/v1/servers/srv_none', undefined, 404, 'not_found'],
    ['a server’s id of another form', 'GET', '/v1/servers/srv_%2e', undefined, 400, 'malformed_request'],
    ['a body that is no JSON', 'POST', '/v1/servers', '{', 400, 'malformed_request'],
    ['bytes that are no UTF-8', 'POST', '/v1/servers', '\uFFFE{', 400, 'malformed_request'],
    ['one megabyte', 'POST', '/v1/servers', ' '.repeat(1_048_576), 413, 'body_too_large'],
    [
      'a field that no launch may have',
      'POST',
      '/v1/servers',
      { ...server, request: { ...request, userData: 'x' } },
      400,
      'malformed_request',
    ],
    [
      'an image of another form',
      'POST',
      '/v1/servers',
      { ...server, request: { ...request, imageId: 'x' } },
      400,
      'malformed_request',
    ],
    [
      'a reserved tag',
      'POST',
      '/v1/servers',
      { ...server, request: { ...request, tags: { 'aws:x': '1' } } },
      400,
      'malformed_request',
    ],
    [
      'a subnet that is not allowed',
      'POST',
      '/v1/servers',
      { ...server, request: { ...request, subnetId: 'subnet-0fedcba9' } },
      422,
      'launch_not_allowed',
    ],
    [
      'an account that is not registered',
      'POST',
      '/v1/servers',
      { ...server, account: '999988887777' },
      403,
      'account_not_registered',
    ],
    ['a weak enrollment key', 'POST', '/v1/enrollment-keys', { publicKey: 'A'.repeat(43) }, 400, 'weak_key'],
    [
      'a private key for a public one',
      'POST',
      '/v1/enrollment-keys',
      { publicKey: 'x', seed: 'y' },
      400,
      'malformed_request',
    ],
  ])('%s', async (_case, method, url, body, status, code) => {
    const { statusCode, headers, json } = await ask(method, url, body);
    expect([statusCode, json.code, headers['content-type']]).toEqual([status, code, 'application/problem+json']);
    expect(violations(json, answerNamed('Problem'))).toEqual([]);
  });

  it.each([{}, { version: '2.0' }, { version: '2.0', requestContext: { http: { method: 'GET' } } }])(
    'an event of another shape, without a stack: %j',
    async (event) => {
      const { statusCode, body, json } = await call(handlers.operatorApi, event);
      expect(statusCode).toBeGreaterThanOrEqual(400);
      expect(json.code).toEqual(expect.any(String));
      expect(body).not.toMatch(/at .*\.ts|node_modules|TypeError/);
    },
  );
});
