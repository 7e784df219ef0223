import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { APIGatewayProxyEventV2, SQSEvent } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { disabled } from '#local/faults.ts';
import { type LocalRegion, startLocalRegion } from '#local/region/local-region.ts';
import * as settings from '#local/region/settings.ts';
import { createKey, inState, pathOf, runDirectly } from '#local/scenario/acts.ts';
import { simulatedStage } from '#local/scenario/simulated-stage.ts';
import type { ShownInstance, ShownServer, Stage } from '#local/scenario/stage.ts';
import { functionNames } from '#local/topology.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { sample } from '../events/samples.ts';
import { checkinNow, enrollmentNow } from './agent-requests.ts';
import { type LocalInvoker, localInvoker } from './local-invoker.ts';

/**
 * A local region in which no function runs by itself but the API that shows the records: what is seen there was done by
 * `serverless invoke local`.
 */
const folder = mkdtempSync(join(tmpdir(), 'muster-invoke-'));
const { account, homeRegion, secondRegion } = settings;
const sampled: InstanceKey = { account, region: homeRegion, instanceId: 'i-0a1b2c3d4e5f60718' };
const allHandled = { batchItemFailures: [] };
let region: LocalRegion;
let stage: Stage;
let serverless: LocalInvoker;

const show = (key: InstanceKey) =>
  stage.api<ShownInstance & { agent: { id: string; state: string } }>('GET', pathOf(key));
const unrecorded = (key: InstanceKey) => expect(show(key)).rejects.toThrow('404 not_found');

beforeAll(async () => {
  const faults = functionNames.filter((name) => !name.startsWith('operator')).map(disabled);
  region = await startLocalRegion({ port: await freePort(), folder, inMemory: true, faults, page: () => '' });
  stage = simulatedStage(region);
  // Nothing here waits for a deadline, and none passes while osls bundles.
  const timing = { ...settings.shortTiming, enrollmentDeadlineSeconds: 0, launchToPendingSeconds: 300 };
  serverless = await localInvoker(folder, 2, { ...region.env, TIMING: JSON.stringify(timing) });
});

