import { randomBytes } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runAgent } from '#agent/agent.ts';
import { bodyHash } from '#agent/key/sign.ts';
import type { AgentPorts } from '#agent/ports.ts';
import { openStateFolder } from '#agent/state/state-folder.ts';
import type { Settings } from '#protocol/settings.ts';
import { checkIn } from '#shared/app/agent/check-in.ts';
import { enrollInstance } from '#shared/app/enrollment/enroll-instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { type HttpAnswer, jsonAnswer, problemAnswer } from '#shared/http/problem.ts';
import { second, start } from '#test/build/records.ts';
import { lifeSetup, newSeed } from '../app/agent/life-setup.ts';
import { byKey, here, keyChange, running } from '../app/enrollment/enrollment-setup.ts';
import { audience, proofOf } from '../fakes/identity.ts';
import { newFolder, untimed } from './setup.ts';

const { document, rsa2048 } = proofOf({ ...here, pendingTime: start }) as { document: string; rsa2048: string };
const grant = { id: byKey.grant.id, seed: Buffer.from(byKey.grant.seed).toString('base64url') };
const metadata: Record<string, string> = {
  '/latest/api/token': 'token',
  '/latest/meta-data/instance-id': here.instanceId,
  '/latest/dynamic/instance-identity/document': document,
  '/latest/dynamic/instance-identity/rsa2048': rsa2048,
  '/latest/user-data': JSON.stringify({ muster: { url: audience, grant } }),
};

/** Muster itself over a store in memory, an instance that nobody has enrolled, and agents that run on it in turns. */
async function world() {
  const setup = await lifeSetup({}, [keyChange({ expiresAt: null })]);
  // The setup's own agent never was.
  const { store } = setup;
  const before = await setup.held();
  await store.saveInstance(before, running());
  let now = start + 30 * second;
  const common = { ...setup.enrollPorts, timing: defaultTiming };
  const answer = async (url: URL, init: RequestInit): Promise<HttpAnswer> => {
    const body = String(init.body);
    if (url.pathname.endsWith('/enroll')) return jsonAnswer(200, await enrollInstance(body, now, common));
    const token = new Headers(init.headers).get('authorization')?.slice(7) ?? '';
    const request = { token, bodySha256: bodyHash(body), report: JSON.parse(body) };
    const ports = { ...common, twinSeen: () => {}, endingFinished: () => {}, begunAnew: () => {} };
    return jsonAnswer(200, await checkIn(request, now, ports));
  };
  const fetch: typeof globalThis.fetch = async (input, init = {}) => {
    const url = new URL(String(input));
    if (url.host === 'imds.example') return new Response(metadata[url.pathname]);
    const { statusCode, body } = await answer(url, init).catch((error: unknown) => {
      if (error instanceof Problem) return problemAnswer(error);
      throw error;
    });
    return new Response(body, { status: statusCode });
  };
  /** One run of the agent with this disk, until it has waited so often; `rotate`: it is asked for a new key first. */
  const run = async (
    folder: string,
    waits: number,
    { rotate = false, settings }: { rotate?: boolean; settings?: Settings } = {},
  ) => {
    const said: string[] = [];
    let [waited, asked] = [0, rotate];
    const options: AgentPorts = {
      ...{
        settings,
        metadataEndpoint: 'http://imds.example',
        fetch,
        timeout: untimed,
        random: Math.random,
        randomBytes,
      },
      state: openStateFolder(folder),
      describe: () => ({ version: '1', os: 'linux', osVersion: '13', arch: 'arm64', hostname: 'web-1', bootId: 'b0' }),
      newId: () => crypto.randomUUID(),
      now: () => now,
      wait: async (seconds) => {
        waited += 1;
        now += seconds * second;
      },
      stopped: () => waited >= waits,
      rotationAsked: () => {
        const wanted = asked;
        asked = false;
        return wanted;
      },
      say: (line) => said.push(line),
    };
    return { outcome: await runAgent(options), said };
  };
  const agentId = async () => (await setup.held()).agent?.id;
  return { ...setup, run, agentId, now: () => now, pass: (seconds: number) => (now += seconds * second) };
}

const copyOf = (folder: string): string => {
  const copy = newFolder();
  cpSync(folder, copy, { recursive: true });
  return copy;
};

