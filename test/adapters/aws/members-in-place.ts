import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, vi } from 'vitest';

export const [own, member, other, stranger] = ['111122223333', '444455556666', '777788889999', '999900001111'] as const;
export const instanceId = 'i-0123456789abcdef0';

/** A call as it arrived: what was asked, by whose key, signed for which Region and service. */
export interface Call {
  action: string;
  accessKeyId: string;
  sessionToken: string | undefined;
  scope: string;
  parameters: Record<string, string>;
}

/** What STS does for a member account, until the next test. */
interface Member {
  /** Refuses to hand out the role, by this code. */
  refuses?: { code: string; status: number };
  /** The credentials are those of another account. */
  really?: string;
  /** Answers with this in AssumeRole's or GetCallerIdentity's place. */
  answers?: { action: string; body: string };
  /** Never answers. */
  hangs?: true;
  lifeSeconds?: number;
}

/** STS and EC2, answering for any account by its credentials: keys of a member say whose they are and which they are, `KEY<account>N<nth>`. */
export function membersInPlace() {
  const calls: Call[] = [];
  const members: Record<string, Member> = {};
  let handedOut = 0;

  const handOut = (account: string): [number, string] => {
    const { refuses, lifeSeconds = 900 } = members[account] ?? {};
    if (refuses) return [refuses.status, stsRefusal(refuses.code)];
    handedOut += 1;
    const expiration = new Date(Date.now() + lifeSeconds * 1000).toISOString();
    return [
      200,
      `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>KEY${account}N${handedOut}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token${handedOut}</SessionToken><Expiration>${expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
    ];
  };
  const answer = (call: Call): [number, string] | undefined => {
    const account = accountOf(call);
    const { really = account, answers, hangs } = members[account] ?? {};
    if (hangs) return undefined;
    if (answers?.action === call.action) return [200, answers.body];
    if (call.action === 'AssumeRole') return handOut(account);
    if (call.action === 'GetCallerIdentity') return [200, callerIdentity(really)];
    if (call.action === 'TerminateInstances')
      return [200, '<TerminateInstancesResponse><instancesSet/></TerminateInstancesResponse>'];
    return [200, oneInstance(account)];
  };
  const server = createServer((request, response) => {
    void readCall(request).then((call) => {
      calls.push(call);
      const [status, body] = answer(call) ?? [];
      if (status) response.writeHead(status, { 'content-type': 'text/xml' }).end(body);
    });
  });

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    vi.stubEnv('AWS_ENDPOINT_URL_EC2', url);
    vi.stubEnv('AWS_ENDPOINT_URL_STS', url);
    vi.stubEnv('AWS_ACCESS_KEY_ID', own);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'unused');
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  });
  beforeEach(() => {
    calls.length = 0;
    for (const account of Object.keys(members)) delete members[account];
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  return { calls, members, actions: () => calls.map(({ action }) => action) };
}

/** AssumeRole's by the role, anything else by the key. */
const accountOf = ({ accessKeyId, parameters }: Call): string =>
  /\d{12}/.exec(parameters.RoleArn ?? accessKeyId)?.[0] ?? 'nobody';

const stsRefusal = (code: string): string =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>No.</Message></Error></ErrorResponse>`;

const callerIdentity = (account: string): string =>
  `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>${account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`;

/** Every account has the same id running, so that only the account tells them apart. */
const oneInstance = (account: string): string =>
  `<DescribeInstancesResponse><reservationSet><item><ownerId>${account}</ownerId><instancesSet><item><instanceId>${instanceId}</instanceId><imageId>ami-${account}</imageId><instanceType>t4g.small</instanceType><instanceState><code>16</code><name>running</name></instanceState><launchTime>2026-11-02T10:00:00.000Z</launchTime></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`;

async function readCall(request: IncomingMessage): Promise<Call> {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { Action: action = '', ...parameters } = Object.fromEntries(new URLSearchParams(body));
  const [, accessKeyId = '', scope = ''] =
    /Credential=(\w+)\/\d{8}\/([\w/-]+)\/aws4_request/.exec(request.headers.authorization ?? '') ?? [];
  const sessionToken = request.headers['x-amz-security-token'] as string | undefined;
  return { action, accessKeyId, sessionToken, scope, parameters };
}
