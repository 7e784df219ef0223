import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importAgentKey } from '#agent/key/agent-key.ts';
import { bodyHash } from '#agent/key/sign.ts';
import { holdFolder } from '#agent/state/folder-hold.ts';
import { grantMessage } from '#protocol/grant.ts';
import { readKid, verifyAgentToken, verifyRotationToken } from '#shared/identity/agent-token.ts';
import { newGrantKey, verifyGrant } from '#shared/identity/grant.ts';
import { checkinAnswer, enrolledAnswer, musterUrl, newFolder, problem, run } from './setup.ts';

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

  it('that an operator may cure while the instance runs is asked about again when Muster says so', async () => {
    const outOfScope = problem('grant_out_of_scope', 403, { retryAfterSeconds: 60 });
    const { sent, waited } = await run({ enroll: [outOfScope, outOfScope], waits: 3 });
    expect([sent('enroll').length, waited.slice(0, 2)]).toEqual([3, [60, 60]]);
  });

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

describe('a second agent on one folder', () => {
  it('sends nothing until the first has ended, and says why', async () => {
    const folder = newFolder();
    const letGo = await holdFolder(folder);
    const { outcome, said, sent } = await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    expect(outcome).toBe('stopped');
    expect(new Set(said)).toEqual(new Set([`another agent uses ${folder}: waiting until it ends`]));
    expect([...sent('enroll'), ...sent('checkin')]).toEqual([]);
    await letGo?.();
    const next = await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    expect(next.sent('enroll')).toHaveLength(1);
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

  it('names once what it was told of that, and takes no number that no token may carry', async () => {
    const overtakenAt = '2026-11-02T10:00:30Z';
    const { sent } = await run({
      enroll: [enrolledAnswer],
      checkin: [problem('stale_sequence', 409, { seq: 2 ** 52, overtakenAt }), checkinAnswer],
    });
    expect(sent('checkin').map((request) => payloadOf(tokenOf(request)).seq)).toEqual([1, 2, 3]);
    expect(sent('checkin').map(({ body }) => JSON.parse(body).overtakenAt)).toEqual([
      undefined,
      overtakenAt,
      undefined,
    ]);
  });
});

const headerOf = (jws: string) => JSON.parse(Buffer.from(jws.split('.')[0]!, 'base64url').toString());

describe('the links of an agent’s check-ins', () => {
  const open = { nextCheckinSeconds: 60, link: 'open', tasks: [] };

  it('go on once Muster has taken one, and name it', async () => {
    const { links } = await run({
      enroll: [enrolledAnswer],
      checkin: [checkinAnswer, open, open, checkinAnswer],
      waits: 5,
    });
    const [first, second, third, fourth, fifth] = links();
    expect(first!.previousLink).toBeNull();
    expect(second).toEqual({ link: expect.stringMatching(/^[\w-]{22}$/), previousLink: first!.link });
    expect([third, fourth]).toEqual([second, second]);
    expect(fifth!.previousLink).toBe(second!.link);
    expect(new Set([first, second, fifth].map((one) => one!.link)).size).toBe(3);
  });

  it.each<[string, object | number | string | null | 'cut']>([
    ['no answer came', 'cut'],
    ['somebody else answered', 503],
    ['Muster was busy', problem('busy', 503)],
    ['an answer says nothing of the link', { nextCheckinSeconds: 60 }],
    ['a refusal says that it was taken', problem('internal', 500, { link: 'taken' })],
  ])('are sent again where %s', async (_case, answer) => {
    const { links } = await run({ enroll: [enrolledAnswer], checkin: [answer, checkinAnswer] });
    const [first, again, next] = links();
    expect([again, next!.previousLink]).toEqual([first, first!.link]);
  });

  it('are on the disk before they are sent, the number too', async () => {
    const folder = newFolder();
    const seen: object[] = [];
    const onSend = (path: string, body: string) => {
      if (path !== 'checkin') return;
      const { link, previousLink } = JSON.parse(body);
      const { seq, ...stored } = stateIn(folder);
      expect(stored).toMatchObject({ link, previousLink });
      seen.push(seq);
    };
    await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer], onSend });
    expect(seen).toEqual([1, 2, 3]);
  });

  it('go on after a restart from what was sent last', async () => {
    const folder = newFolder();
    const before = await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer, 'cut'], waits: 2 });
    const after = await run({ folder, checkin: [checkinAnswer], waits: 1 });
    expect(after.links()).toEqual([before.links()[1]]);
  });

  it('say which instance and which boot it is', async () => {
    const { sent } = await run({ enroll: [enrolledAnswer], checkin: [checkinAnswer], waits: 1 });
    const said = { instanceId: 'i-0123456789abcdef0', bootId: 'b0', state: 'operational' };
    expect(JSON.parse(sent('checkin')[0]!.body)).toMatchObject(said);
  });

  it('begin anew on another instance, to which the disk was copied', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    const { link } = stateIn(folder);
    const copy = { folder, instanceId: 'i-0fedcba9876543210', enroll: [enrolledAnswer], checkin: [checkinAnswer] };
    const [first] = (await run(copy)).links();
    expect(first!.previousLink).toBeNull();
    expect(first!.link).not.toBe(link);
  });

  it('are found in a file that an older agent left', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    const { link: _l, previousLink: _p, next: _n, usedGrants: _g, ...older } = stateIn(folder);
    writeFileSync(join(folder, 'agent.json'), JSON.stringify({ ...older, grantId: 'lch_1' }));
    const [first] = (await run({ folder, checkin: [checkinAnswer], waits: 1 })).links();
    expect(first).toEqual({ link: expect.stringMatching(/^[\w-]{22}$/), previousLink: null });
    expect(stateIn(folder).usedGrants).toEqual(['lch_1']);
  });

  it.each([
    ['damaged', '{"key":"-----BEGIN PRIVATE KEY'],
    ['empty', ''],
  ])('are not made anew where the file is %s: that is said, without a word of what it holds', async (_case, text) => {
    const folder = newFolder();
    const path = join(folder, 'agent.json');
    writeFileSync(path, text);
    const why = `${path} is damaged: move it away and re-enroll the instance`;
    await expect(run({ folder, enroll: [enrolledAnswer] })).rejects.toThrow(why);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('are not made anew where the file cannot be read', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'agent.json'));
    await expect(run({ folder, enroll: [enrolledAnswer] })).rejects.toMatchObject({ code: 'EISDIR' });
  });
});

