import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bodyHash, importAgentKey } from '#agent/proof-request.ts';
import { readKid, verifyAgentToken } from '#shared/identity/agent-token.ts';
import { grantMessage, newGrantKey, verifyGrant } from '#shared/identity/grant.ts';
import { checkinAnswer, enrolledAnswer, musterUrl, newFolder, problem, run } from './stage.ts';

const stateIn = (folder: string) => JSON.parse(readFileSync(join(folder, 'agent.json'), 'utf8'));
const payloadOf = (jws: string) => JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString());
const tokenOf = (request: { headers: Headers } | undefined) => request?.headers.get('authorization')?.slice(7) ?? '';

describe('an agent', () => {
  it('enrolls with its document and its launch’s grant, and checks in until it is told to stop', async () => {
    const { outcome, sent, waited, folder } = await run({ enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    expect(outcome).toBe('stopped');
    const [enrollment, ...more] = sent('enroll');
    const { aud, jti, proof, grant } = payloadOf(enrollment!.body);
    expect({ aud, proof }).toEqual({ aud: musterUrl, proof: { kind: 'iid-rsa2048', rsa2048: 'MIIB', document: '{}' } });
    const { publicKeyX } = newGrantKey(() => Buffer.from('A'.repeat(43), 'base64url'));
    const { id } = importAgentKey(stateIn(folder).key);
    expect(verifyGrant(publicKeyX, grant.signature, grantMessage(aud, id, jti))).toBe(true);
    expect([enrollment!.headers.get('content-type'), more, waited]).toEqual(['application/jose', [], [60, 60, 60]]);
  });

  it('sends no seed and no private key', async () => {
    const { sent, folder } = await run({ enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    const everything = sent('enroll')
      .concat(sent('checkin'))
      .map(({ body, headers }) => body + [...headers].join());
    const readable = everything.map((text) =>
      text
        .split('.')
        .map((part) => Buffer.from(part, 'base64url').toString())
        .join(),
    );
    const secret = stateIn(folder).key.split('\n')[1];
    for (const text of [...everything, ...readable]) {
      expect(text).not.toContain('A'.repeat(43));
      expect(text).not.toContain(secret);
      expect(text).not.toContain('"d"');
    }
  });

  it('signs each check-in for its very request, with a number that rises', async () => {
    const { sent, folder } = await run({ enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    const key = importAgentKey(stateIn(folder).key);
    const seqs: number[] = [];
    for (const request of sent('checkin')) {
      const rules = {
        ...{
          htm: 'POST',
          htus: [enrolledAnswer.checkinUrl],
          now: new Date('2026-11-02T10:00:30Z'),
          clockSkewSeconds: 300,
        },
        bodySha256: bodyHash(request.body),
      };
      expect(readKid(tokenOf(request))).toBe(key.id);
      seqs.push((await verifyAgentToken(tokenOf(request), key.publicKeyX, rules)).seq);
    }
    expect(seqs).toEqual([1, 2, 3]);
  });

  it('keeps its key to itself on the disk', async () => {
    const { folder } = await run({ enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    expect(statSync(join(folder, 'agent.json')).mode & 0o777).toBe(0o600);
  });

  it('leaves an instance alone whose user data does not speak of Muster', async () => {
    for (const userData of ['', '#!/bin/sh', '{}', '{"muster":{}}', '[]', 'null']) {
      const { outcome, sent } = await run({ userData });
      expect([outcome, sent('enroll')], userData).toEqual(['unmanaged', []]);
    }
  });
});

describe('a refusal', () => {
  it.each([
    ['retry', 503],
    ['busy', 503],
    ['instance_not_described', 503],
    ['document_from_future', 503],
    ['stale_document', 403],
    ['clock_skew', 401],
    ['instance_not_running', 409],
    ['internal', 500],
  ])('that waiting may cure is tried again: %s', async (code, status) => {
    const enroll = [problem(code, status), enrolledAnswer];
    const { outcome, sent, folder } = await run({ enroll, checkin: [checkinAnswer] });
    expect([outcome, sent('enroll').length]).toEqual(['stopped', 2]);
    expect(stateIn(folder)).toMatchObject({ enrolled: { serverId: 'srv_1' }, refused: null });
  });

  it.each(['refused', 'grant_expired', 'already_enrolled', 'key_denied', 'wrong_audience'])(
    'that nothing on the instance can cure is final: %s',
    async (code) => {
      const { outcome, sent, said, folder } = await run({ enroll: [problem(code, 403, { reference: 'ref_7' })] });
      expect([outcome, sent('enroll').length]).toEqual(['refused', 1]);
      expect(said).toContain(`not enrolled: ${code} (ref_7)`);
      expect(stateIn(folder)).toMatchObject({ enrolled: null, refused: code });
    },
  );

  it('says when to come back, within reason', async () => {
    const wait = async (retryAfterSeconds: unknown) =>
      (await run({ enroll: [problem('retry', 503, { retryAfterSeconds })], waits: 1 })).waited[0];
    expect(await wait(5)).toBe(5);
    expect(await wait(0)).toBe(1);
    expect(await wait(-1)).toBe(1);
    expect(await wait(1e12)).toBe(3600);
    expect(await wait('soon')).toBe(1.5);
  });

  it('is asked about with a new jti and the metadata of that moment', async () => {
    const { sent } = await run({ enroll: [problem('retry', 503)] });
    const ids = sent('enroll').map(({ body }) => payloadOf(body).jti);
    expect(new Set(ids).size).toBe(3);
  });
});

describe('whoever answers in Muster’s place', () => {
  it.each<[string, object | number | string | null]>([
    ['a throttle of the API', 429],
    ['the API without its function', 503],
    ['an error that is JSON of another form', problem('', 400)],
    ['a page of a proxy', '<html>Sign in</html>'],
    ['null', null],
    ['an empty object', {}],
    ['an answer without a check-in address', { ...enrolledAnswer, checkinUrl: undefined }],
    ['an answer with a list for an address', { ...enrolledAnswer, checkinUrl: [] }],
    ['nobody', 'cut'],
  ])('enrolls nobody and ends nothing: %s', async (_case, answer) => {
    const { outcome, sent, folder } = await run({ enroll: [answer, enrolledAnswer], checkin: [checkinAnswer] });
    expect([outcome, sent('enroll').length]).toEqual(['stopped', 2]);
    expect(stateIn(folder)).toMatchObject({ enrolled: { checkinUrl: enrolledAnswer.checkinUrl } });
  });

  it('does not make the agent hurry: it waits longer each time, up to a minute', async () => {
    const { waited } = await run({ enroll: ['cut'], waits: 9 });
    expect(waited).toEqual([1.5, 2, 3, 5, 9, 17, 31, 31, 31]);
  });

  it('at check-in is waited for, and the agent stays enrolled', async () => {
    const { outcome, waited, sent } = await run({
      enroll: [enrolledAnswer],
      checkin: [503, null, 'cut', checkinAnswer],
      waits: 4,
    });
    expect([outcome, sent('enroll').length]).toEqual(['stopped', 1]);
    expect(waited).toEqual([2, 3, 5, 60]);
  });

  it('at check-in cannot make the agent run hot or fall asleep', async () => {
    const wait = async (nextCheckinSeconds: unknown) =>
      (await run({ enroll: [enrolledAnswer], checkin: [{ nextCheckinSeconds }], waits: 1 })).waited[0];
    expect([await wait(0), await wait(-5), await wait(1e12), await wait('x')]).toEqual([1, 1, 3600, 60]);
  });
});

describe('an agent that starts again', () => {
  it('does not enroll a second time, and its numbers go on', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    const { sent } = await run({ folder, checkin: [checkinAnswer] });
    expect(sent('enroll')).toEqual([]);
    expect(sent('checkin').map((request) => payloadOf(tokenOf(request)).seq)).toEqual([4, 5, 6]);
  });

  it('asks again with the same key if it was not enrolled yet', async () => {
    const folder = newFolder();
    const first = await run({ folder, enroll: [problem('retry', 503)], waits: 1 });
    const second = await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer], waits: 1 });
    const [one, two] = [first, second].map(({ sent }) => headerOf(sent('enroll')[0]!.body));
    expect(two).toEqual(one);
  });

  it('on another instance drops the old identity: an image was made of the disk', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    const before = stateIn(folder);
    const copy = { folder, instanceId: 'i-0fedcba9876543210', enroll: [enrolledAnswer], checkin: [checkinAnswer] };
    const { sent } = await run(copy);
    expect(sent('enroll')).toHaveLength(1);
    expect(stateIn(folder)).toMatchObject({ instanceId: 'i-0fedcba9876543210', seq: 3 });
    expect(stateIn(folder).key).not.toBe(before.key);
  });

  it('goes on from the number that another run of it reached', async () => {
    const { sent } = await run({
      enroll: [enrolledAnswer],
      checkin: [problem('stale_sequence', 409, { seq: 41 }), checkinAnswer],
    });
    expect(sent('checkin').map((request) => payloadOf(tokenOf(request)).seq)).toEqual([1, 42, 43]);
  });
});

const headerOf = (jws: string) => JSON.parse(Buffer.from(jws.split('.')[0]!, 'base64url').toString());

describe('an agent whose enrollment was ended', () => {
  it.each(['agent_unknown', 'key_denied'])('stops: %s', async (code) => {
    const { outcome, sent } = await run({ enroll: [enrolledAnswer], checkin: [checkinAnswer, problem(code, 401)] });
    expect([outcome, sent('checkin').length]).toEqual(['refused', 2]);
  });
});
