import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as settings from '#local/region/settings.ts';
import { functionFiles } from '#local/topology.ts';
import { fromInstanceItem, toInstanceItem } from '#shared/adapters/dynamo/instance-item.ts';
import { readChange } from '#shared/adapters/dynamo/stream.ts';
import type { Item } from '#shared/adapters/dynamo/table.ts';
import { CheckinReport } from '#shared/app/agent/check-in.ts';
import { readLaunchMessage, readSweepMessage, readVerifyMessage } from '#shared/app/messages.ts';
import { disbelief } from '#shared/domain/cloud/merge-event.ts';
import { readNotification } from '#shared/domain/cloud/notification.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { readBearer, readBody, readJson, readQuery } from '#shared/http/request.ts';
import { gatewayRouteFor } from '#shared/http/routes/index.ts';
import { verifyAgentToken } from '#shared/identity/agent-token.ts';
import { readEnrollmentRequest } from '#shared/identity/enrollment-request.ts';
import { routeOf } from '../http/violations.ts';
import { bodiesOf, httpSample, sample, sampleNames, streamSample } from './samples.ts';

const named = (prefix: string) => sampleNames.filter((name) => name.startsWith(prefix));
const stateOf = (name: string) => name.slice('instance-changed.'.length);
const warnings: Record<string, string> = {
  'spot-interruption': 'spot_interruption',
  'capacity-block-interruption': 'capacity_block_interruption',
  rebalance: 'rebalance_recommendation',
  'health-retirement': 'scheduled_retirement',
};

describe('instance-changed', () => {
  const now = new Date();

  it.each(named('instance-changed.'))('%s is a notification that counts', (name) => {
    const [body, ...more] = bodiesOf(name, now);
    expect(more).toEqual([]);
    expect(body).toMatchObject({ source: name.includes('health') ? 'aws.health' : 'aws.ec2' });
    const notification = readNotification(body, now.getTime());
    const what = warnings[stateOf(name)];
    expect(notification).toMatchObject(
      what ? { kind: 'warning', warning: { kind: what } } : { kind: 'state', change: { state: stateOf(name) } },
    );
  });

  it.each(named('instance-changed.'))('%s is of an account and region that npm start watches', (name) => {
    expect(bodiesOf(name)).toMatchObject([{ account: settings.account, region: settings.homeRegion }]);
  });

  it.each(named('instance-changed.'))('%s never grows too old', (name) => {
    const years = new Date('2036-11-02T10:00:00Z');
    const notification = readNotification(bodiesOf(name, years)[0], years.getTime());
    if (notification.kind === 'state') expect(disbelief(notification.change, defaultTiming)).toBeNull();
    else expect(notification).toMatchObject({ kind: 'warning', warning: { at: years.getTime() } });
  });
});

it.each([
  ['verify', readVerifyMessage],
  ['sweep-region', readSweepMessage],
  ['launch', readLaunchMessage],
])('%s is a message that its reader takes', (name, read) => {
  const [body] = bodiesOf(name);
  expect(read(body)).toEqual(body);
});

it.each(['tick', 'sweep'])('%s is what EventBridge sends on a schedule', (name) => {
  expect(sample(name)).toMatchObject({ source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} });
});

describe('the operators’ requests', () => {
  it.each(named('operator-'))('%s is a request for a route of its function, as it wants it', (name) => {
    const event = httpSample(name);
    const { method, path } = event.requestContext.http;
    const route = routeOf(method, path);
    expect(functionFiles.get(String(route?.function))).toBe(name.split('.')[0]);
    expect(event.routeKey).toBe(`${method} ${gatewayRouteFor(method, path)?.path}`);
    if (route?.body && !(route.bodyOptional && event.body === undefined))
      expect(readJson(readBody(event, 'application/json'), route.body)).toBeDefined();
    else expect(event.body).toBeUndefined();
    if (route?.query) expect(readQuery(event, route.query)).toBeDefined();
    else expect(event.queryStringParameters).toBeUndefined();
  });
});

describe('the agent’s requests', () => {
  const enrollment = readBody(httpSample('enroll'), 'application/jose').toString('latin1');
  const claims = JSON.parse(Buffer.from(enrollment.split('.')[1] ?? '', 'base64url').toString());
  const rules = { audiences: [claims.aud], now: new Date(claims.iat * 1000), clockSkewSeconds: 300 };

  it('enroll is a well-formed request of its time and deployment', async () => {
    expect(await readEnrollmentRequest(enrollment, rules)).toMatchObject({ aud: claims.aud, iat: claims.iat });
  });

  it('enroll is refused everywhere else, wherever its port is: wrong_audience', async () => {
    const local = { ...rules, audiences: ['http://127.0.0.1:4000', 'http://localhost:4000'], now: new Date() };
    await expect(readEnrollmentRequest(enrollment, local)).rejects.toMatchObject({ code: 'wrong_audience' });
  });

  it('checkin is a report by the agent of that enrollment', async () => {
    const event = httpSample('checkin');
    const { agentId, publicKeyX, aud } = await readEnrollmentRequest(enrollment, rules);
    const bodySha256 = createHash('sha256').update(readBody(event, 'application/json')).digest('base64url');
    const later = new Date(rules.now.getTime() + 60_000);
    const expected = { htm: 'POST', htus: [`${aud}/v1/checkin`], bodySha256, now: later, clockSkewSeconds: 300 };
    expect(await verifyAgentToken(readBearer(event), publicKeyX, expected)).toMatchObject({ agentId, seq: 1 });
    const { instanceId } = JSON.parse(claims.proof.document);
    const said = { instanceId, bootId: claims.agent.bootId, state: 'operational', previousLink: null };
    expect(readJson(readBody(event, 'application/json'), CheckinReport)).toMatchObject(said);
  });
});

describe('record-changed', () => {
  const { Records } = streamSample('record-changed');

  it('is changes of one instance, each of which is read', () => {
    const changes = Records.map(readChange).flatMap((change) =>
      change && 'kind' in change && change.kind === 'instance' ? [change] : [],
    );
    expect(changes.map((change) => change.after.cloud.state)).toEqual(['pending', 'running', 'running']);
    expect(changes.at(-1)?.after.management.status).toBe('enrolled');
  });

  it.each(Records.flatMap(({ dynamodb }) => [dynamodb?.NewImage, dynamodb?.OldImage].filter((image) => image)))(
    'holds images just as the table’s items are written',
    (image) => {
      const item = image as Item;
      expect(toInstanceItem(fromInstanceItem(item), defaultTiming)).toEqual(item);
    },
  );
});

it('has no sample that nothing here looks at', () => {
  const known =
    /^(instance-changed|operator-(api|change|ec2)|muster)\.|^(verify|sweep-region|launch|tick|sweep|enroll|checkin|record-changed)$/;
  expect(sampleNames.filter((name) => !known.test(name))).toEqual([]);
});