describe('an agent whose enrollment was ended', () => {
  const settings = { url: musterUrl, grant: { id: 'key_new', seed: 'B'.repeat(43) } };
  it('rests, and shows the grant that it has used to nobody', async () => {
    const folder = newFolder();
    const denied = problem('key_denied', 401);
    const ended = { enroll: [enrolledAnswer], checkin: [checkinAnswer, denied] };
    const { outcome, sent } = await run({ folder, ...ended });
    expect([outcome, sent('checkin').length, sent('enroll').length]).toEqual(['refused', 3, 1]);
    const again = await run({ folder, checkin: [denied] });
    expect([again.outcome, again.sent('checkin').length, again.sent('enroll')]).toEqual(['refused', 2, []]);
  });

  it('by another’s rotation, signs once more when the clocks’ difference is over: that shows the thief', async () => {
    const folder = newFolder();
    const denied = problem('key_denied', 403);
    const { waited } = await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer, denied] });
    expect(waited).toEqual([60, 330]);
  });

  it('never shows a grant of its past again, though another has enrolled it since', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    const checkin = [problem('key_denied', 403), checkinAnswer];
    await run({ folder, settings, enroll: [enrolledAnswer], checkin });
    expect(stateIn(folder).usedGrants).toEqual(['lch_1', 'key_new']);
    const { outcome, sent } = await run({ folder, checkin: [problem('key_denied', 403)] });
    expect([outcome, sent('enroll')]).toEqual(['refused', []]);
  });

  it('enrolls once more, with a new key, where its settings hold a grant that it has not used', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    const before = stateIn(folder);
    const checkin = [problem('key_denied', 403), checkinAnswer];
    const { outcome, sent, said, links } = await run({ folder, settings, enroll: [enrolledAnswer], checkin });
    const after = stateIn(folder);
    expect([outcome, sent('enroll').length]).toEqual(['stopped', 1]);
    expect(said).toContain('no longer enrolled: key_denied');
    expect([payloadOf(sent('enroll')[0]!.body).grant.id, after.usedGrants]).toEqual(['key_new', ['lch_1', 'key_new']]);
    expect(after.key).not.toBe(before.key);
    expect(headerOf(sent('enroll')[0]!.body).jwk.x).toBe(importAgentKey(after.key).publicKeyX);
    expect(links()[1]!.previousLink).toBeNull();
  });

  it('has stored whatever key it signs with before it sends: a retry comes from the same agent', async () => {
    const folder = newFolder();
    let asked = 0;
    const onSend = (path: string, body: string) => {
      if (path !== 'enroll') return;
      const { key } = stateIn(folder);
      expect(headerOf(body).jwk.x).toBe(importAgentKey(key).publicKeyX);
      asked += 1;
    };
    const checkin = [checkinAnswer, problem('key_denied', 403), checkinAnswer];
    await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer], onSend });
    await run({ folder, settings, enroll: ['cut', enrolledAnswer], checkin, onSend });
    expect(asked).toBe(3);
  });

  it('and refused then stops; a further start asks again, with that key and without the grant that was used', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    const refused = { enroll: [problem('grant_expired', 403)], checkin: [problem('key_denied', 403)] };
    expect((await run({ folder, settings, ...refused })).outcome).toBe('refused');
    const { key } = stateIn(folder);
    const { sent } = await run({ folder, enroll: [problem('refused', 403)] });
    expect(payloadOf(sent('enroll')[0]!.body)).not.toHaveProperty('grant');
    expect(stateIn(folder).key).toBe(key);
  });
});

