import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DescribeInstancesCommand, EC2Client, type Instance as Ec2Instance } from '@aws-sdk/client-ec2';
import { describe, expect, it, vi } from 'vitest';
import { random } from '#local/random.ts';
import * as settings from '#local/region/settings.ts';
import { pathOf, runDirectly } from '#local/scenario/acts.ts';
import type { ShownInstance, ShownServer, Stage } from '#local/scenario/stage.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { freePort, ownFolder, processesOf, startMuster } from './muster-process.ts';

/** Each start costs seconds, and each run draws other moments from its seed. */
const kills = Number(process.env.KILLS ?? 10);
const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);

/** What a person with a terminal has of a running region: its address, and EC2. */
type Outside = Pick<Stage, 'url' | 'api' | 'ec2' | 'settings'>;

function outside(folder: string): Outside {
  const { url, env } = JSON.parse(readFileSync(join(folder, '.muster', 'local.json'), 'utf8'));
  return {
    url,
    settings,
    ec2: (account, region) =>
      new EC2Client({
        ...{ region, endpoint: env.AWS_ENDPOINT_URL_EC2, maxAttempts: 10 },
        credentials: { accessKeyId: account, secretAccessKey: 'local' },
      }),
    async api(method, path, body) {
      const json = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
      const answer = await fetch(`${url}${path}`, { method, ...json });
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
      return (await answer.json()) as never;
    },
  };
}

/** What was acknowledged before the kill, and so must be there for good. */
interface Promised {
  servers: Set<string>;
  instances: Set<string>;
}

/** One server more, launched, and one instance past Muster; the kill may come at any of it. */
async function act(muster: Outside, nth: number, promised: Promised): Promise<void> {
  const { account, homeRegion: region, agentImage: imageId, plainImage, subnetId, securityGroupId } = settings;
  const request = { imageId, instanceType: 't4g.small', subnetId, securityGroupIds: [securityGroupId] };
  const server = await muster.api<ShownServer>('POST', '/v1/servers', { name: `srv-${nth}`, account, region, request });
  promised.servers.add(server.id);
  await muster.api('POST', `/v1/servers/${server.id}/launch`);
  const { instanceId } = await runDirectly(muster as Stage, { image: plainImage });
  promised.instances.add(instanceId);
}

/** Resolves once the functions' log has so many bytes more: a kill point that no clock decides. */
async function logGrows(folder: string, bytes: number): Promise<void> {
  const size = () => statSync(join(folder, 'functions.log'), { throwIfNoEntry: false })?.size ?? 0;
  const enough = size() + bytes;
  await vi.waitUntil(() => size() >= enough, { timeout: 60_000, interval: 5 });
}

const noneLeft = (folder: string) =>
  vi.waitUntil(() => processesOf(folder).length === 0, { timeout: 60_000, interval: 50 });

async function listed<Item>(muster: Outside, path: string): Promise<Item[]> {
  const items: Item[] = [];
  for (let token: string | null = ''; token !== null; ) {
    const page: { items: Item[]; nextPageToken: string | null } = await muster.api(
      'GET',
      `${path}${token && `?pageToken=${encodeURIComponent(token)}`}`,
    );
    items.push(...page.items);
    token = page.nextPageToken;
  }
  return items;
}

/** Everything that EC2 itself still lists of the registered account. */
async function truth(muster: Outside): Promise<(InstanceKey & { ec2: Ec2Instance })[]> {
  const found = await Promise.all(
    [settings.homeRegion, settings.secondRegion].map(async (region) => {
      const { Reservations = [] } = await muster
        .ec2(settings.account, region)
        .send(new DescribeInstancesCommand({ MaxResults: 1000 }));
      const all = Reservations.flatMap(({ Instances = [] }) => Instances);
      return all.map((ec2) => ({ account: settings.account, region, instanceId: ec2.InstanceId ?? '', ec2 }));
    }),
  );
  return found.flat();
}

