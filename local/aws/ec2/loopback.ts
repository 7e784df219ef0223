import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface LoopbackServer {
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** Ends it, together with the connections that it holds open. */
  close(): Promise<void>;
}

/**
 * An HTTP server that only this machine reaches; port 0 takes any free one. Rejects if the port is taken. A browser
 * can be led here under a foreign name (DNS rebinding): any `Host` but 127.0.0.1 and localhost gets 421.
 */
export async function serveOnLoopback(handle: RequestListener, port: number): Promise<LoopbackServer> {
  const server = createServer((request, response) => {
    if (/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(request.headers.host ?? '')) handle(request, response);
    else response.writeHead(421).end();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
