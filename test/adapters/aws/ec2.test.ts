import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openEc2 } from '#shared/adapters/aws/ec2.ts';
import { Problem } from '#shared/domain/problems.ts';
import { aLaunch } from '#test/build/a-launch.ts';
import { describeAll } from '#test/build/whole.ts';

/** What a proxy, a captive portal or a wrong address answers in EC2's place, and EC2 itself when it is unwell. */
const page = '<html><head><title>Blocked</title></head><body>Ask your administrator</body></html>';
const refusal = (code: string, message = 'No.') =>
  `<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>r</RequestID></Response>`;

let answer = { status: 200, body: '' };
let asked = '';
const server = createServer(async (request, response) => {
  asked = (await request.toArray()).join('');
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
  describeAll: () => describeAll(ec2, account, region),
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
    const outcome = await launch().catch(() => ({ outcome: 'thrown' }));
    expect(outcome.outcome).toMatch(/^(thrown|refused_for_now)$/);
  });

  it('confirms no termination', async () => {
    answer = { status, body };
    await expect(ec2.terminate({ account, region, instanceId: 'i-1' })).rejects.toThrow();
  });
});

describe('EC2’s refusal', () => {
  it('ends a launch, by EC2’s own code', async () => {
    answer = { status: 400, body: refusal('InvalidAMIID.NotFound') };
    expect(await launch()).toEqual({ outcome: 'refused', code: 'InvalidAMIID.NotFound', message: 'No.' });
  });

  it.each([
    ['missing capacity', 500, 'InsufficientInstanceCapacity', 'No capacity.'],
    ['a throttle', 503, 'RequestLimitExceeded', 'Slow down.'],
    ['the verification of a new account', 400, 'PendingVerification', 'Normally resolved within minutes.'],
    [
      'an instance profile that EC2 does not know yet',
      400,
      'InvalidParameterValue',
      'Value (arn:aws:iam::111122223333:instance-profile/web) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN',
    ],
  ])('for %s is for now, by EC2’s own code and message', async (_, status, code, message) => {
    answer = { status, body: refusal(code, message) };
    expect(await launch()).toEqual({ outcome: 'refused_for_now', code, message });
  });

  it('of another parameter is final, and its message is cut to 500 characters', async () => {
    answer = { status: 400, body: refusal('InvalidParameterValue', `Value (x) is invalid. ${'y'.repeat(600)}`) };
    const outcome = await launch();
    expect(outcome).toMatchObject({ outcome: 'refused', code: 'InvalidParameterValue' });
    expect(outcome).toHaveProperty('message.length', 500);
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
  expect(await describeAll(ec2, account, region)).toMatchObject({ found: [] });
});

describe('a listing', () => {
  const item = (instanceId: string, members: string) =>
    `<item><instancesSet><item><instanceId>${instanceId}</instanceId>${members}</item></instancesSet></item>`;
  const state = (name: string) => `<instanceState><code>16</code><name>${name}</name></instanceState>`;
  const launchTime = '<launchTime>2026-11-02T10:00:05.000Z</launchTime>';
  const managed = '<operator><managed>true</managed><principal>eks.amazonaws.com</principal></operator>';
  const listing = (...items: string[]) =>
    `<DescribeInstancesResponse><reservationSet>${items.join('')}</reservationSet></DescribeInstancesResponse>`;

  it.each([
    ['no state', launchTime],
    ['no LaunchTime', state('running')],
    ['an unknown state', state('hibernating') + launchTime],
  ])('with an instance of %s counts all others', async (_, members) => {
    const readable = state('running') + launchTime;
    answer = { status: 200, body: listing(item('i-1', readable), item('i-2', members), item('i-3', readable)) };
    const { found, unreadableIds } = await describeAll(ec2, account, region);
    expect(found.map(({ sight }) => sight.instanceId)).toEqual(['i-1', 'i-3']);
    expect(unreadableIds).toEqual(['i-2']);
  });

  it.each([
    [account, true],
    ['999988887777', false],
  ])('of the account %s is believed: %s', async (owner, believed) => {
    const one = item('i-1', state('running') + launchTime).replace('<item>', `<item><ownerId>${owner}</ownerId>`);
    answer = { status: 200, body: listing(one) };
    const asking = describeAll(ec2, account, region);
    if (believed) expect((await asking).found).toHaveLength(1);
    else await expect(asking).rejects.toThrow('EC2 answered for another account');
  });

  it('asks for instances that another AWS service manages, and says which', async () => {
    answer = { status: 200, body: listing(item('i-1', state('running') + launchTime + managed)) };
    const { found } = await describeAll(ec2, account, region);
    expect(asked).toContain('IncludeManagedResources=true');
    expect(found.map(({ facts }) => facts.managedBy)).toEqual(['eks.amazonaws.com']);
  });
});
