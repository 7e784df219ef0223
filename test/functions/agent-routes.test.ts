import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { bodyHash, signAgentToken } from '#agent/key/sign.ts';
import { everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import { problems } from '#shared/domain/problems.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { enrollmentKeyNamed, linkOf, restoreOf } from '#test/build/records.ts';
import { audience, enrollmentOf } from '../fakes/identity.ts';
import { undocumented } from '../http/violations.ts';
import { apiEvent, call, functionSetup, instanceId, place, runningInstance } from './setup.ts';

const setup = functionSetup();
let enroll: unknown;
let checkin: unknown;
const grant = newGrantKey(randomBytes);
beforeAll(async () => {
  ({ handler: enroll } = await import('../../functions/enroll.ts'));
  ({ handler: checkin } = await import('../../functions/checkin.ts'));
  const common = {
    publicKey: grant.publicKeyX,
    expiresAt: null,
    scope: everyInstance,
  };
  await setup.store.commit([{ kind: 'key', before: undefined, after: enrollmentKeyNamed('key_web', common) }]);
});

const jose = { 'content-type': 'application/jose' };
/** API Gateway hands over application/jose as base64. */
const posted = (body: string | Buffer, headers: object = jose) => ({
  ...apiEvent('POST', '/v1/enroll'),
  ...{ headers, body: Buffer.from(body).toString('base64'), isBase64Encoded: true },
});

async function enrollment(nth: number, fields: object = {}) {
  const key = newAgentKey();
  const { startedAt } = await runningInstance(setup, nth);
  const claim = { ...place, instanceId: instanceId(nth), pendingTime: startedAt };
  return {
    key,
    body: enrollmentOf({ key, claim, now: Date.now(), grant: { id: 'key_web', seed: grant.seed }, ...fields }),
  };
}

describe('POST /v1/enroll', () => {
  it('enrolls an agent, and again with the same answer', async () => {
    const { key, body } = await enrollment(1);
    const answer = await call(enroll, posted(body));
    expect(answer).toMatchObject({
      statusCode: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
      json: { agentId: key.id, checkinUrl: `${audience}/v1/checkin`, checkinIntervalSeconds: 60 },
    });
    expect(undocumented('POST', '/v1/enroll', answer)).toEqual([]);
    expect((await call(enroll, posted(body))).json).toEqual(answer.json);
    expect(setup.lines).toContainEqual(expect.objectContaining({ message: 'enrollment decided', agentId: key.id }));
    expect(setup.lines).toContainEqual(expect.objectContaining({ EnrollmentAccepted: 1, stage: 'test' }));
  });

  it('takes no kind of proof that the default policy does not name', async () => {
    const { body } = await enrollment(7, { kind: 'iid-rsa' });
    await call(enroll, posted(body));
    expect(setup.lines).toContainEqual(expect.objectContaining({ code: 'proof_not_allowed', proof: 'iid-rsa' }));
  });

  it('asks for a describe where EC2 has not confirmed the instance, and says when to come back', async () => {
    const claim = { ...place, instanceId: instanceId(2), pendingTime: Math.floor(Date.now() / 1000) * 1000 - 9000 };
    const body = enrollmentOf({
      key: newAgentKey(),
      claim,
      now: Date.now(),
      grant: { id: 'key_web', seed: grant.seed },
    });
    const { statusCode, headers, json } = await call(enroll, posted(body));
    expect([statusCode, headers['retry-after'], json.code]).toEqual([503, '5', 'instance_not_described']);
    const [message] = setup.queue('verify').receive(10);
    expect(JSON.parse(message!.body)).toEqual({ ...place, instanceId: instanceId(2), attempt: 0 });
  });

  it('tells who has no valid grant one word, and the log the reason', async () => {
    const { body } = await enrollment(3, { grant: { id: 'key_none', seed: grant.seed } });
    const { statusCode, json } = await call(enroll, posted(body));
    expect([statusCode, json.code]).toEqual([403, 'refused']);
    expect(Object.keys(json).sort()).toEqual(['code', 'detail', 'reference', 'status', 'title', 'todo', 'type']);
    const { todo } = problems.grant_unknown;
    const line = { message: 'enrollment decided', code: 'grant_unknown', reference: json.reference, todo };
    expect(setup.lines).toContainEqual(expect.objectContaining(line));
  });

  it.each<[string, object, number, string]>([
    ['no body', { body: undefined }, 400, 'malformed_jws'],
    ['one megabyte', posted(Buffer.alloc(1_048_576, 'a')), 413, 'body_too_large'],
    ['a little over sixteen kilobytes', posted(Buffer.alloc(16_385, 'a')), 413, 'body_too_large'],
    ['base64 that is none', { body: '%%%%', isBase64Encoded: true }, 400, 'malformed_jws'],
    ['a JWS of two parts', posted('e30.e30'), 400, 'malformed_jws'],
    ['bytes', posted(randomBytes(300)), 400, 'malformed_jws'],
    ['JSON', posted('{}', { 'content-type': 'application/json' }), 415, 'unsupported_media_type'],
    ['a compressed body', posted('x', { ...jose, 'content-encoding': 'gzip' }), 415, 'unsupported_media_type'],
    ['no content type', posted('x', {}), 415, 'unsupported_media_type'],
  ])('refuses %s by a stable code', async (_case, fields, status, code) => {
    const answer = await call(enroll, { ...posted(''), ...fields });
    expect(answer).toMatchObject({ statusCode: status, headers: { 'content-type': 'application/problem+json' } });
    expect(answer.json).toMatchObject({ code, status, type: `urn:muster:problem:${code}` });
    expect(undocumented('POST', '/v1/enroll', answer)).toEqual([]);
  });

  it.each([{}, { headers: null }, { headers: {}, body: 7 }, []])(
    'never shows a stack, whatever invokes it: %j',
    async (event) => {
      const { statusCode, body, json } = await call(enroll, event);
      expect(statusCode).toBeGreaterThanOrEqual(400);
      expect(json).toMatchObject({ code: expect.any(String), todo: expect.any(String) });
      expect(body).not.toMatch(/at .*\.ts|node_modules|TypeError/);
      // Whoever was told a reference finds the line by it
      if (json.code !== 'internal') return;
      const line = { level: 'ERROR', message: 'request failed', reference: json.reference };
      expect(setup.lines).toContainEqual(expect.objectContaining(line));
      expect(setup.lines).toContainEqual(expect.objectContaining({ RequestFailed: 1, stage: 'test' }));
    },
  );
});

describe('POST /v1/checkin', () => {
  const said = (nth: number, fields: object = {}) =>
    JSON.stringify({
      ...{ instanceId: instanceId(nth), bootId: 'b0', state: 'operational', link: linkOf(1), previousLink: null },
      ...fields,
    });
  const report = said(10);
  const claims = (body: string, seq: number) => {
    const iat = Math.floor(Date.now() / 1000);
    return { htm: 'POST', htu: `${audience}/v1/checkin`, iat, seq, bsh: bodyHash(body) };
  };
  const checkinEvent = (key: ReturnType<typeof newAgentKey>, seq: number, body = report, sent = body) => {
    const authorization = `Bearer ${signAgentToken(key, claims(body, seq))}`;
    return apiEvent('POST', '/v1/checkin', {
      headers: { 'content-type': 'application/json', authorization },
      body: sent,
    });
  };

  async function enrolledAgent(nth: number) {
    const { key, body } = await enrollment(nth);
    await call(enroll, posted(body));
    return key;
  }

  it('hears an enrolled agent, and keeps what it says', async () => {
    const key = await enrolledAgent(10);
    const { statusCode, json } = await call(checkin, checkinEvent(key, 1));
    expect([statusCode, json]).toEqual([200, { nextCheckinSeconds: 60, link: 'taken', tasks: [] }]);
    expect(undocumented('POST', '/v1/checkin', { statusCode, json })).toEqual([]);
    const record = await setup.store.getInstance({ ...place, instanceId: instanceId(10) });
    expect(record).toMatchObject({ agent: { id: key.id, state: 'operational' } });
    const lease = { agentId: key.id, seq: 1, link: linkOf(1) };
    expect(await setup.store.getLease({ ...place, instanceId: instanceId(10) })).toMatchObject(lease);
  });

  it('refuses a number that does not rise, with the one that stands', async () => {
    const key = await enrolledAgent(11);
    await call(checkin, checkinEvent(key, 5, said(11)));
    const { statusCode, json } = await call(checkin, checkinEvent(key, 5, said(11)));
    expect([statusCode, json.code, json.seq]).toEqual([409, 'stale_sequence', 1005]);
  });

  it('refuses two machines with one key, says when to ask again, and counts them', async () => {
    const key = await enrolledAgent(13);
    await call(checkin, checkinEvent(key, 1, said(13)));
    const twin = said(13, { link: linkOf(2) });
    for (const seq of [2, 3]) {
      const { statusCode, headers, json } = await call(checkin, checkinEvent(key, seq, twin));
      expect([statusCode, json.code, headers['retry-after']]).toEqual([409, 'identity_conflict', '300']);
    }
    const record = await setup.store.getInstance({ ...place, instanceId: instanceId(13) });
    expect(record?.identity.conflict).toMatchObject({ reason: 'broken_chain' });
    const metrics = setup.lines.filter((line) => line.IdentityConflict === 1);
    const logged = { message: 'identity conflict', agentId: key.id, reason: 'broken_chain' };
    expect([metrics.length, setup.lines.filter(({ message }) => message === logged.message).length]).toEqual([2, 2]);
    expect(setup.lines).toContainEqual(expect.objectContaining(logged));
  });

  it('says which ending of an operator’s it finished: that had stopped between binding and record', async () => {
    const key = await enrolledAgent(14);
    const before = await setup.store.get('binding', key.id);
    const after = {
      ...before!,
      status: 'denied',
      ended: { reason: 'released', at: Date.now(), successor: null },
    } as const;
    await setup.store.commit([{ kind: 'binding', before, after }]);
    const { statusCode, json } = await call(checkin, checkinEvent(key, 1, said(14)));
    expect([statusCode, json.code]).toEqual([403, 'key_denied']);
    const which = { ...place, instanceId: instanceId(14), agentId: key.id, reason: 'released' };
    expect(setup.lines).toContainEqual(
      expect.objectContaining({ level: 'WARN', message: 'ending finished', ...which }),
    );
    expect(await setup.store.getInstance(which)).toMatchObject({ agent: null, management: { reason: 'released' } });
  });

  it('refuses another body than the one that was signed', async () => {
    const key = await enrolledAgent(12);
    const { statusCode, json } = await call(
      checkin,
      checkinEvent(key, 1, report, report.replace('operational', 'booting')),
    );
    expect([statusCode, json.code]).toEqual([401, 'body_hash_mismatch']);
  });

  it.each<[string, object, number, string]>([
    ['no token', { headers: { 'content-type': 'application/json' } }, 400, 'malformed_jws'],
    [
      'another scheme',
      { headers: { 'content-type': 'application/json', authorization: 'Basic YTpi' } },
      400,
      'malformed_jws',
    ],
    [
      'a token that is none',
      { headers: { 'content-type': 'application/json', authorization: 'Bearer a.b.c' } },
      400,
      'malformed_jws',
    ],
    ['a body that is no JSON', checkinEvent(newAgentKey(), 1, '{'), 400, 'malformed_request'],
    ['a body of another shape', checkinEvent(newAgentKey(), 1, '{"bootId":"b0"}'), 400, 'malformed_request'],
    [
      'a state that no agent has',
      checkinEvent(newAgentKey(), 1, said(10, { state: 'terminated' })),
      400,
      'malformed_request',
    ],
    ['a link that is none', checkinEvent(newAgentKey(), 1, said(10, { link: 'x' })), 400, 'malformed_request'],
    [
      'a link that is not canonical',
      checkinEvent(newAgentKey(), 1, said(10, { link: 'AAAAAAAAAAAAAAAAAAAAAB' })),
      400,
      'malformed_request',
    ],
    ['one megabyte', checkinEvent(newAgentKey(), 1, ' '.repeat(1_048_576)), 413, 'body_too_large'],
    ['a key that nobody enrolled', checkinEvent(newAgentKey(), 1), 401, 'agent_unknown'],
  ])('refuses %s by a stable code', async (_case, fields, status, code) => {
    const answer = await call(checkin, { ...apiEvent('POST', '/v1/checkin', { body: report }), ...fields });
    expect([answer.statusCode, answer.json.code]).toEqual([status, code]);
    expect(undocumented('POST', '/v1/checkin', answer)).toEqual([]);
  });

  it('says and counts whose chain began anew, while a restore is open', async () => {
    const key = await enrolledAgent(15);
    await call(checkin, checkinEvent(key, 1, said(15)));
    const restore = restoreOf({ restoredTo: Date.now(), openedAt: Date.now(), until: Date.now() + 60_000 });
    await setup.store.commit([{ kind: 'restore', before: undefined, after: restore }]);
    const ahead = said(15, { link: linkOf(9), previousLink: linkOf(8) });
    const { statusCode, json } = await call(checkin, checkinEvent(key, 7, ahead));
    expect([statusCode, json.link]).toEqual([200, 'taken']);
    const which = { ...place, instanceId: instanceId(15), agentId: key.id };
    const line = { level: 'WARN', message: 'check-in began anew after a restore', ...which };
    expect(setup.lines).toContainEqual(expect.objectContaining(line));
    expect(setup.lines).toContainEqual(expect.objectContaining({ CheckinBegunAnew: 1, stage: 'test' }));
  });
});
