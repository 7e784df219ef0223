import { randomBytes } from 'node:crypto';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import { beforeAll, describe, expect, it } from 'vitest';
import { signEnrollment } from '#agent/key/sign.ts';
import { SimulatedSts } from '#local/aws/sts/simulated-sts.ts';
import { random } from '#local/random.ts';
import { everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { enrollmentKeyNamed } from '#test/build/records.ts';
import { audience, enrollmentOf } from '../fakes/identity.ts';
import { runSeed } from '../simulation/region/run.ts';
import {
  apiEvent,
  call,
  functionSetup,
  instanceId,
  invoke,
  place,
  runningInstance,
  sqsBatch,
  subnetId,
} from './setup.ts';

/** A secret that nothing else looks like, planted where a real one would be. */
const canary = (): string => `CANARY${randomBytes(12).toString('hex')}`;

/** How it would look in a log that encodes what it cannot print. */
const forms = (secret: string): string[] => [
  secret,
  ...(['base64', 'base64url', 'hex'] as const).map((encoding) => Buffer.from(secret).toString(encoding).slice(0, -3)),
];

const setup = functionSetup();
const handlers = {} as Record<
  'enroll' | 'checkin' | 'operatorApi' | 'operatorChange' | 'launch' | 'verify' | 'onRecordChanged',
  unknown
>;
const grant = newGrantKey(randomBytes);
/** Everything that was answered since the test began, headers too. */
let answers: unknown[] = [];
beforeAll(async () => {
  ({ handler: handlers.enroll } = await import('../../functions/enroll.ts'));
  ({ handler: handlers.checkin } = await import('../../functions/checkin.ts'));
  ({ handler: handlers.operatorApi } = await import('../../functions/operator-api.ts'));
  ({ handler: handlers.operatorChange } = await import('../../functions/operator-change.ts'));
  ({ handler: handlers.launch } = await import('../../functions/launch.ts'));
  ({ handler: handlers.verify } = await import('../../functions/verify.ts'));
  ({ handler: handlers.onRecordChanged } = await import('../../functions/on-record-changed.ts'));
  const key = enrollmentKeyNamed('key_web', { publicKey: grant.publicKeyX, expiresAt: null, scope: everyInstance });
  await setup.store.commit([{ kind: 'key', before: undefined, after: key }]);
});

async function send(handler: unknown, event: object): Promise<void> {
  answers.push(await call(handler, event));
}

/** Tells every record of the main table, as the stream would, to the bus and the history. */
async function tellAll(): Promise<void> {
  const { Items = [] } = await setup.dynamo.client.send(new ScanCommand({ TableName: setup.tableName }));
  const Records = Items.map((NewImage, nth) => ({
    ...{ eventID: String(nth), eventName: 'INSERT', eventSource: 'aws:dynamodb' },
    dynamodb: { SequenceNumber: String(nth), ApproximateCreationDateTime: 0, NewImage },
  })) as DynamoDBRecord[];
  await invoke(handlers.onRecordChanged, { Records });
}

/** Logs, answers, the bus, the history, and the main table, whose stream leaves it: all that anybody could read. */
async function readable(): Promise<string> {
  await tellAll();
  const told = setup.queue('consumer').receive(1000, 0);
  const main = await setup.dynamo.client.send(new ScanCommand({ TableName: setup.tableName }));
  const history = await setup.dynamo.client.send(new ScanCommand({ TableName: process.env.PRIVATE_TABLE_NAME }));
  const kept = (history.Items ?? []).filter(({ pk }) => !pk?.S?.startsWith('USERDATA#'));
  expect(setup.lines).not.toEqual([]);
  return JSON.stringify([setup.lines, answers, told, main.Items, kept]);
}

async function expectUnseen(...secrets: readonly string[]): Promise<void> {
  const everything = await readable();
  for (const form of secrets.flatMap(forms)) expect(everything).not.toContain(form);
  answers = [];
}

const jose = (body: string, more: object = {}) => ({
  ...apiEvent('POST', '/v1/enroll'),
  headers: { 'content-type': 'application/jose' },
  ...{ body: Buffer.from(body).toString('base64'), isBase64Encoded: true },
  ...more,
});

/** An agent of a running instance that asks to enroll. */
async function asking(nth: number, fields: object = {}) {
  const key = newAgentKey();
  const { startedAt } = await runningInstance(setup, nth);
  const claim = { ...place, instanceId: instanceId(nth), pendingTime: startedAt };
  const body = enrollmentOf({ key, claim, now: Date.now(), grant: { id: 'key_web', seed: grant.seed }, ...fields });
  return { key, body };
}

describe('a secret in a request is in nothing that anybody can read', () => {
  it('whatever header, cookie or query of an enrollment it is in', async () => {
    const secrets = Array.from({ length: 5 }, canary);
    const [authorization = '', cookie = '', apiKey = '', query = '', contentType = ''] = secrets;
    const headers = { 'content-type': 'application/jose', authorization, cookie, 'x-api-key': apiKey };
    const { body } = await asking(1);
    await send(
      handlers.enroll,
      jose(body, { headers, rawQueryString: `token=${query}`, queryStringParameters: { token: query } }),
    );
    await send(handlers.enroll, jose(body, { headers: { 'content-type': `text/${contentType}` } }));
    await expectUnseen(...secrets);
  });

  it('whatever part of a malformed enrollment it is in', async () => {
    const secrets = Array.from({ length: 6 }, canary);
    const [raw = '', header = '', payload = '', proof = '', grantId = '', privateKey = ''] = secrets;
    const key = newAgentKey();
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
    await send(handlers.enroll, jose(raw));
    await send(handlers.enroll, jose(`${encode({ alg: header })}.${encode({})}.${'A'.repeat(86)}`));
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.publicKeyX, d: privateKey };
    await send(
      handlers.enroll,
      jose(`${encode({ alg: 'EdDSA', typ: 'muster-enroll+jws', jwk })}.${encode({})}.${'A'.repeat(86)}`),
    );
    await send(handlers.enroll, jose(signEnrollment(key, { secret: payload })));
    const whole = { aud: audience, iat: Math.floor(Date.now() / 1000), jti: 'one' };
    const agent = { version: '', os: '', osVersion: '', arch: '', hostname: '', bootId: 'b0' };
    await send(
      handlers.enroll,
      jose(signEnrollment(key, { ...whole, agent, proof: { kind: 'iid-rsa2048', rsa2048: proof } })),
    );
    await send(
      handlers.enroll,
      jose(
        signEnrollment(key, {
          ...whole,
          agent,
          proof: { kind: 'iid-rsa2048', rsa2048: 'AAAA' },
          grant: { id: 'key_x', signature: grantId },
        }),
      ),
    );
    await expectUnseen(...secrets);
  });

  it('in what an enrollment proves, accepted or refused: request, object, grant, credentials', async () => {
    const sts = new SimulatedSts({ now: () => new Date(), random: random(1) });
    const credentials = sts.instanceCredentials({ ...place, instanceId: instanceId(3) });
    const accepted = await asking(2);
    const refused = await asking(3, { sts: { by: credentials } });
    for (const { body } of [accepted, refused]) await send(handlers.enroll, jose(body));
    expect(answers).toMatchObject([{ statusCode: 200 }, { statusCode: 403 }]);
    const parts = [accepted, refused].flatMap(({ body }) => body.split('.').slice(1));
    const { grant: proofOfGrant, proof } = JSON.parse(
      Buffer.from(accepted.body.split('.')[1]!, 'base64url').toString(),
    );
    const sent = [...parts, proofOfGrant.signature, proof.rsa2048.slice(0, 60), proof.rsa2048.slice(-60)];
    await expectUnseen(
      ...sent,
      credentials.sessionToken,
      credentials.secretAccessKey,
      Buffer.from(grant.seed).toString('base64url'),
    );
  });

  it('in a check-in: its token, its body', async () => {
    const secrets = [canary(), canary(), canary()];
    const [token = '', member = '', signature = ''] = secrets;
    const body = JSON.stringify({ secret: member });
    const post = (authorization: string) =>
      send(handlers.checkin, {
        ...apiEvent('POST', '/v1/checkin', { body }),
        headers: { 'content-type': 'application/json', authorization },
      });
    await post(`Bearer ${token}`);
    await post(
      `Bearer ${['{"alg":"EdDSA","typ":"muster-agent+jwt","kid":"x"}', '{}'].map((part) => Buffer.from(part).toString('base64url')).join('.')}.${Buffer.from(signature).toString('base64url')}`,
    );
    await expectUnseen(...secrets);
  });

  it('in what an operator sends by mistake, and in the path and query', async () => {
    const secrets = Array.from({ length: 4 }, canary);
    const [seed = '', userData = '', query = '', path = ''] = secrets;
    await send(
      handlers.operatorChange,
      apiEvent('POST', '/v1/enrollment-keys', { body: JSON.stringify({ publicKey: grant.publicKeyX, seed }) }),
    );
    await send(
      handlers.operatorChange,
      apiEvent('POST', '/v1/servers', { body: JSON.stringify({ name: 'web-1', ...place, request: { userData } }) }),
    );
    await send(handlers.operatorApi, apiEvent('GET', `/v1/instances?pageToken=${query}`));
    await send(handlers.operatorApi, apiEvent('GET', `/v1/${path}`));
    await expectUnseen(...secrets);
  });

  it('in the user data of a launch, from the request to the running instance', async () => {
    const request = { imageId: 'ami-0123456789abcdef0', instanceType: 't4g.nano', subnetId };
    await send(
      handlers.operatorChange,
      apiEvent('POST', '/v1/servers', { body: JSON.stringify({ name: 'web-1', ...place, request }) }),
    );
    const { id } = JSON.parse((answers.at(-1) as { body: string }).body) as { id: string };
    await send(handlers.operatorChange, apiEvent('POST', `/v1/servers/${id}/launch`));
    const [message] = setup.queue('launch').receive(10);
    const { launchId } = JSON.parse(message!.body) as { launchId: string };
    const { muster } = JSON.parse((await setup.userData.get(launchId))!) as { muster: { grant: { seed: string } } };
    await invoke(handlers.launch, sqsBatch([{ launchId }]));
    expect(setup.ec2.truth().some(({ clientToken }) => clientToken.endsWith(launchId))).toBe(true);
    expect(message!.body).not.toContain(muster.grant.seed);
    await expectUnseen(muster.grant.seed);
  });

  it('in a message that nobody can read', async () => {
    const secret = canary();
    await invoke(handlers.launch, sqsBatch([secret, { launchId: secret }]));
    await invoke(
      handlers.verify,
      sqsBatch([secret, { account: secret, region: secret, instanceId: secret, attempt: 0 }]),
    );
    await expectUnseen(secret);
  });

  it('in the timeline of a simulated fleet', async () => {
    const { timeline, pipeline } = await runSeed(1, { deaths: [] });
    const texts = pipeline.ec2.truth().flatMap(({ configuration: { userData } }) => (userData ? [userData] : []));
    const seeds = texts.flatMap((text) => JSON.parse(Buffer.from(text, 'base64').toString()).muster?.grant?.seed ?? []);
    expect(seeds.length).toBeGreaterThan(2);
    const text = timeline.join('\n');
    for (const form of seeds.flatMap(forms)) expect(text).not.toContain(form);
  });
});
