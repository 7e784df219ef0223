import { expect, it } from 'vitest';
import type { Person } from '#local/stack/account.ts';
import { signedFetch, unsignedFetch } from '../../cli/signed-fetch.ts';
import type { DeployedStack } from './deployed-stack.ts';

const publicKey = 'eXy6GR1GVlbVXwWGLqh1Q-YV2WpH5VkuJ7Tq-5Pb2Bs';
const requests = [
  { method: 'GET', path: '/v1/instances' },
  { method: 'POST', path: '/v1/enrollment-keys', body: JSON.stringify({ publicKey }) },
  { method: 'DELETE', path: '/v1/enrollment-keys/key_0' },
  { method: 'POST', path: '/v1/servers/srv_0/terminate' },
];
const writes = requests.filter(({ method }) => method !== 'GET');

/** A write to every kind of resource: what the reader's policy must not let through. */
const writesToAll = [
  ...writes,
  { method: 'POST', path: '/v1/servers', body: '{}' },
  { method: 'POST', path: '/v1/servers/srv_0/launch' },
  { method: 'POST', path: '/v1/instances/111122223333/us-east-1/i-0123456789abcdef0/release' },
  { method: 'POST', path: '/v1/pairs/111122223333/us-east-1/release-removal' },
];

/** Who may call the operator's routes of the deployed API, and that agents need no AWS identity for theirs. */
export function operatorRoutes(stack: () => DeployedStack): void {
  const send = (request: (typeof writesToAll)[number], credentials: Person) =>
    signedFetch({ ...request, url: stack().url + request.path, credentials, region: stack().root.region });

  it.each(requests)('$method $path: unsigned is refused', async (request) => {
    const answer = await unsignedFetch({ ...request, url: stack().url + request.path });
    expect(answer.status).toBe(403);
  });

  it.each(requests)('$method $path: an unknown key is refused', async (request) => {
    const stranger = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI' };
    expect((await send(request, stranger)).status).toBe(403);
  });

  it.each(requests)('$method $path: a wrong secret is refused', async (request) => {
    const { accessKeyId } = stack().people.operator;
    expect((await send(request, { accessKeyId, secretAccessKey: 'not it' })).status).toBe(403);
  });

  it('a reader reads', async () => {
    const answer = await send(requests[0]!, stack().people.reader);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ items: [], nextPageToken: null });
  });

  it.each(writesToAll)('$method $path: a reader is refused', async (request) => {
    const answer = await send(request, stack().people.reader);
    expect(answer.status).toBe(403);
    expect(await answer.json()).not.toHaveProperty('code'); // by the API itself: Muster was not asked
  });

  it.each(writes)('$method $path: an operator reaches Muster', async (request) => {
    const answer = await send(request, stack().people.operator);
    expect([201, 404]).toContain(answer.status);
    expect(await answer.json()).toMatchObject(answer.status === 404 ? { code: 'not_found' } : { publicKey });
  });

  it.each([
    { path: '/v1/enroll', code: 'unsupported_media_type' },
    { path: '/v1/checkin', code: 'malformed_jws' },
  ])('POST $path takes no AWS signature: Muster itself answers', async ({ path, code }) => {
    const answer = await fetch(stack().url + path, { method: 'POST', body: 'x' });
    expect(await answer.json()).toMatchObject({ code });
  });
}
