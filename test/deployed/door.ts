import { IAMClient, ListUsersCommand } from '@aws-sdk/client-iam';
import { expect, it } from 'vitest';
import type { DeployedStack } from './deployed-stack.ts';

const listUsers = 'Action=ListUsers&Version=2010-05-08';
const forged = 'SignedHeaders=host, Signature='.concat('0'.repeat(64));
const asRoot = `AWS4-HMAC-SHA256 Credential=111122223333/20261126/us-east-1/iam/aws4_request, ${forged}`;

/** What runs in the emulator runs as the person who started it: so nobody but this machine's programs, by their keys, gets in. */
export function door(stack: () => DeployedStack): void {
  const post = (path: string, headers: Record<string, string>, body = listUsers) =>
    fetch(stack().endpoint + path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body,
    });

  it.each([
    { what: 'a root key whose signature is made up', path: '/', headers: { authorization: asRoot } },
    { what: 'no signature', path: '/', headers: {} },
    {
      what: 'a root key in the query',
      path: `/?X-Amz-Credential=test/20261126/us-east-1/iam/aws4_request`,
      headers: {},
    },
    { what: 'a web page', path: '/', headers: { authorization: asRoot, origin: 'https://evil.example' } },
    { what: 'the administration of the emulator', path: '/_ministack/reset', headers: {} },
    { what: 'its look into queues', path: '/_ministack/sqs/messages', headers: {} },
  ])('refuses $what', async ({ path, headers }) => {
    const answer = await post(path, headers);
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ __type: 'AccessDeniedException' });
  });

  it('refuses root with another secret, and lets root in', async () => {
    const ask = (secretAccessKey: string) => {
      const credentials = { ...stack().root.credentials, secretAccessKey };
      return new IAMClient({ ...stack().root, credentials, maxAttempts: 1 }).send(new ListUsersCommand({}));
    };
    await expect(ask('not it')).rejects.toThrow();
    const { Users = [] } = await ask(stack().root.credentials.secretAccessKey);
    expect(Users.map(({ UserName }) => UserName)).toContain('deployer');
  });
}