afterAll(async () => {
  await region?.close();
  rmSync(folder, { recursive: true, force: true });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** A sample of one message with another body. */
function withBody(name: string, body: object): SQSEvent {
  const event = sample<SQSEvent>(name);
  return { Records: event.Records.map((record) => ({ ...record, body: JSON.stringify(body) })) };
}

async function runUnseen(inRegion: string): Promise<InstanceKey> {
  const key = await runDirectly(stage, { image: settings.plainImage, region: inRegion });
  await inState(stage, key, 'running');
  return key;
}

describe.concurrent('serverless invoke local', () => {
  it('records a state change with onInstanceChanged, and tick and sweep go on from there', async () => {
    await unrecorded(sampled);
    expect(await serverless.invoke('onInstanceChanged', 'instance-changed.running')).toEqual(allHandled);
    expect(await show(sampled)).toMatchObject({ state: 'running', management: 'pending' });

    const [ticked, swept] = await Promise.all([serverless.invoke('tick', 'tick'), serverless.invoke('sweep', 'sweep')]);
    expect(ticked).toMatchObject({ due: expect.any(Number), failed: 0 });
    expect(await show(sampled)).toMatchObject({ management: 'discovered-only', managementReason: 'deadline_passed' });
    const asked = await messagesIn(settings.queueNames.sweep);
    expect(asked).toBeGreaterThan(0);
    expect(swept).toEqual({ asked });
  });

  it('finds an instance whose events were lost with sweepRegion', async () => {
    const key = await runUnseen(homeRegion);
    await unrecorded(key);
    expect(await serverless.invoke('sweepRegion', 'sweep-region')).toEqual(allHandled);
    expect(await show(key)).toMatchObject({ state: 'running' });
  });

  it('asks EC2 with verify; then enroll binds an agent and checkin hears of it', async () => {
    const key = await runUnseen(secondRegion);
    await unrecorded(key);
    expect(await serverless.invoke('verify', withBody('verify', { ...key, attempt: 0 }))).toEqual(allHandled);
    expect(await show(key)).toMatchObject({ state: 'running', agent: null });

    const agent = newAgentKey();
    const enrolled = await serverless.invoke(
      'enroll',
      enrollmentNow(agent, region.cloud.ec2.instance(key)!, {
        ...{ url: region.url, authorityFile: join(folder, 'authority.json') },
        grant: await createKey(stage, { instanceIds: [key.instanceId] }),
      }),
    );
    expect(enrolled).toMatchObject({ statusCode: 200 });
    expect(await show(key)).toMatchObject({ management: 'enrolled', agent: { id: agent.id, state: null } });

    const checkin = checkinNow(agent, key.instanceId, region.url);
    expect(await serverless.invoke('checkin', checkin)).toMatchObject({ statusCode: 200 });
    expect(await show(key)).toMatchObject({ agent: { id: agent.id, state: 'operational' } });
  });

  it('launches with launch, once the API has taken the request', async () => {
    const { body } = sample<APIGatewayProxyEventV2>('operator-change.create-server');
    const { id } = await stage.api<ShownServer>('POST', '/v1/servers', JSON.parse(body ?? ''));
    type Launching = ShownServer & { launch: { id: string; state: string } };
    const { launch } = await stage.api<Launching>('POST', `/v1/servers/${id}/launch`);
    expect(await serverless.invoke('launch', withBody('launch', { launchId: launch.id }))).toEqual(allHandled);
    const server = await stage.api<Launching>('GET', `/v1/servers/${id}`);
    expect(server).toMatchObject({ launch: { state: 'launched' }, instance: { account, region: homeRegion } });
    expect(stage.launchedByMuster(server.instance!)).toBe(true);
  });

  it('creates a server with operatorChange', async () => {
    const answer = await serverless.invoke<{ statusCode: number; body: string }>(
      'operatorChange',
      'operator-change.create-server',
    );
    expect(answer.statusCode).toBe(201);
    const { id } = JSON.parse(answer.body);
    expect(await stage.api('GET', `/v1/servers/${id}`)).toMatchObject({ id, name: 'web-1', instance: null });
  });

  it('is told by operatorApi that operatorChange creates servers', async () => {
    const answer = await serverless.invoke<{ statusCode: number; body: string }>(
      'operatorApi',
      'operator-change.create-server',
    );
    expect(answer.statusCode).toBe(421);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'wrong_function', function: 'operatorChange' });
  });

  it('tells the history with onRecordChanged', async () => {
    // The instance becomes a server in this sample. Its events lie with the server from then on (docs/decisions/0013-history-is-kept-once.md).
    const serverId = /srv_[0-9A-Za-z]+/.exec(JSON.stringify(sample('record-changed')))?.[0];
    const told = async () => {
      const paths = [pathOf(sampled), `/v1/servers/${serverId}`];
      const pages = paths.map((path) => stage.api<{ items: { detailType: string }[] }>('GET', `${path}/history`));
      return (await Promise.all(pages)).flatMap(({ items }) => items.map(({ detailType }) => detailType));
    };
    expect(await told()).toEqual([]);
    expect(await serverless.invoke('onRecordChanged', 'record-changed')).toEqual(allHandled);
    expect(await told()).toEqual(
      expect.arrayContaining(['Instance State Changed', 'Instance Enrolled', 'Server State Changed']),
    );
  });
});

async function messagesIn(queueName: string): Promise<number> {
  const client = new SQSClient({
    endpoint: region.env.AWS_ENDPOINT_URL_SQS!,
    region: homeRegion,
    credentials: { accessKeyId: account, secretAccessKey: 'local' },
  });
  const QueueUrl = region.env.SWEEP_QUEUE_URL!.replace(/[^/]+$/, queueName);
  const { Attributes = {} } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  client.destroy();
  return Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesNotVisible);
}
