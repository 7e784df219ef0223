import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signGrant } from '#agent/key/sign.ts';
import { grantMessage } from '#protocol/grant.ts';
import { Problem } from '#shared/domain/problems.ts';
import { problemAnswer } from '#shared/http/problem.ts';
import { verifyGrant } from '#shared/identity/grant.ts';
import { type Api, json, openApi } from './an-api.ts';
import { muster } from './muster.ts';

const where = ['111122223333', 'us-east-1', 'i-0a1b2c3d4e5f60718'];
const waiting = {
  instanceId: where[2],
  reenrollment: { keyId: 'key_0123456789abcdef', until: '2026-11-02T10:15:00Z' },
};
let api: Api;
let folder: string;
let file: string;
beforeAll(async () => {
  api = await openApi();
});
beforeEach(() => {
  api.arrived = [];
  api.answer = json(200, waiting);
  folder = mkdtempSync(join(tmpdir(), 'muster-re-enroll-'));
  file = join(folder, 'settings.json');
});
afterEach(() => rmSync(folder, { recursive: true }));
afterAll(() => api.close());

const reenroll = (...args: string[]) => muster(['re-enroll', ...args, '--url', api.url]);

describe('muster re-enroll', () => {
  it('asks for the one instance, and leaves settings with which its agent enrolls', async () => {
    const { status, stdout, stderr } = await reenroll(...where, '--settings', file);
    expect([status, stderr, JSON.parse(stdout)]).toEqual([0, '', { ...waiting, settingsFile: file }]);
    const target = `/v1/instances/${where.join('/')}/re-enroll`;
    expect(api.arrived).toMatchObject([{ method: 'POST', target }]);
    const { publicKey, ...rest } = JSON.parse(api.arrived[0]!.body);
    const { url, grant } = JSON.parse(readFileSync(file, 'utf8'));
    expect([rest, url, grant.id, statSync(file).mode & 0o777]).toEqual([{}, api.url, 'key_0123456789abcdef', 0o600]);
    const message = grantMessage(url, 'thumbprint', 'jti');
    expect(verifyGrant(publicKey, signGrant(Buffer.from(grant.seed, 'base64url'), message), message)).toBe(true);
    expect(stdout + JSON.stringify(api.arrived)).not.toContain(grant.seed);
  });

  it('says why, if the operator does', async () => {
    await reenroll(...where, '--settings', file, '--reason', 'the disk was copied');
    expect(JSON.parse(api.arrived[0]!.body).reason).toBe('the disk was copied');
  });

  it('leaves no file where Muster refuses, and prints its answer', async () => {
    const { statusCode, headers, body } = problemAnswer(new Problem('not_managed', 'no', {}));
    api.answer = { status: statusCode, headers, body };
    const { status, stdout } = await reenroll(...where, '--settings', file);
    expect([status, JSON.parse(stdout).code, existsSync(file)]).toEqual([4, 'not_managed', false]);
  });

  it('asks for nothing where the file is there already, or the command line is not whole', async () => {
    await reenroll(...where, '--settings', file);
    api.arrived = [];
    expect((await reenroll(...where, '--settings', file)).status).toBe(2);
    expect((await reenroll(...where)).status).toBe(2);
    expect((await reenroll('--settings', join(folder, 'other.json'))).status).toBe(2);
    expect(api.arrived).toEqual([]);
  });

  it('reaches for no other path, whatever the instance is called', async () => {
    await reenroll('111122223333', 'us-east-1', '../x?y', '--settings', file);
    expect(api.arrived[0]?.target).toBe('/v1/instances/111122223333/us-east-1/..%2Fx%3Fy/re-enroll');
  });
});
