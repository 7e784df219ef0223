import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signGrant } from '#agent/key/sign.ts';
import { grantMessage } from '#protocol/grant.ts';
import { Problem } from '#shared/domain/problems.ts';
import { problemAnswer } from '#shared/http/problem.ts';
import { verifyGrant } from '#shared/identity/grant.ts';
import { type Answer, type Api, json, openApi } from './an-api.ts';
import { muster } from './muster.ts';

const registered = { id: 'key_0123456789abcdef', usesLeft: null, createdBy: 'local' };
let api: Api;
let folder: string;
beforeAll(async () => {
  api = await openApi();
});
beforeEach(() => {
  api.arrived = [];
  api.answer = json(201, registered);
  folder = mkdtempSync(join(tmpdir(), 'muster-key-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
afterAll(() => api.close());

const create = (file: string, args: string[] = [], stdin = '') =>
  muster(['key', 'create', '--user-data', file, '--url', `${api.url}/`, ...args], {}, stdin);
const settingsIn = (file: string) =>
  (JSON.parse(readFileSync(file, 'utf8')) as { muster: { url: string; grant: { id: string; seed: string } } }).muster;

describe('muster key create', () => {
  it('registers the public half and leaves user data with which an agent enrolls', async () => {
    const file = join(folder, 'user-data.json');
    const { status, stdout, stderr } = await create(file);
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual({ ...registered, userDataFile: file });
    const { url, grant } = settingsIn(file);
    expect({ url, id: grant.id }).toEqual({ url: api.url, id: registered.id });
    expect(api.arrived).toMatchObject([{ method: 'POST', target: '/v1/enrollment-keys' }]);
    const { publicKey, ...rest } = JSON.parse(api.arrived[0]!.body) as { publicKey: string };
    expect(rest).toEqual({});
    const message = grantMessage(url, 'thumbprint', 'jti');
    expect(verifyGrant(publicKey, signGrant(Buffer.from(grant.seed, 'base64url'), message), message)).toBe(true);
  });

  it('says why, if the operator does', async () => {
    await create(join(folder, 'user-data.json'), ['--reason', 'a new image']);
    expect(JSON.parse(api.arrived[0]!.body).reason).toBe('a new image');
  });

  it('keeps the seed in the file alone', async () => {
    const file = join(folder, 'user-data.json');
    const { stdout, stderr } = await create(file);
    const { seed } = settingsIn(file).grant;
    expect(Buffer.from(seed, 'base64url')).toHaveLength(32);
    const hex = Buffer.from(seed, 'base64url').toString('hex');
    const seen = stdout + stderr + JSON.stringify(api.arrived);
    expect([seed, hex].filter((form) => seen.includes(form))).toEqual([]);
  });

  it('lets nobody else read the file, not even before the request', async () => {
    const file = join(folder, 'user-data.json');
    const modes: string[] = [];
    const look = () => modes.push((statSync(file).mode & 0o777).toString(8));
    api.answer = (): Answer => {
      look();
      return json(201, registered);
    };
    await create(file);
    look();
    expect(modes).toEqual(['600', '600']);
  });

  it('makes another key every time', async () => {
    const files = ['a.json', 'b.json'].map((name) => join(folder, name));
    for (const file of files) await create(file);
    expect(new Set(files.map((file) => settingsIn(file).grant.seed)).size).toBe(2);
  });

  it('sends the limits that are given', async () => {
    const limits = ['--scope', '-', '--uses', '20', '--expires-at', '2026-12-01T00:00:00Z'];
    const { status } = await create(join(folder, 'user-data.json'), limits, '{"regions":["eu-central-1"]}');
    expect(status).toBe(0);
    expect(JSON.parse(api.arrived[0]!.body)).toMatchObject({
      scope: { regions: ['eu-central-1'] },
      uses: 20,
      expiresAt: '2026-12-01T00:00:00Z',
    });
  });

  it('sends a scope as it is, whatever is in it', async () => {
    const scope = {
      ...{ roles: ['web'], tags: { 'aws:autoscaling:groupName': 'web' }, proofKinds: ['sts'], windowSeconds: 3600 },
      ...{ attachments: ['instance_store_root'], images: [] },
    };
    const { status } = await create(join(folder, 'user-data.json'), ['--scope', '-'], JSON.stringify(scope));
    expect(status).toBe(0);
    expect(JSON.parse(api.arrived[0]!.body).scope).toEqual(scope);
  });

  it('leaves no file where Muster refuses, and exits 4', async () => {
    const { statusCode, body, headers } = problemAnswer(new Problem('malformed_request', 'no', { member: 'scope' }));
    api.answer = { status: statusCode, body, headers };
    const { status, stdout, stderr } = await create(join(folder, 'user-data.json'));
    expect([status, stderr]).toEqual([4, 'muster: malformed_request: no. Compare it with docs/api.md.\n']);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'malformed_request', member: 'scope' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each<[string, Answer]>([
    ['names no key', json(201, { ok: true })],
    ['is not Muster’s', { status: 502, body: 'Bad Gateway' }],
  ])('leaves no file where the answer %s, and exits 1', async (_, answer) => {
    api.answer = answer;
    const { status, stdout } = await create(join(folder, 'user-data.json'));
    expect([status, stdout]).toEqual([1, '']);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'leaves no file where %s ends it before there is an answer',
    async (signal) => {
      let process: ChildProcess | undefined;
      const there: string[][] = [];
      api.answer = (): Answer => {
        there.push(readdirSync(folder));
        process?.kill(signal);
        return { ...json(201, registered), never: true };
      };
      const args = ['key', 'create', '--user-data', join(folder, 'user-data.json'), '--url', api.url];
      const { status, stdout } = await muster(args, {}, '', (child) => {
        process = child;
      });
      expect([status, stdout, process?.signalCode]).toEqual([null, '', signal]);
      expect([there, readdirSync(folder)]).toEqual([[['user-data.json']], []]);
    },
  );

  it('leaves a file alone that is there', async () => {
    const file = join(folder, 'user-data.json');
    writeFileSync(file, 'mine');
    expect(await create(file)).toMatchObject({
      status: 2,
      stderr: `muster: ${file} exists already, and stays as it is.\n`,
    });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(api.arrived).toEqual([]);
  });

  it('follows no link', async () => {
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'user-data.json'));
    expect(await create(join(folder, 'user-data.json'))).toMatchObject({ status: 2 });
    expect(readdirSync(folder)).toEqual(['user-data.json']);
  });

  it.each<[string, string[], RegExp]>([
    ['no count', ['--uses', 'twenty'], /--uses is no count/],
    ['none at all', ['--uses', '0'], /--uses is no count/],
    ['no time', ['--expires-at', 'tomorrow'], /--expires-at is no RFC 3339 time/],
    ['a scope on the command line', ['--scope', '{"regions":[]}'], /--scope names no file/],
    ['a scope that is not JSON', ['--scope', '-'], /What --scope gives is not JSON/],
    ['a seed on the command line', ['--seed', 'AAAA'], /unknown option/],
  ])('exits 2, and makes and sends nothing: %s', async (_, args, sentence) => {
    const { status, stdout, stderr } = await create(join(folder, 'user-data.json'), args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(sentence);
    expect(readdirSync(folder)).toEqual([]);
    expect(api.arrived).toEqual([]);
  });

  it.each<[string, string[], RegExp]>([
    ['no file', [], /required option '--user-data <file>' not specified/],
    ['a file in no folder', ['--user-data', '/nonexistent/a.json'], /\/nonexistent\/a\.json cannot be made/],
    ['no URL', ['--user-data', '/nonexistent/a.json', '--url', ''], /Say where Muster is/],
  ])('exits 2: %s', async (_, args, sentence) => {
    const { status, stderr } = await muster(['key', 'create', '--url', api.url, ...args]);
    expect(status).toBe(2);
    expect(stderr).toMatch(sentence);
  });
});
