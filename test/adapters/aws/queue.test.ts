import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openQueue } from '#shared/adapters/aws/queue.ts';

interface Sent {
  QueueUrl: string;
  Entries: { Id: string; MessageBody: string; DelaySeconds: number }[];
}

/** The ids that the server in SQS's place does not take. */
let refused: readonly string[] = [];
const requests: Sent[] = [];
/** The SDK compares it with what it has sent. */
const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const sent = JSON.parse(Buffer.concat(chunks).toString()) as Sent;
  requests.push(sent);
  const [Failed, taken] = [true, false].map((isRefused) =>
    sent.Entries.filter(({ Id }) => refused.includes(Id) === isRefused),
  ) as [Sent['Entries'], Sent['Entries']];
  const answer = {
    Successful: taken.map(({ Id, MessageBody }) => ({ Id, MessageId: Id, MD5OfMessageBody: md5(MessageBody) })),
    Failed: Failed.map(({ Id }) => ({ Id, Code: 'InternalError', SenderFault: false })),
  };
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(answer));
});

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', '111122223333');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'unused');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});
beforeEach(() => {
  refused = [];
  requests.length = 0;
});

describe('messages for a queue of Muster’s own', () => {
  // The SDK sends to the host of the queue's URL.
  const queue = () =>
    openQueue<number>(`http://127.0.0.1:${(server.address() as AddressInfo).port}/111122223333/muster-verify`);
  const numbers = (count: number) => Array.from({ length: count }, (_, nth) => nth);

  it('go ten to a request, each once and in order, with the delay that was asked for', async () => {
    await queue().send(numbers(23), 900);
    expect(requests.map(({ Entries }) => Entries.length)).toEqual([10, 10, 3]);
    const entries = requests.flatMap(({ Entries }) => Entries);
    expect(entries.map(({ MessageBody }) => JSON.parse(MessageBody))).toEqual(numbers(23));
    expect(new Set(entries.map(({ DelaySeconds }) => DelaySeconds))).toEqual(new Set([900]));
  });

  it('cost no request where there are none', async () => {
    await queue().send([]);
    expect(requests).toEqual([]);
  });

  it.each([['the first'], ['the last'], ['all']])(
    'make the caller fail if SQS takes all but %s of them',
    async (which) => {
      refused = which === 'all' ? ['0', '1', '2'] : [which === 'the first' ? '0' : '2'];
      await expect(queue().send(numbers(3))).rejects.toThrow(
        `SQS did not take ${refused.length} of 3 messages: InternalError`,
      );
    },
  );
});
