import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Arrived } from './signature.ts';

export interface Answer {
  status: number;
  body: string;
  headers?: Record<string, string>;
  /** It is not given at all: the connection stays open. */
  never?: true;
}

/** Stands where the operator API stands: keeps what arrives and gives the answer that is set. */
export interface Api {
  url: string;
  arrived: Arrived[];
  answer: Answer | ((request: Arrived) => Answer);
  close: () => void;
}

export async function openApi(): Promise<Api> {
  const server = createServer(async (request, response) => {
    const { method = '', url: target = '', headers } = request;
    const arrived = { method, target, headers, body: await text(request) };
    api.arrived.push(arrived);
    const answer = typeof api.answer === 'function' ? api.answer(arrived) : api.answer;
    if (answer.never) return;
    response.writeHead(answer.status, { connection: 'close', ...answer.headers }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const api: Api = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrived: [],
    answer: json(200, { items: [], nextPageToken: null }),
    close: () => server.close(),
  };
  return api;
}

export const json = (status: number, body: object): Answer => ({
  status,
  body: JSON.stringify(body),
  headers: { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' },
});