describe('a life with Muster', () => {
  it('goes on through restarts and a rotation, and the key of before is of no use to anybody', async () => {
    const { run, held, agentId, pass } = await world();
    const disk = newFolder();
    await run(disk, 5);
    const first = await agentId();
    await run(disk, 5);
    expect(await agentId()).toBe(first);
    const copy = copyOf(disk);
    expect((await run(disk, 5, { rotate: true })).said).toEqual([`rotated to ${await agentId()}`]);
    expect(await agentId()).not.toBe(first);
    expect(await held()).toMatchObject({
      agent: { state: 'operational' },
      management: { status: 'enrolled' },
      identity: { conflict: null },
    });
    pass(600);
    expect((await run(copy, 5)).outcome).toBe('refused');
    expect(await held()).toMatchObject({ identity: { conflict: { reason: 'rotated_key' } } });
  });

  it('ends with a release, and does not come back by itself, restarted or not', async () => {
    const { run, held, release, now } = await world();
    const disk = newFolder();
    await run(disk, 3);
    await release(now());
    for (const _ of [1, 2]) expect((await run(disk, 3)).outcome).toBe('refused');
    expect(await held()).toMatchObject({ agent: null, management: { status: 'discovered-only', reason: 'released' } });
  });

  it('ends with a release for good, though its user data has a grant from before another', async () => {
    const { run, held, reenrollByGrant, release, now } = await world();
    const disk = newFolder();
    await run(disk, 3);
    const { seed, publicKeyX } = newSeed();
    const { reenrollment } = await reenrollByGrant(publicKeyX, now());
    const other = { id: reenrollment?.keyId ?? '', seed: Buffer.from(seed).toString('base64url') };
    await run(disk, 3, { settings: { url: audience, grant: other } });
    await release(now());
    expect((await run(disk, 5)).outcome).toBe('refused');
    expect(await held()).toMatchObject({ agent: null, management: { reason: 'released' } });
  });

  it('goes on with an operator’s grant and another key', async () => {
    const { run, held, reenrollByGrant, agentId, now } = await world();
    const disk = newFolder();
    await run(disk, 3);
    const {
      assignment: { serverId },
      agent,
    } = await held();
    const { seed, publicKeyX } = newSeed();
    const { reenrollment } = await reenrollByGrant(publicKeyX, now());
    const settings = {
      url: audience,
      grant: { id: reenrollment?.keyId ?? '', seed: Buffer.from(seed).toString('base64url') },
    };
    expect((await run(disk, 3, { settings })).outcome).toBe('stopped');
    expect(await held()).toMatchObject({
      agent: { state: 'operational' },
      management: { status: 'enrolled' },
      assignment: { serverId },
    });
    expect(await agentId()).not.toBe(agent?.id);
  });
});

describe('a disk that was copied', () => {
  it('stops both machines, until an operator has re-enrolled the one whose console names its new key', async () => {
    const { run, held, agentId, reenrollByKey, now } = await world();
    const disk = newFolder();
    await run(disk, 4);
    const twin = copyOf(disk);
    for (let turn = 0; turn < 3; turn++) for (const folder of [disk, twin]) await run(folder, 2);
    expect(await held()).toMatchObject({
      management: { status: 'enrolled' },
      identity: { conflict: { reason: 'broken_chain' } },
    });
    const [said, other] = [(await run(disk, 1)).said.at(-1), (await run(twin, 1)).said.at(-1)];
    const named = (line = '') => / agentId (\S+) /.exec(line)?.[1] ?? '';
    expect(named(said)).not.toBe(named(other));
    await reenrollByKey(named(said), now());
    expect((await run(twin, 3)).outcome).toBe('refused');
    expect((await run(disk, 3)).outcome).toBe('stopped');
    expect(await held()).toMatchObject({
      agent: { state: 'operational' },
      management: { status: 'enrolled' },
      identity: { conflict: null },
    });
    expect(await agentId()).toBe(named(said));
    expect((await run(twin, 3)).outcome).toBe('refused');
    expect((await run(disk, 30)).outcome).toBe('stopped');
    expect(await held()).toMatchObject({ identity: { conflict: null } });
  });

  it('and counts as high as it can is seen all the same', async () => {
    const { run, held } = await world();
    const disk = newFolder();
    await run(disk, 4);
    const copy = copyOf(disk);
    const file = join(copy, 'agent.json');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), seq: 2 ** 52 - 20 }));
    await run(copy, 5);
    await run(disk, 3);
    expect(await held()).toMatchObject({ identity: { conflict: { reason: 'broken_chain' } } });
  });

  it('and rotates the key is seen by the last word of the machine that it locks out', async () => {
    const { run, held } = await world();
    const disk = newFolder();
    await run(disk, 4);
    await run(copyOf(disk), 3, { rotate: true });
    expect(await held()).toMatchObject({ identity: { conflict: null } });
    expect((await run(disk, 5)).outcome).toBe('refused');
    expect(await held()).toMatchObject({ identity: { conflict: { reason: 'rotated_key' } } });
  });

  it('and rotates the key is seen even where the true machine has another grant to try', async () => {
    const { run, held } = await world();
    const disk = newFolder();
    await run(disk, 4);
    await run(copyOf(disk), 3, { rotate: true });
    const settings = { url: audience, grant: { id: 'key_of_nobody', seed: Buffer.alloc(32, 7).toString('base64url') } };
    expect((await run(disk, 5, { settings })).outcome).toBe('refused');
    expect(await held()).toMatchObject({ identity: { conflict: { reason: 'rotated_key' } } });
  });
});
