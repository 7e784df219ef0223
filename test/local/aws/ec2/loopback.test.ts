import { get } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { serveOnLoopback } from '#local/aws/ec2/loopback.ts';

async function startServer() {
  const server = await serveOnLoopback((_, response) => response.end('here'), 0);
  onTestFinished(() => server.close());
  return server;
}

function statusFor(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { host } }, (response) => resolve(response.resume().statusCode)).on('error', reject);
  });
}

describe('a server on the loopback address', () => {
  it('answers under its own names and misdirects all others', async () => {
    const { url } = await startServer();
    const { port } = new URL(url);
    expect(await statusFor(url, `127.0.0.1:${port}`)).toBe(200);
    expect(await statusFor(url, `localhost:${port}`)).toBe(200);
    expect(await statusFor(url, `rebound.example:${port}`)).toBe(421);
    expect(await statusFor(url, `127.0.0.1.example`)).toBe(421);
  });

  it('rejects a port that is taken', async () => {
    const { url } = await startServer();
    await expect(serveOnLoopback(() => {}, Number(new URL(url).port))).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('closes although connections are kept alive', async () => {
    const server = await serveOnLoopback((_, response) => response.end('here'), 0);
    expect(await (await fetch(server.url)).text()).toBe('here');
    await server.close();
    await expect(fetch(server.url)).rejects.toThrow('fetch failed');
  });
});