describe('an agent whose enrollment Muster has lost', () => {
  const unknown = problem('agent_unknown', 401);

  it('enrolls again with the same key and the grant that it has used, and its chain of links goes on', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer], waits: 2 });
    const before = stateIn(folder);
    const scene = { folder, enroll: [enrolledAnswer], checkin: [unknown, checkinAnswer], waits: 2 };
    const { outcome, sent, links } = await run(scene);
    const after = stateIn(folder);
    expect([outcome, after.key, after.usedGrants]).toEqual(['stopped', before.key, ['lch_1']]);
    const [enrollment] = sent('enroll');
    expect(headerOf(enrollment!.body).jwk.x).toBe(importAgentKey(before.key).publicKeyX);
    expect(payloadOf(enrollment!.body).grant.id).toBe('lch_1');
    const [lost, again] = links();
    expect([again, lost?.previousLink]).toEqual([lost, before.previousLink]);
    expect(after.seq).toBeGreaterThan(before.seq);
  });

  it('keeps every grant that it came back with: none enrolls it twice after an operator ended it', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    const settings = { url: musterUrl, grant: { id: 'key_new', seed: 'B'.repeat(43) } };
    await run({ folder, settings, enroll: [enrolledAnswer], checkin: [unknown, checkinAnswer] });
    expect(stateIn(folder).usedGrants).toEqual(['lch_1', 'key_new']);
    const { outcome, sent } = await run({ folder, settings, checkin: [problem('key_denied', 403)] });
    expect([outcome, sent('enroll')]).toEqual(['refused', []]);
  });

  it('asks again every five intervals for as long as Muster refuses, restarted or not, and never gives up', async () => {
    const folder = newFolder();
    const refused = problem('refused', 403);
    const lost = { folder, enroll: [enrolledAnswer, refused], checkin: [unknown], waits: 4 };
    const { outcome, waited, sent } = await run(lost);
    expect([outcome, waited, sent('enroll').length]).toEqual(['stopped', [300, 300, 300, 300], 5]);
    const again = await run({ folder, enroll: [refused, enrolledAnswer], checkin: [unknown, unknown, checkinAnswer] });
    expect([again.outcome, again.said.at(-1)]).toMatchObject(['stopped', expect.stringContaining('enrolled again as')]);
  });

  it('waits longer each time where Muster enrolls it and does not know it afterwards', async () => {
    const { waited, sent } = await run({ enroll: [enrolledAnswer], checkin: [unknown], waits: 4 });
    expect([waited.length, sent('checkin').length, sent('enroll').length]).toEqual([4, 5, 6]);
    expect(waited).toEqual(waited.toSorted((a, b) => a - b));
    expect(Math.min(...waited)).toBeGreaterThan(0);
  });

  it('waits as long as it is told', async () => {
    const enroll = [enrolledAnswer, problem('refused', 403, { retryAfterSeconds: 900 })];
    expect((await run({ enroll, checkin: [unknown], waits: 1 })).waited).toEqual([900]);
  });

  it('stops where an operator had ended it: its key is denied', async () => {
    const scene = { enroll: [enrolledAnswer, problem('key_denied', 403)], checkin: [unknown] };
    expect((await run(scene)).outcome).toBe('refused');
  });
});

