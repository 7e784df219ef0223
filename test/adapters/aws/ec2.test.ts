import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openEc2 } from '#shared/adapters/aws/ec2.ts';
import { Problem } from '#shared/domain/problems.ts';
import { aLaunch } from '#test/build/a-launch.ts';

/** What a proxy, a captive portal or a wrong address answers in EC2's place, and EC2 itself when it is unwell. */
const page = '<html><head><title>Blocked</title></head><body>Ask your administrator</body></html>';
const refusal = (code: string) =>
  `<Response><Errors><Error><Code>${code}</Code><Message>No.</Message></Error></Errors><RequestID>r</RequestID></Response>`;

let answer = { status: 200, body: '' };
const server = createServer((_, response) => {
  response.writeHead(answer.status, { 'content-type': 'text/xml' }).end(answer.body);
});

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  vi.stubEnv('AWS_ENDPOINT_URL_EC2', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_ACCESS_KEY_ID', account);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'unused');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
});

const { account, region } = aLaunch();
const ec2 = openEc2(account, Date.now);
const questions = {
  describe: () => ec2.describe(account, region, ['i-1']),
  describeNamed: () => ec2.describeNamed(account, region, ['i-1']),
  describeAll: () => ec2.describeAll(account, region),
  describeByToken: () => ec2.describeByToken(account, region, 'mst-1'),
};
const launch = () => ec2.runInstances(aLaunch(), 'user data');

describe.each([
  ['a success without a body', 200, ''],
  ['a page that came with success', 200, page],
  ['an answer without what was asked for', 200, '<Response><requestId>r</requestId></Response>'],
  ['an answer cut short', 200, '<DescribeInstancesResponse><reservationSet><item>'],
  ['a page that refuses', 403, page],
  ['a page that is no XML', 404, '<!doctype html><p>Not found'],
  ['a proxy’s word', 407, 'Proxy Authentication Required'],
  ['a gateway’s page', 502, page],
  ['EC2’s own fault', 500, refusal('InternalError')],
  ['missing capacity', 500, refusal('InsufficientInstanceCapacity')],
  ['a throttle', 503, refusal('RequestLimitExceeded')],
])('%s (%i)', (_, status, body) => {
  it.each(Object.entries(questions))('is no answer to %s', async (_name, ask) => {
    answer = { status, body };
    await expect(ask()).rejects.toThrow();
  });

  it('ends no launch', async () => {
    answer = { status, body };
    await expect(launch()).rejects.toThrow();
  });

  it('confirms no termination', async () => {
    answer = { status, body };
    await expect(ec2.terminate({ account, region, instanceId: 'i-1' })).rejects.toThrow();
  });
});

describe('EC2’s refusal', () => {
  it('ends a launch, by EC2’s own code', async () => {
    answer = { status: 400, body: refusal('InvalidAMIID.NotFound') };
    expect(await launch()).toEqual({ outcome: 'refused', code: 'InvalidAMIID.NotFound' });
  });

  it('of a termination is told by EC2’s own code', async () => {
    answer = { status: 400, body: refusal('OperationNotPermitted') };
    const failure = await ec2.terminate({ account, region, instanceId: 'i-1' }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Problem);
    expect(failure).toMatchObject({ code: 'ec2_refused', facts: { ec2Code: 'OperationNotPermitted' } });
  });
});

it('EC2’s word that nothing is there is believed', async () => {
  answer = { status: 200, body: '<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>' };
  expect(await ec2.describeAll(account, region)).toMatchObject({ found: [] });
});
