import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const fileName = 'agent.sock';
/** Two that find the socket of a killed agent at the same moment are both through with taking it over by then. */
const settlesMs = 300;

/**
 * Holds the folder, made if need be, for this agent alone: two on one folder would send each other's links, and look like a
 * machine and its copy. It is held until the returned function is called or the process ends, however it ends. Undefined
 * while another agent holds it. Throws where the folder cannot be used.
 */
export async function holdFolder(folder: string): Promise<(() => Promise<void>) | undefined> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, fileName);
  const server = (await listening(path)) ?? (await takenOver(path));
  if (!server) return undefined;
  server.unref();
  return async () => {
    await new Promise((resolve) => server.close(resolve));
  };
}

/** Undefined where the file is there, whoever listens on it. */
async function listening(path: string): Promise<Server | undefined> {
  const server = createServer((visitor) => visitor.destroy()).listen(path);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EADDRINUSE') return undefined;
    // A path too long for a socket (about a hundred characters: unix(7)) holds nobody up
    if (code !== 'EINVAL') throw error;
  }
  return server;
}

/** A killed agent leaves its file, on which nobody listens any more. */
async function takenOver(path: string): Promise<Server | undefined> {
  const answer = await visit(path);
  if (answer !== 'ECONNREFUSED' && answer !== 'ENOENT') return undefined;
  await rm(path, { force: true });
  const server = await listening(path);
  if (!server) return undefined;
  await wait(settlesMs);
  const visited = once(server, 'connection').then(() => true);
  const isOwn = (await visit(path)) === 'connected' && (await Promise.race([visited, wait(settlesMs, false)]));
  if (isOwn) return server;
  // Not closed: that would remove the file, which is another's by now
  server.unref();
  return undefined;
}

/** What came of a connection: `connected`, or the error's code. One that is held up counts as answered by somebody. */
async function visit(path: string): Promise<string> {
  const visitor = createConnection(path);
  try {
    await once(visitor, 'connect');
    return 'connected';
  } catch (error) {
    return codeOf(error) ?? 'unknown';
  } finally {
    visitor.destroy();
  }
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;