describe('an agent in conflict', () => {
  const conflict = problem('identity_conflict', 409, { retryAfterSeconds: 300 });

  it('says by which key it can be re-enrolled, keeps that one, and asks at a slow pace', async () => {
    const { outcome, waited, said, sent, folder } = await run({ enroll: [enrolledAnswer], checkin: [conflict] });
    const { next } = stateIn(folder);
    const { id } = importAgentKey(next.key);
    expect([outcome, waited, sent('enroll').length]).toEqual(['stopped', [300, 300, 300], 1]);
    const line = `identity conflict: re-enroll i-0123456789abcdef0 by agentId ${id} if it is this machine`;
    expect(said.filter((one) => one.startsWith('identity conflict'))).toEqual([line, line, line]);
  });

  it('that an operator has re-enrolled by that key enrolls with it, and shows no grant', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer], checkin: [conflict], waits: 1 });
    const { id } = importAgentKey(stateIn(folder).next.key);
    const checkin = [problem('key_denied', 403), checkinAnswer];
    const { outcome, sent, said } = await run({ folder, enroll: [enrolledAnswer], checkin });
    expect([outcome, said.includes(`enrolled as ${id}`)]).toEqual(['stopped', true]);
    expect(payloadOf(sent('enroll')[0]!.body)).not.toHaveProperty('grant');
    expect(stateIn(folder)).toMatchObject({ next: null, usedGrants: ['lch_1'], refused: null });
  });

  it('that was not meant stops', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer], checkin: [conflict], waits: 1 });
    const meantOther = { enroll: [problem('refused', 403)], checkin: [problem('key_denied', 403)] };
    expect((await run({ folder, ...meantOther })).outcome).toBe('refused');
    expect(stateIn(folder)).toMatchObject({ enrolled: null, refused: 'refused' });
  });

  it('that goes on when it is over drops nothing', async () => {
    const { outcome, links } = await run({ enroll: [enrolledAnswer], checkin: [conflict, checkinAnswer], waits: 3 });
    const [first, again, next] = links();
    expect([outcome, again, next!.previousLink]).toEqual(['stopped', first, first!.link]);
  });

  it('rotates no key', async () => {
    const { sent, said } = await run({ enroll: [enrolledAnswer], checkin: [conflict], rotateAfter: 1 });
    expect([sent('enroll').length, said.includes('not rotated: the key is in conflict')]).toEqual([1, true]);
  });
});