/** What is not as it should be once everything has settled. */
async function wrong(muster: Outside, promised: Promised): Promise<string[]> {
  const [real, instances, servers] = await Promise.all([
    truth(muster),
    listed<ShownInstance>(muster, '/v1/instances'),
    listed<ShownServer & { launch: { id: string; state: string } | null }>(muster, '/v1/servers'),
  ]);
  const byId = new Map(instances.map((one) => [one.instanceId, one]));
  const byToken = Map.groupBy(real, ({ ec2 }) => ec2.ClientToken ?? '');
  return [
    ...[...promised.servers].filter((id) => !servers.some((one) => one.id === id)).map((id) => `${id} was lost`),
    ...[...promised.instances].filter((id) => !byId.has(id)).map((id) => `${id} was lost`),
    ...real.flatMap(({ instanceId, ec2 }) => {
      const shown = byId.get(instanceId);
      const waits = shown?.state === 'running' && shown.management === 'pending';
      return shown?.state === ec2.State?.Name && !waits
        ? []
        : [`${instanceId} is ${ec2.State?.Name}, shown as ${shown?.state} and ${shown?.management}`];
    }),
    ...servers.flatMap(({ id, launch, instance }) => {
      const made = byToken.get(`mst-${launch?.id}`) ?? [];
      if (made.length > 1) return [`${id} was launched ${made.length} times`];
      if (launch?.state === 'requested') return [`the launch of ${id} never ended`];
      return launch && made[0]?.instanceId !== instance?.instanceId ? [`${id} is not ${made[0]?.instanceId}`] : [];
    }),
  ];
}

async function toldIds(muster: Outside): Promise<Set<string>> {
  const instances = await listed<ShownInstance>(muster, '/v1/instances');
  const histories = await Promise.all(instances.map((key) => listed<{ id: string }>(muster, `${pathOf(key)}/history`)));
  return new Set(histories.flat().map(({ id }) => id));
}

function consumedIds(folder: string): Set<string> {
  const lines = readFileSync(join(folder, 'data', 'consumed.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean);
  return new Set(lines.map((line) => JSON.parse(line).detail.meta.id));
}

describe(`npm start -- --data DIR, killed ${kills} times (KILLS=${kills} KILL_SEED=${seed})`, () => {
  it('loses no record, no attachment and no event, launches nothing twice and leaves no process behind', {
    timeout: 600_000,
  }, async (test) => {
    const draw = random(seed);
    const at = { folder: ownFolder('kill', test), port: await freePort() };
    const data = join(at.folder, 'data');
    const promised: Promised = { servers: new Set(), instances: new Set() };
    for (let nth = 1; nth <= kills; nth++) {
      const muster = startMuster(['--data', data], at);
      await muster.ready;
      const acting = act(outside(at.folder), nth, promised).catch(() => 'the kill came first');
      // Some kills come after an answer, however slow the machine is: that is a promise.
      if (nth % 5 === 0) await acting;
      await logGrows(data, 200 + Math.floor(draw() * 2500));
      muster.child.kill('SIGKILL');
      await Promise.all([muster.exited, acting]);
      await noneLeft(at.folder);
    }
    const last = startMuster(['--data', data], at);
    await last.ready;
    const muster = outside(at.folder);
    await expect.poll(() => wrong(muster, promised), { timeout: 120_000, interval: 1000 }).toEqual([]);
    await expect
      .poll(async () => [await toldIds(muster), consumedIds(at.folder)], { timeout: 120_000 })
      .toSatisfy(([told, consumed]) => told.size === consumed.size && [...told].every((id) => consumed.has(id)));
    expect(promised.servers.size).toBeGreaterThan(0);
    last.child.kill('SIGTERM');
    expect(await last.exited).toBe(143);
    await noneLeft(at.folder);
  });

  it('plays the demonstration once: with --once on what a run has begun, it says so and exits 2', async (test) => {
    const at = { folder: ownFolder('kill', test), port: await freePort() };
    const first = startMuster(['--data', at.folder], at);
    await first.ready;
    await vi.waitUntil(() => statSync(join(at.folder, 'demonstration-begun'), { throwIfNoEntry: false }) !== undefined);
    first.child.kill('SIGKILL');
    await first.exited;
    const second = startMuster(['--once', '--data', at.folder], at);
    expect(await second.exited).toBe(2);
    expect(second.stderr()).toContain('has begun');
  });
});