describe('an agent that is asked for a new key', () => {
  const rotated = { ...enrolledAnswer, agentId: 'new' };

  it('enrolls it with a token of the old one, and speaks with it from then on', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer], waits: 1 });
    const old = importAgentKey(stateIn(folder).key);
    const { sent, said, links } = await run({ folder, enroll: [rotated], checkin: [checkinAnswer], rotateAfter: 1 });
    const [enrollment] = sent('enroll');
    const { previous, jti, grant } = payloadOf(enrollment!.body);
    const now = importAgentKey(stateIn(folder).key);
    const rules = { htm: 'POST', htus: [`${musterUrl}/v1/enroll`], jti, jkt: now.id };
    const clock = { now: new Date('2026-11-02T10:00:30Z'), clockSkewSeconds: 300 };
    await verifyRotationToken(previous, old.publicKeyX, { ...rules, ...clock });
    expect([readKid(previous), grant, said]).toEqual([old.id, undefined, [`rotated to ${now.id}`]]);
    expect(headerOf(enrollment!.body).jwk.x).toBe(now.publicKeyX);
    expect(sent('checkin').map((request) => readKid(tokenOf(request)))).toEqual([old.id, now.id, now.id]);
    expect(links()[1]!.previousLink).toBeNull();
    expect(stateIn(folder)).toMatchObject({ next: null, usedGrants: ['lch_1'] });
  });

  it('too often goes on with the old key, and asks with the same new one when it may', async () => {
    const folder = newFolder();
    const often = problem('rotated_too_often', 429, { retryAfterSeconds: 150 });
    const enroll = [enrolledAnswer, often, often, rotated];
    const scene = { folder, enroll, checkin: [checkinAnswer], rotateAfter: 1, waits: 8, timePasses: true };
    const { sent, said, waited } = await run(scene);
    const asked = sent('enroll')
      .slice(1)
      .map(({ body }) => headerOf(body).jwk.x);
    expect([asked.length, new Set(asked).size]).toEqual([3, 1]);
    expect(waited).toEqual([60, 60, 60, 60, 60, 60, 60, 60]);
    const speakers = sent('checkin').map((request) => readKid(tokenOf(request)));
    expect([speakers.indexOf(speakers.at(-1)!), speakers.length]).toEqual([7, 8]);
    expect(said.filter((line) => line.startsWith('not rotated'))).toHaveLength(2);
  });

  it('whose answers are lost asks on with the same new key, and uses the old one no more', async () => {
    const scene = {
      enroll: [enrolledAnswer, 'cut', 'cut', rotated],
      checkin: [checkinAnswer],
      rotateAfter: 1,
      waits: 5,
    } as const;
    const { sent, folder } = await run(scene);
    const asked = sent('enroll')
      .slice(1)
      .map(({ body }) => headerOf(body).jwk.x);
    expect([asked.length, new Set(asked).size]).toEqual([3, 1]);
    const speakers = sent('checkin').map((request) => readKid(tokenOf(request)));
    expect(speakers.slice(1)).toEqual([speakers[1], speakers[1]]);
    expect(speakers[1]).toBe(importAgentKey(stateIn(folder).key).id);
    expect(speakers[0]).not.toBe(speakers[1]);
  });

  it('and crashes in between goes on with the same new key', async () => {
    const folder = newFolder();
    await run({ folder, enroll: [enrolledAnswer, 'cut'], checkin: [checkinAnswer], rotateAfter: 1, waits: 2 });
    const { next } = stateIn(folder);
    const { sent } = await run({ folder, enroll: [rotated], checkin: [checkinAnswer], waits: 1 });
    expect([next.for, stateIn(folder).key]).toEqual(['rotation', next.key]);
    expect(sent('checkin').map((request) => readKid(tokenOf(request)))).toEqual([importAgentKey(next.key).id]);
  });

  it('and refused keeps the old one', async () => {
    const scene = {
      enroll: [enrolledAnswer, problem('proof_too_weak', 403)],
      checkin: [checkinAnswer],
      rotateAfter: 1,
    };
    const { outcome, sent, said, folder } = await run(scene);
    expect([outcome, said.includes('not rotated: proof_too_weak')]).toEqual(['stopped', true]);
    const speakers = sent('checkin').map((request) => readKid(tokenOf(request)));
    expect(new Set(speakers).size).toBe(1);
    expect(stateIn(folder)).toMatchObject({ next: null, refused: null, enrolled: { serverId: 'srv_1' } });
  });
});

describe('an instance that was stopped and started', () => {
  it('goes on with its key, its number and its links: nothing is enrolled again', async () => {
    const folder = newFolder();
    const before = await run({ folder, enroll: [enrolledAnswer], checkin: [checkinAnswer] });
    const after = await run({ folder, checkin: [checkinAnswer] });
    const [last, first] = [before.sent('checkin').at(-1), after.sent('checkin')[0]];
    expect(readKid(tokenOf(first))).toBe(readKid(tokenOf(last)));
    expect(after.sent('enroll')).toEqual([]);
    expect(after.sent('checkin').map((request) => payloadOf(tokenOf(request)).seq)).toEqual([4, 5, 6]);
    // What was taken last was not stored yet: it is sent once more.
    expect(JSON.parse(first!.body)).toEqual(JSON.parse(last!.body));
  });
});
